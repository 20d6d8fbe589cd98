"""What the HTML pages of the report share: readable at any width, in light and dark, without a network."""

import html
from pathlib import Path

REPORT = Path(__file__).resolve().parents[3] / "report"


def page(title: str, body: str) -> str:
    """Return a whole HTML page with a title, plain text, and the HTML of its body."""
    name, sheet = html.escape(title), (REPORT / "pages.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{sheet}</style>\n</head>\n"
        f"<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )
