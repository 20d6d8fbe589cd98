"""Templates of the report with the figures of a search filled in: captions (reStructuredText) and pages (HTML)."""

import html as markup
import math
import re
from pathlib import Path

from snakeras.core import files
from snakeras.core.text import number

REPORT = Path(__file__).resolve().parents[3] / "report"


def write(template: Path, figures: dict, result: Path) -> None:
    """Fill in a caption's template and write it.

    Raises:
        jinja2.UndefinedError: When the template names a figure that is not there.
    """
    text = filled(template.read_text(encoding="utf-8"), figures)
    # Snakemake renders captions by Jinja again: braces must come out as text.
    files.write_text(result, text.replace("{", "{{ '{' }}") + "\n")


def filled(template: str, figures: dict, html: bool = False) -> str:
    """Return a Jinja2 template with these values filled in, escaped for HTML or else for reStructuredText."""
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        finalize=None if html else _escaped,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": _percent, "precise": _precise}
    return environment.from_string(template).render(figures)


def page(title: str, body: str) -> str:
    """Return a whole HTML page with a title, plain text, and the HTML of its body; it needs no network."""
    name, sheet = markup.escape(title), (REPORT / "pages.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{sheet}</style>\n</head>\n"
        f"<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )


def _escaped(value: object) -> object:
    """Return a text such that it means nothing in reStructuredText: a name may end in an underscore."""
    return re.sub(r"([\\*`|_])", r"\\\1", value) if isinstance(value, str) else value


def _percent(share: object) -> str | None:
    return f"{100 * share:.2f} %" if isinstance(share, int | float) else None


def _precise(value: object) -> str | None:
    """Return a number with 6 significant digits, None for what is no finite number."""
    return f"{value:.6g}" if isinstance(value, int | float) and math.isfinite(value) else None
