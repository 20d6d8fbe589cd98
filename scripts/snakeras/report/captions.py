"""Captions of the report: reStructuredText with the figures of this search filled in."""

import re
from collections.abc import Mapping
from pathlib import Path

from snakeras.core import files
from snakeras.report import style


def save(drawn: dict[str, style.Picture], inputs: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Save pictures with their captions.

    Parameters
    ----------
    drawn
        Pictures by name.
    inputs, outputs
        Paths by name: ``<name>_text`` of a caption's template; ``<name>`` of the SVG, ``<name>_png``,
        ``<name>_caption``.
    """
    for name, picture in drawn.items():
        style.save(picture.figure, Path(outputs[name]), Path(outputs[f"{name}_png"]))
        write(Path(inputs[f"{name}_text"]), picture.figures, Path(outputs[f"{name}_caption"]))


def write(template: Path, figures: dict, result: Path) -> None:
    """Fill a caption's template in.

    Snakemake renders captions by Jinja too, and knows nothing of a search's figures: what it is given is without any
    placeholder.

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
    """The text of a Jinja2 template with these values, which mean nothing in HTML if that is what it is."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=html, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(figures)


def _escaped(value: object) -> object:
    """A figure whose texts mean nothing in reStructuredText: a name may end in an underscore."""
    if isinstance(value, str):
        return re.sub(r"([\\*`|_])", r"\\\1", value)
    return [_escaped(item) for item in value] if isinstance(value, list | tuple) else value
