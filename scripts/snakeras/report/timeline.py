"""The picture of which trial ran when and where, and what running several at once gained."""

import datetime
import re
import statistics
from collections.abc import Iterable

from snakeras.core.times import moment
from snakeras.report import style
from snakeras.workflow import progress

# A pause is cut out of the axis where it is longer than so many trials, and than this share of the axis.
LONG_PAUSE, LONG_SHARE = 5, 0.05
HATCHES = {"completed": "", "pruned": "////", "failed": "xxx"}
# Nearly white and nearly black, on bars: the style sheet of the dark does not swap these.
LIGHT, DARK = "#fefefe", "#111111"
ON_BAR = {"completed": LIGHT, "pruned": DARK, "failed": DARK}
MOST_NUMBERS = 200  # trials: of more, only some would have room for theirs
MOST_LABELS = 48  # that stay readable beside the tallest picture


def lanes(trials: Iterable[dict]) -> dict[str, list[dict]]:
    """The trials that ran at each place, in the order of their starts.

    A place is a GPU of a host, or a host without any; where several trials ran there at once, it has as many lanes,
    numbered from 1, of which each trial takes the first that is free.

    Parameters
    ----------
    trials
        Of ``gathered.described``, each with ``started``, ``finished``, ``host`` and ``gpu``.

    Returns
    -------
    dict
        The trials by the name of the lane: ``node1``, ``node1 (2)``, ``node1 GPU 0``; sorted, node2 before node10.
    """
    trials = sorted(trials, key=lambda trial: (moment(trial["started"]), trial["trial"]))
    places = {}
    for trial in trials:
        found = places.setdefault((trial["host"] or "unknown", trial.get("gpu")), [])
        for lane in found:
            if moment(lane[-1]["finished"]) <= moment(trial["started"]):
                lane.append(trial)
                break
        else:
            found.append([trial])
    short = _short({host for host, _ in places})
    return {
        _name(short[host], gpu, number if len(found) > 1 else None): lane
        for (host, gpu), found in sorted(places.items(), key=lambda item: [_natural(part or "") for part in item[0]])
        for number, lane in enumerate(found, start=1)
    }


def pauses(trials: list[dict]) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """From when to when no trial ran for long, as where a search was resumed the next day.

    Long is more than five times the median trial, and more than a twentieth of the time in which any ran.
    """
    if not trials:
        return []
    usual = statistics.median(trial["seconds"] for trial in trials)
    long = max(LONG_PAUSE * usual, LONG_SHARE * progress.busy_seconds(trials))
    found, until = [], None
    for start, end in sorted((moment(trial["started"]), moment(trial["finished"])) for trial in trials):
        if until is not None and (start - until).total_seconds() > long:
            found.append((until, start))
        until = end if until is None else max(until, end)
    return found


def figures(search: dict) -> dict:
    """What the caption tells of when and where a search ran.

    Parameters
    ----------
    search
        By ``gathered.described``.

    Returns
    -------
    dict
        ``trials``, how many with a known time, and ``unknown``, how many without; ``lanes``, how many could run at
        once, and ``hosts`` (how many); ``wall_seconds``, from the first start to the last end; ``active_seconds``, in
        which at least one trial ran; ``busy_seconds``, the sum of all trials; ``paused_seconds`` and ``pauses`` (how
        many), by ``pauses``; ``speed_up``, busy by active time; ``used``, busy time by that of all lanes outside of the
        pauses, both None where no time is known; ``wall``, ``active``, ``busy`` and ``paused``, these times as text.
    """
    trials = timed(search["trials"])
    found = pauses(trials)
    places = lanes(trials)
    busy = sum(trial["seconds"] for trial in trials)
    active = progress.busy_seconds(trials)
    paused = sum((end - start).total_seconds() for start, end in found)
    wall = (_last(trials) - _first(trials)).total_seconds() if trials else 0.0
    return {
        "trials": len(trials),
        "unknown": len(search["trials"]) - len(trials),
        "lanes": len(places),
        "hosts": len({trial["host"] for trial in trials}),
        "wall_seconds": wall,
        "active_seconds": active,
        "busy_seconds": busy,
        "paused_seconds": paused,
        "pauses": len(found),
        "speed_up": busy / active if active else None,
        "used": busy / (len(places) * (wall - paused)) if wall > paused else None,
        "wall": progress.duration(wall),
        "active": progress.duration(active),
        "busy": progress.duration(busy),
        "paused": progress.duration(paused),
    }


def timeline(search: dict) -> style.Picture:
    """A bar for each trial, in the lane where it ran; of long pauses no more than where they were.

    Parameters
    ----------
    search
        By ``gathered.described``.

    Returns
    -------
    Picture
        Its figures: by ``figures``.
    """
    known = figures(search)
    trials = timed(search["trials"])
    with style.style():
        if not trials:
            return style.Picture(style.saying("When the trials ran is not known: nothing to draw"), known)
        return style.Picture(_draw(trials, known), known)


def timed(trials: Iterable[dict]) -> list[dict]:
    """Those of the trials of which is known when they ran."""
    return [trial for trial in trials if trial["started"] is not None and trial["finished"] is not None]


def title(speed_up: float | None) -> str:
    """What running several trials at once gained, in a line."""
    if speed_up is None or speed_up < 1.05:
        return "One trial at a time"
    return f"{speed_up:.1f} times as fast as one trial at a time"


