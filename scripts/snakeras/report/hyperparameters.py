"""The picture of what each hyperparameter's values led to, and of where TPE would look next."""

import math
import textwrap
from collections import Counter
from collections.abc import Iterator

import numpy as np

from snakeras.report import preference, style
from snakeras.search import samplers, trial_records

COLUMNS = 2
PANEL = 1.35  # inches: the height of a panel without its labels
LABELS = 0.55  # inches: that of its labels
LETTER = 0.075  # inches: what a letter of an option takes
LONGEST_NAME = 32
LONGEST_OPTION = 16
IN_A_LINE = 30  # letters of the options that fit side by side
OPTIONS = 24  # labelled at the most
FENCE = 3  # interquartile ranges, beyond which a value lies "far out" (Tukey 1977)
STRIP = 0.16  # of the axis: for the trials without a value
STEPS = [1, 2, 2.5, 5, 10]  # between ticks, times a power of ten
MANY = 200  # trials: drawn smaller
GOLDEN = (math.sqrt(5) - 1) / 2

REGION = {"color": style.GREEN, "alpha": 0.22, "linewidth": 0}
RING = {"color": style.INK, "markersize": 9, "markerfacecolor": "none", "markeredgewidth": 1.4}
BEYOND = {"color": style.INK, "markersize": 7, "markerfacecolor": "none", "markeredgewidth": 0.8}


def hyperparameters(search: dict) -> style.Picture:
    """Draw the objective over each hyperparameter's values, and shade where TPE prefers them.

    Parameters
    ----------
    search
        As ``gathered.described`` gives it.

    Returns
    -------
    pictures.Picture
        Its figures: ``drawn``; ``trials``, ``completed``, ``pruned`` and ``failed``, their numbers; ``without_value``,
        of those not failed; ``best``, the name of the best trial, or None; ``beyond``, how many lie beyond the axis;
        ``shaded``, of how many hyperparameters a part is shaded; ``objective`` and ``better``.
    """
    trials = search["trials"]
    values = [trial["value"] for trial in trials if _has_value(trial)]
    counts = Counter(trial["status"] for trial in trials)
    figures = {
        "drawn": bool(values and search["space"]),
        "trials": len(trials),
        **{status: counts[status] for status in style.STATUS},
        "without_value": len(trials) - counts["failed"] - len(values),
        "best": None if search["best"] is None else trial_records.name(search["best"]),
        "beyond": 0,
        "shaded": 0,
        "objective": search["objective"]["label"],
        "better": search["objective"]["better"],
    }
    with style.style():
        if not search["space"]:
            return style.Picture(style.saying("The script has no hyperparameters to draw."), figures)
        if not values:
            whose = f"All {len(trials)} trials failed: none" if figures["failed"] == len(trials) else "No trial"
            reason = f"{whose} has a {figures['objective'].lower()} to draw over its hyperparameters."
            return style.Picture(style.saying(reason), figures)
        preferences = _preferences(search)
        low, high = limits(values, next((trial["value"] for trial in trials if trial["trial"] == search["best"]), None))
        figure = _drawn(search, preferences, low, high)
    beyond = sum(not low <= value <= high for value in values)
    return style.Picture(figure, figures | {"beyond": beyond, "shaded": len(preferences)})


def limits(values: list[float], best: float | None) -> tuple[float, float]:
    """The objective's range: that of all values but those far out, and always up to the best one."""
    lower, upper = np.percentile(values, [25, 75])
    fence = FENCE * (upper - lower)
    near = [value for value in values if lower - fence <= value <= upper + fence] if fence else values
    near = near if best is None else [*near, best]
    return min(near), max(near)


def spans(found: preference.Preference, distribution: dict) -> Iterator[tuple[float, float]]:
    """From where to where the ratio is above 1: half a step to each side of the values that a distribution takes."""
    values, preferred = found.values, found.ratio > 1
    starts = np.flatnonzero(preferred & ~np.append(False, preferred[:-1]))
    ends = np.flatnonzero(preferred & ~np.append(preferred[1:], False))
    kind, step = distribution["kind"], 0
    if kind in ("choice", "randint"):
        step = 1
    elif kind.startswith("q"):
        step = distribution["arguments"][2]
    between = (values[1:] + values[:-1]) / 2
    for start, end in zip(starts, ends, strict=True):
        if step:
            yield values[start] - step / 2, values[end] + step / 2
        else:
            yield (between[start - 1] if start else values[0]), (between[end] if end < len(between) else values[-1])


