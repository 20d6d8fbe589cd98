"""Captions of the report: reStructuredText with the figures of this search filled in."""

import re
from pathlib import Path

from snakeras.core import files


def write(template: Path, figures: dict, result: Path) -> None:
    """Fill in a caption's template and write it.

    Snakemake renders captions by Jinja again, without a search's figures: braces are left as text for it.

    Parameters
    ----------
    template
        reStructuredText as a Jinja2 template.
    figures
        The values of its names.

    Raises
    ------
    jinja2.UndefinedError
        When the template names a figure that is not there.
    """
    text = filled(template.read_text(encoding="utf-8"), {name: _escaped(value) for name, value in figures.items()})
    files.write_text(result, text.replace("{", "{{ '{' }}") + "\n")


def filled(template: str, figures: dict, html: bool = False) -> str:
    """Return a Jinja2 template with these values filled in, escaped where it is HTML."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=html, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(figures)


def _escaped(value: object) -> object:
    """Return a figure whose text means nothing in reStructuredText: a name may end in an underscore."""
    if isinstance(value, str):
        return re.sub(r"([\\*`|_])", r"\\\1", value)
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value