def _draw(trials: list[dict], known: dict) -> object:
    from matplotlib.ticker import MaxNLocator

    places = lanes(trials)
    unit, name = _unit(known["wall_seconds"] - known["paused_seconds"])
    breaks = pauses(trials)
    start = _first(trials)

    def at(time: str | datetime.datetime) -> float:
        """Where a time lies on the axis: since the start, without the pauses."""
        when = moment(time) if isinstance(time, str) else time
        before = sum((end - begin).total_seconds() for begin, end in breaks if end <= when)
        return ((when - start).total_seconds() - before) / unit

    height = min(0.3, 8.0 / len(places)) * len(places)
    figure = style.new(height + 1.5)
    axes = figure.add_subplot()
    end = at(_last(trials)) or 1.0
    points = 72 * 0.75 * style.WIDTH / end  # to one unit of the time axis, about
    _bars(axes, places, at, points)
    if len(trials) <= MOST_NUMBERS and 72 * height / len(places) >= 11:
        _numbers(axes, places, at, points)
    _mark_pauses(axes, breaks, at, end)
    axes.set_xlim(-0.01 * end, 1.01 * end)
    axes.set_ylim(len(places) - 0.4, -0.6)
    every = -(-len(places) // MOST_LABELS)
    labels = _distinct([_fitting(place) for place in places])
    axes.set_yticks(range(0, len(places), every), labels[::every], fontsize=9 if len(places) <= 24 else 8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
    without = " (pauses left out)" if breaks else ""
    axes.set_xlabel(f"{name} since the first trial started{without}")
    figure.suptitle(title(known["speed_up"]), fontsize=11)
    _legend(figure, trials)
    return figure


def _bars(axes: object, places: dict[str, list[dict]], at: object, points: float) -> None:
    for status, (colour, _) in style.STATUS.items():
        for row, lane in enumerate(places.values()):
            spans = [
                (at(trial["started"]), at(trial["finished"]) - at(trial["started"]))
                for trial in lane
                if trial["status"] == status
            ]
            if not spans:
                continue
            # A rim as wide as a bar would hide it.
            rim = min(0.7, 0.15 * points * statistics.median(width for _, width in spans))
            axes.broken_barh(
                spans,
                (row - 0.4, 0.8),
                facecolor=colour,
                edgecolor=style.PAPER,
                linewidth=rim,
                hatch=HATCHES[status],
                hatchcolor=LIGHT,
                hatch_linewidth=0.5,
            )


def _numbers(axes: object, places: dict[str, list[dict]], at: object, points: float) -> None:
    """The trials' numbers, on bars that are wide enough."""
    from matplotlib.patheffects import withStroke

    roomy = [
        (row, trial, (at(trial["started"]) + at(trial["finished"])) / 2)
        for row, lane in enumerate(places.values())
        for trial in lane
        if points * (at(trial["finished"]) - at(trial["started"])) > 6 * len(str(trial["trial"])) + 3
    ]
    for row, trial, middle in roomy:
        axes.text(
            middle,
            row,
            str(trial["trial"]),
            ha="center",
            va="center_baseline",
            fontsize=8,
            color=ON_BAR[trial["status"]],
            path_effects=[withStroke(linewidth=4, foreground=style.STATUS[trial["status"]][0])],
        )


def _mark_pauses(axes: object, breaks: list[tuple], at: object, end: float) -> None:
    """A line where a pause is left out, and how long it was where there is room for that."""
    taken = []
    # The longest first: that is the one to know of.
    for begin, until in sorted(breaks, key=lambda pause: pause[0] - pause[1]):
        place = at(begin)
        axes.axvline(place, color=style.INK, linewidth=1, linestyle=(0, (2, 2)), zorder=4)
        share = min(max(place / end, 0.1), 0.9)
        if all(abs(share - other) >= 0.22 for other in taken):
            axes.annotate(
                f"pause: {progress.duration((until - begin).total_seconds())}",
                (share, 1),
                xycoords="axes fraction",
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=9,
            )
            taken.append(share)


def _legend(figure: object, trials: list[dict]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor=colour,
            edgecolor=style.PAPER,
            linewidth=0,
            hatch=HATCHES[status],
            hatchcolor=LIGHT,
            hatch_linewidth=0.5,
            label=f"{status} ({count})",
        )
        for status, (colour, _) in style.STATUS.items()
        if (count := sum(trial["status"] == status for trial in trials))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _unit(seconds: float) -> tuple[int, str]:
    if seconds < 120:
        return 1, "Seconds"
    return (60, "Minutes") if seconds < 120 * 60 else (3600, "Hours")


def _name(host: str, gpu: str | None, number: int | None) -> str:
    return host + (f" GPU {gpu}" if gpu else "") + (f" ({number})" if number else "")


def _short(hosts: set[str]) -> dict[str, str]:
    """Hosts without their domains, where that keeps them apart and they are no addresses."""
    short = {host: host if re.fullmatch(r"[\d.]+", host) else host.split(".")[0] for host in hosts}
    return short if len(set(short.values())) == len(hosts) else {host: host for host in hosts}


def _fitting(place: str) -> str:
    """The name of a lane, a long one without its middle: its end tells the lanes of a host apart."""
    return place if len(place) <= 20 else f"{place[:9]}…{place[-10:]}"


def _distinct(labels: list[str]) -> list[str]:
    """Labels of which those that are alike are numbered."""
    return [
        f"{label} #{labels[: place + 1].count(label)}" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    ]


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sorts numbers within names by their size."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _first(trials: list[dict]) -> datetime.datetime:
    return min(moment(trial["started"]) for trial in trials)


def _last(trials: list[dict]) -> datetime.datetime:
    return max(moment(trial["finished"]) for trial in trials)
