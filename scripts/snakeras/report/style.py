"""How pictures look and become files: readable small and large, in light and in dark, and by the colour-blind."""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from snakeras.core import files

# A page of 400 pixels shows it at 0.9 pixels a point, so that the smallest text stays readable there.
WIDTH = 6.2  # inches
PIXELS_PER_INCH = 226  # of the PNG: 1,400 pixels wide

# What is drawn in these turns to the second one where the reader's system is dark.
INK = "#24292f"
PAPER = "#ffffff"
FAINT = "#d8dee4"
MUTED = "#6e7781"
DARK = {INK: "#e6edf3", PAPER: "#0d1117", FAINT: "#30363d", MUTED: "#9198a1"}

# Okabe and Ito 2008: distinguishable with the common colour blindnesses, on white and on black.
BLUE, ORANGE, RED, GREEN = "#0072b2", "#e69f00", "#d55e00", "#009e73"
# Colour and marker of each status: the marker tells them apart without colours too.
STATUS = {"completed": (BLUE, "o"), "pruned": (ORANGE, "s"), "failed": (RED, "X")}
# From worst to best: evenly lighter, also for the colour-blind.
SCALE = "cividis"

STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.labelcolor": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "text.parse_math": False,  # a name may hold dollars
    "svg.hashsalt": "snakeras",  # the same picture, the same bytes
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Picture:
    """A drawn picture, and the figures that its caption tells of."""

    figure: object  # matplotlib.figure.Figure
    figures: dict = field(default_factory=dict)


@contextmanager
def style() -> Iterator[None]:
    """Draw in the look of all pictures; also needed around ``save``."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def new(height: float) -> object:
    """An empty figure of the common width, whose parts keep clear of each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def saying(text: str) -> object:
    """A picture that only says why there is nothing to draw."""
    figure = new(1.6)
    figure.text(0.5, 0.5, textwrap.fill(text, 60), ha="center", va="center", fontsize=11)
    return figure


def save(figure: object, svg: Path, png: Path) -> None:
    """Write a figure as SVG, which turns dark where the reader's system is, and as PNG; each whole or not at all."""
    with style():
        with files.whole(Path(svg)) as temporary:
            figure.savefig(temporary, metadata={"Date": None})
            temporary.write_text(adaptive(temporary.read_text(encoding="utf-8")), encoding="utf-8")
        with files.whole(Path(png)) as temporary:
            figure.savefig(temporary, dpi=PIXELS_PER_INCH, metadata={"Software": None})


def adaptive(svg: str) -> str:
    """An SVG with a style sheet that swaps our colours of ink and paper in the dark; other viewers ignore it."""
    swaps = "".join(
        f'[style*="{kind}: {light}"]{{{kind}:{dark}!important}}'
        for light, dark in DARK.items()
        for kind in ("fill", "stroke")
    )
    sheet = f"<style>@media (prefers-color-scheme: dark){{{swaps}}}</style>"
    changed, count = re.subn(r"(<svg\b[^>]*>)", lambda match: match[1] + sheet, svg, count=1)
    if not count:
        raise ValueError("no SVG")
    return changed
