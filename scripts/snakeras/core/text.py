"""Numbers and texts as people see them: on the terminal, in pictures, in pages."""

import csv
import io
import math
from collections.abc import Iterable

from snakeras.core.errors import flat


def number(value: object) -> str:
    """Return a number with 4 significant digits, a whole one below a million with all of its digits.

    Anything that is no number is returned as ``str`` writes it, and so are NaN and infinity.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isfinite(value) and value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def shortened(text: object, length: int) -> str:
    """Return ``text`` on one line in at most ``length`` characters.

    A longer text loses its middle: names often differ in their ends, and an error's last words say what it was about.
    """
    line = flat(text)
    if len(line) <= length:
        return line
    end = (length - 1) // 2
    return f"{line[: length - 1 - end]}…{line[len(line) - end :]}"


def as_csv(rows: Iterable[Iterable[object]]) -> str:
    """Return rows as a CSV table; None is an empty field."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(rows)
    return table.getvalue()