def short(text: str, length: int) -> str:
    """A text without its middle, if it is longer: a number at its end tells it from others."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[-end:]}"


def _preferences(search: dict) -> dict[str, preference.Preference]:
    algo = search["search"]["algo"]
    if samplers.SHORT_NAMES.get(algo, algo) != samplers.SHORT_NAMES["tpe"]:
        return {}
    found = {name: preference.of(search, name) for name in search["space"]}
    return {name: item for name, item in found.items() if item is not None and np.any(item.ratio > 1)}


def _drawn(search: dict, preferences: dict, low: float, high: float) -> object:
    names, trials = list(search["space"]), search["trials"]
    rows = math.ceil(len(names) / COLUMNS)
    seen = {name: preference.observed(search, name) for name in names}
    turned = sum(max(map(_turned, (seen[name] for name in names[row * COLUMNS :][:COLUMNS]))) for row in range(rows))
    figure = style.new(0.8 + rows * (PANEL + LABELS) + turned)
    figure.get_layout_engine().set(h_pad=0.06)
    axes = list(figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).flat)
    for axis in axes[len(names) :]:
        axis.remove()
    for axis, name in zip(axes, names, strict=False):
        for start, end in spans(preferences[name], search["space"][name]) if name in preferences else ():
            axis.axvspan(start, end, **REGION)
        _points(axis, trials, seen[name], search["best"], low, high)
        _across(axis, search["space"][name], seen[name])
        scale = " (log scale)" if axis.get_xscale() != "linear" else ""
        axis.set_xlabel(short(name, LONGEST_NAME - len(scale)) + scale)
    _upwards(axes[: len(names)], trials, low, high)
    for axis in axes[: len(names) : COLUMNS]:
        axis.set_ylabel(textwrap.fill(search["objective"]["label"], 14))
    legend = _legend(figure, trials, search["best"], bool(preferences), low, high)
    legend.set_title(f"{search['objective']['label']}: {search['objective']['better']} is better")
    return figure


def _points(
    axis: object, trials: list[dict], seen: preference.Observed, best: int | None, low: float, high: float
) -> None:
    many = len(trials) > MANY
    for status, (colour, marker) in style.STATUS.items():
        own = [trial for trial in trials if trial["status"] == status]
        look = {"color": colour, "markersize": 2.8 if many else 4.2, "alpha": 0.6 if many else 0.85}
        _mark(axis, own, seen, low, high, marker, markeredgewidth=0, zorder=2, **look)
    for marker, beyond in zip("v^", _beyond(trials, low, high), strict=True):
        _mark(axis, beyond, seen, low, high, marker, zorder=3, **BEYOND)
    _mark(axis, [trial for trial in trials if trial["trial"] == best], seen, low, high, "o", zorder=4, **RING)


def _mark(
    axis: object, trials: list[dict], seen: preference.Observed, low: float, high: float, marker: str, **look: object
) -> None:
    own = [trial for trial in trials if trial["trial"] in seen.values]
    across, upwards = [_place(trial, seen) for trial in own], [_height(trial, low, high) for trial in own]
    axis.plot(across, upwards, marker, linestyle="none", **look)


def _beyond(trials: list[dict], low: float, high: float) -> tuple[list[dict], list[dict]]:
    """The trials below and above the range."""
    own = [trial for trial in trials if _has_value(trial)]
    return [trial for trial in own if trial["value"] < low], [trial for trial in own if trial["value"] > high]


def _place(trial: dict, seen: preference.Observed) -> float:
    """Where a trial lies across; trials with the same option lie beside each other."""
    jitter = 0.6 * (trial["trial"] * GOLDEN % 1 - 0.5) if seen.options is not None else 0
    return seen.values[trial["trial"]] + jitter


def _height(trial: dict, low: float, high: float) -> float:
    """Where a trial lies upwards: beyond the range at its end, without a value in the strip below."""
    if _has_value(trial):
        return min(max(trial["value"], low), high)
    return low - STRIP * _reach(low, high)


def _has_value(trial: dict) -> bool:
    return trial["value"] is not None and trial["status"] != "failed"


def _reach(low: float, high: float) -> float:
    return high - low or abs(high) * 0.1 or 1.0


def _across(axis: object, distribution: dict | None, seen: preference.Observed) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

    if seen.options is not None:
        _name_options(axis, seen)
        return
    if not seen.values and not distribution:
        axis.set_xticks([])
        axis.text(0.5, 0.5, "no values", transform=axis.transAxes, ha="center", va="center")
        return
    values = list(seen.values.values())
    if preference.known(distribution):
        values += list(preference.grid(distribution, values)[[0, -1]])
    start, end = min(values), max(values)
    decades = math.log10(end / start) if seen.logarithmic and start > 0 else 0
    if seen.logarithmic and start > 0:
        margin = (end / start) ** 0.04 if end > start else 2
        axis.set_xscale("log")
        axis.set_xlim(start / margin, end * margin)
        axis.xaxis.set_major_locator(LogLocator(numticks=6))
        axis.xaxis.set_minor_formatter(NullFormatter())
    elif seen.logarithmic and end > 0:
        # What is rounded to steps may be 0, which has no logarithm.
        smallest = min(value for value in values if value > 0)
        axis.set_xscale("symlog", linthresh=smallest)
        axis.set_xlim(-0.4 * smallest, 1.2 * end)
        powers = range(math.ceil(math.log10(smallest)), math.floor(math.log10(end)) + 1)
        axis.set_xticks([0, *(10.0**power for power in powers)])
        axis.xaxis.set_minor_locator(NullLocator())
    elif end > start:
        axis.set_xlim(start - 0.04 * (end - start), end + 0.04 * (end - start))
    if seen.logarithmic:
        # matplotlib's own are formulas, which pictures do not have.
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    if not seen.logarithmic or 0 < decades < 2:
        whole = all(value == int(value) for value in values)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=whole, steps=STEPS))
        axis.xaxis.set_major_formatter(ScalarFormatter(useOffset=False))
        axis.ticklabel_format(axis="x", style="sci", scilimits=(-3, 5))
        axis.xaxis.set_minor_locator(NullLocator())


def _name_options(axis: object, seen: preference.Observed) -> None:
    count = len(seen.options)
    shown = range(0, count, math.ceil(count / OPTIONS) or 1) if count else []
    turned = _is_turned(seen)
    axis.set_xticks(
        list(shown),
        [short(seen.options[place], LONGEST_OPTION) for place in shown],
        rotation=90 if turned else 0,
        fontsize=8 if turned else 9,
    )
    axis.set_xlim(-0.5, max(count, 1) - 0.5)
    axis.grid(visible=False, axis="x")


def _is_turned(seen: preference.Observed) -> bool:
    return sum(len(short(option, LONGEST_OPTION)) + 2 for option in seen.options) > IN_A_LINE


def _turned(seen: preference.Observed) -> float:
    if seen.options is None or not _is_turned(seen):
        return 0.0
    return LETTER * max(len(short(option, LONGEST_OPTION)) for option in seen.options)


def _upwards(axes: list, trials: list[dict], low: float, high: float) -> None:
    from matplotlib.ticker import MaxNLocator

    reach = _reach(low, high)
    ticks = [
        tick
        for tick in MaxNLocator(5, steps=STEPS).tick_values(low, high)
        if low - 0.05 * reach <= tick <= high + 0.05 * reach
    ]
    labels, bottom = [f"{tick:.5g}".replace("-", "−") for tick in ticks], low - 0.1 * reach
    if without := [trial for trial in trials if not _has_value(trial)]:
        bottom = low - 1.5 * STRIP * reach
        ticks.append(low - STRIP * reach)
        labels.append("failed" if all(trial["status"] == "failed" for trial in without) else "none")
        for axis in axes:
            axis.axhline(low - STRIP / 2 * reach, color=style.MUTED, linewidth=0.6)
    axes[0].set_yticks(ticks, labels)
    axes[0].set_ylim(bottom, high + 0.1 * reach)


def _legend(figure: object, trials: list[dict], best: int | None, shaded: bool, low: float, high: float) -> object:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    counts = Counter(trial["status"] for trial in trials)
    entries = {
        f"{status} ({counts[status]})": Line2D([], [], marker=marker, color=colour, linestyle="none", markeredgewidth=0)
        for status, (colour, marker) in style.STATUS.items()
        if counts[status]
    }
    if best is not None:
        entries["best trial"] = Line2D([], [], marker="o", linestyle="none", **RING)
    below, above = _beyond(trials, low, high)
    if below or above:
        label, marker = f"beyond the axis ({len(below + above)})", "v" if below else "^"
        entries[label] = Line2D([], [], marker=marker, linestyle="none", **BEYOND)
    if shaded:
        entries["TPE prefers"] = Patch(**REGION)
    return figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=3, columnspacing=1.2)
