"""What the HTML pages of the report share: readable at any width, in light and dark, without a network."""

import html

from snakeras.report.style import DARK, FAINT, INK, MUTED, PAPER

LIGHT = {"ink": INK, "paper": PAPER, "faint": FAINT, "muted": MUTED}


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


# Snakemake's report shows a page in a frame, whose width is what counts here.
SHEET = f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}--link:#0969da;--marked:#fff3c4}}
@media (prefers-color-scheme:dark){{
:root{{{_variables({name: DARK[colour] for name, colour in LIGHT.items()})}--link:#58a6ff;--marked:#3b3011}}
}}
*{{box-sizing:border-box}}
body{{margin:0;padding:16px;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}}
h1{{font-size:20px;margin:0 0 8px}}
p{{margin:0 0 10px;max-width:80ch}}
a{{color:var(--link)}}
@media (max-width:500px){{body{{padding:8px;font-size:14px}}}}
"""


def page(title: str, body: str, sheet: str = "") -> str:
    """Return a whole HTML page.

    Parameters
    ----------
    title
        Plain text, also the heading.
    body, sheet
        HTML and CSS to follow.
    """
    name = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}</title>\n<style>{SHEET}{sheet}</style>\n</head>\n"
        f"<body>\n<h1>{name}</h1>\n{body}\n</body>\n</html>\n"
    )
