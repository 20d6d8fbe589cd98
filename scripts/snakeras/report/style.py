"""How our own pictures look, and how any picture becomes files."""

import re
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path

from snakeras.core import files

WIDTH = 6.2  # inches; a page of 400 pixels still shows 9-point text readably
PIXELS_PER_INCH = 226  # of the PNG: 1,400 pixels wide

# In a dark report, these turn into DARK's.
INK, PAPER, FAINT, MUTED = "#24292f", "#ffffff", "#d8dee4", "#6e7781"
DARK = {INK: "#e6edf3", PAPER: "#0d1117", FAINT: "#30363d", MUTED: "#9198a1"}
# Okabe and Ito 2008: distinguishable with the common colour blindnesses.
BLUE, RED = "#0072b2", "#d55e00"

STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    **dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "text.color", "legend.labelcolor"), INK),
    **dict.fromkeys(("xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), PAPER),
    "text.parse_math": False,  # a name may hold dollars
    "svg.hashsalt": "snakeras",  # the same picture, the same bytes
}


def style() -> AbstractContextManager:
    """Return a context in which pictures have our look."""
    import matplotlib

    return matplotlib.rc_context(STYLE)


def new(height: float) -> object:
    """Return an empty matplotlib figure of the common width."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def saying(text: str) -> object:
    """Return a figure that only says why there is nothing to draw."""
    figure = new(1.6)
    figure.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center", fontsize=11)
    return figure


def save(figure: object, svg: Path, png: Path) -> None:
    """Write a matplotlib figure as SVG and as PNG, each whole or not at all."""
    with files.whole(svg) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})
        temporary.write_text(adaptive(temporary.read_text(encoding="utf-8")), encoding="utf-8")
    with files.whole(png) as temporary:
        figure.savefig(temporary, format="png", dpi=PIXELS_PER_INCH, metadata={"Software": None})


def adaptive(svg: str) -> str:
    """Return an SVG with a style sheet that swaps our colours where the reader's system is dark."""
    swaps = ""
    for kind in ("fill", "stroke"):
        for light, dark in DARK.items():
            swaps += f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
    sheet = f"<style>@media (prefers-color-scheme: dark){{{swaps}}}</style>"
    return re.sub(r"(<svg\b[^>]*>)", lambda match: match[1] + sheet, svg, count=1)
