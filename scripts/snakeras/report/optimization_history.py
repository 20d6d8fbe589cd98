"""Pictures of how a search went: the objective of each trial in their order, and the learning curves."""

import math
from collections.abc import Iterable

from snakeras.report import style
from snakeras.search import samplers

# Further from the best than so many times the distance within which three quarters lie, a value is out of the ordinary;
# a few values tell little of what is.
ORDINARY, ORDINARY_OF_FEW, FEW = 5, 100, 5
# So many points of curves make an SVG of about half a megabyte.
MOST_POINTS = 5_000
# Line width in points and opacity of up to so many curves.
CURVES = {30: (1.0, 0.9), 200: (0.8, 0.7)}


def validation(search: dict) -> style.Picture:
    """The objective by trial, and the best so far.

    Parameters
    ----------
    search
        By ``gathered.described``.

    Returns
    -------
    Picture
        Its figures: ``label``, ``better`` and ``trials`` (how many); ``completed``, ``pruned`` and ``failed``, how many
        of them; ``best`` and ``value``, the best trial's number and objective as text, None without any; ``tpe``, the
        first trial that TPE proposed, None without any; ``drawn``, how many trials have a value; ``outside``, how many
        of them lie beyond the axis, and ``limit``, its end there as text.
    """
    objective, trials = search["objective"], search["trials"]
    valued = [trial for trial in trials if trial["value"] is not None]
    best = next((trial for trial in valued if trial["trial"] == search["best"]), None)
    worst, _ = edges = limits([trial["value"] for trial in valued], objective["better"])
    outside = [trial for trial in valued if _worse(trial["value"], worst, objective["better"])]
    figures = {
        "label": objective["label"],
        "better": objective["better"],
        "trials": len(trials),
        **{status: sum(trial["status"] == status for trial in trials) for status in style.STATUS},
        "best": best and best["trial"],
        "value": best and written(best["value"], objective),
        "tpe": tpe_begins(search["search"], len(trials)),
        "drawn": len(valued),
        "outside": len(outside),
        "limit": written(worst, objective) if valued else None,
    }
    with style.style():
        if not valued:
            return style.Picture(style.saying(_nothing(search, objective["label"].lower())), figures)
        return style.Picture(_draw_validation(search, valued, outside, edges, best, figures), figures)


def curves(search: dict) -> style.Picture:
    """The learning curve of each trial: the objective after each epoch, the best trial's on top.

    Parameters
    ----------
    search
        By ``gathered.described``.

    Returns
    -------
    Picture
        Its figures: ``label``; ``trials`` and ``failed`` (how many); ``drawn``, how many have a curve; ``completed``
        and ``pruned``, how many of these; ``epochs``, of the longest; ``best``, the best trial's number if it has one;
        ``first`` and ``last``, its objective after its first and last epoch as text; ``outside``, how many leave the
        axis.
    """
    objective, trials = search["objective"], search["trials"]
    label = "Validation loss" if objective["key"] == "loss" else objective["label"]
    drawn = [trial for trial in trials if _finite(trial["curve"])]
    best = next((trial for trial in drawn if trial["trial"] == search["best"]), None)
    higher = objective["better"] == "higher"
    worsts = [(min if higher else max)(_finite(trial["curve"])) for trial in drawn]
    bests = [(max if higher else min)(_finite(trial["curve"])) for trial in drawn]
    # Of each curve its worst point: most begin badly, and only those that stay out of the ordinary are cut.
    worst, good = limits([*worsts, *([max(bests) if higher else min(bests)] if drawn else [])], objective["better"])
    known = _finite(best["curve"]) if best else []
    figures = {
        "label": label,
        "trials": len(trials),
        "failed": sum(trial["status"] == "failed" for trial in trials),
        "drawn": len(drawn),
        **{status: sum(trial["status"] == status for trial in drawn) for status in ("completed", "pruned")},
        "epochs": max((len(trial["curve"]) for trial in drawn), default=0),
        "best": best and best["trial"],
        "first": written(known[0], objective) if known else None,
        "last": written(known[-1], objective) if known else None,
        "outside": sum(_worse(value, worst, objective["better"]) for value in worsts),
    }
    with style.style():
        if not drawn:
            return style.Picture(style.saying(_nothing(search, f"{label.lower()} by epoch")), figures)
        return style.Picture(_draw_curves(drawn, best, (worst, good), objective, figures), figures)


def best_so_far(trials: Iterable[dict]) -> list[tuple[int, float]]:
    """Number and objective of each trial that was the best when it came, the last one being the best of all.

    Of completed trials alone, or of the pruned ones where none has completed; the one with the lowest loss is the best,
    as in ``history.best``.
    """
    trials = [trial for trial in trials if trial["value"] is not None and trial["loss"] is not None]
    ranked = [trial for trial in trials if trial["status"] == "completed"]
    steps, lowest = [], math.inf
    for trial in ranked or [trial for trial in trials if trial["status"] == "pruned"]:
        if trial["loss"] < lowest:
            lowest = trial["loss"]
            steps.append((trial["trial"], trial["value"]))
    return steps


def limits(values: list[float], better: str) -> tuple[float, float]:
    """The worst and the best value that an axis has to show, so that a few outliers do not flatten the rest.

    What is out of the ordinary, by ``ORDINARY``, is left out.

    Parameters
    ----------
    values
        All finite; without any, the limits are 0 and 1.
    better
        ``higher`` or ``lower``.
    """
    if not values:
        return 0.0, 1.0
    ordered = sorted(values, reverse=better == "higher")
    best, usual = ordered[0], ordered[3 * (len(ordered) - 1) // 4]
    edge = best + (ORDINARY if len(values) >= FEW else ORDINARY_OF_FEW) * (usual - best)
    inside = [value for value in ordered if not _worse(value, edge, better)]
    # Of equal values and another one, there is nothing to flatten.
    return (ordered if usual == best else inside)[-1], best


def tpe_begins(settings: dict, trials: int) -> int | None:
    """The first trial that TPE proposes, those before it being random; None where there is none.

    Parameters
    ----------
    settings
        Of the search: ``algo``, ``startup_trials``, ``parallelism``.
    """
    # See algorithms.configured: TPE needs a result to look back on.
    begin = max(settings["startup_trials"], settings["parallelism"])
    return begin if settings["algo"] in ("tpe", samplers.SHORT_NAMES["tpe"]) and begin < trials else None


def written(value: float, objective: dict) -> str:
    """An objective as text: an accuracy with 4 decimals, a loss with 4 digits."""
    return f"{value:.4f}" if objective["key"] == "val_accuracy" else f"{value:.4g}"


def _draw_validation(
    search: dict, valued: list[dict], outside: list[dict], edges: tuple, best: dict | None, figures: dict
) -> object:
    from matplotlib.ticker import MaxNLocator

    objective, trials = search["objective"], search["trials"]
    figure = style.new(4.4)
    axes = figure.add_subplot()
    many = len(trials) > 200
    size = 10 if many else 22
    at_edge = axes.get_xaxis_transform()
    for status in style.STATUS:
        colour, marker = style.STATUS[status]
        name = f"{status} ({figures[status]})"
        if status == "failed":
            numbers = [trial["trial"] for trial in trials if trial["status"] == status]
            points, transform = (numbers, [0.0] * len(numbers)), at_edge
        else:
            inside = [trial for trial in valued if trial["status"] == status and trial not in outside]
            points, transform = ([t["trial"] for t in inside], [t["value"] for t in inside]), axes.transData
        if figures[status]:
            axes.scatter(
                *points,
                2 * size if status == "failed" else size,
                color=colour,
                marker=marker,
                linewidths=0.1 if many else 0.3,
                edgecolors=style.PAPER,
                label=name,
                transform=transform,
                clip_on=status != "failed",
                zorder=3,
            )
    steps = best_so_far(trials)
    if steps:
        last = trials[-1]["trial"] + 0.5
        x, y = zip(*steps, (last, steps[-1][1]), strict=True)
        axes.step(x, y, where="post", color=style.INK, linewidth=1.4, label="best so far", zorder=4)
    higher = objective["better"] == "higher"
    if outside:
        axes.scatter(
            [trial["trial"] for trial in outside],
            [0.035 if higher else 0.975] * len(outside),
            size * 1.3,
            marker="v" if higher else "^",
            facecolors="none",
            edgecolors=[style.STATUS[trial["status"]][0] for trial in outside],
            transform=at_edge,
            label=f"{'below' if higher else 'above'} {figures['limit']} ({len(outside)})",
            zorder=3,
        )
    if best:
        _point_out(axes, best, trials, objective)
    if figures["tpe"] is not None:
        _mark_tpe(axes, figures["tpe"], len(trials))
    beside = max(0.5, 0.02 * len(trials))
    axes.set_xlim(trials[0]["trial"] - beside, trials[-1]["trial"] + beside)
    _show(axes, edges, objective, 0.16)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="Trial", ylabel=objective["label"])
    _legend(figure)
    return figure


def _point_out(axes: object, best: dict, trials: list[dict], objective: dict) -> None:
    """Say beyond the best point which one it is: nothing but pruned trials can lie there."""
    from matplotlib.patheffects import withStroke

    above = objective["better"] == "higher"
    share = (best["trial"] - trials[0]["trial"] + 0.5) / len(trials)
    axes.annotate(
        f"trial {best['trial']}: {written(best['value'], objective)}",
        (best["trial"], best["value"]),
        xytext=(0, 14 if above else -14),
        textcoords="offset points",
        ha="left" if share < 0.2 else "right" if share > 0.8 else "center",
        va="bottom" if above else "top",
        arrowprops={"arrowstyle": "-", "color": style.INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 3},
        path_effects=[withStroke(linewidth=3, foreground=style.PAPER)],
        zorder=5,
    )


def _mark_tpe(axes: object, begin: int, trials: int) -> None:
    axes.axvline(begin - 0.5, color=style.MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    late = begin > 0.7 * trials
    axes.annotate(
        "random until here, then TPE" if late else "from here on by TPE",
        (begin - 0.5, 1),
        xycoords=axes.get_xaxis_transform(),
        xytext=(-3 if late else 3, 2),
        textcoords="offset points",
        ha="right" if late else "left",
        va="bottom",
        fontsize=9,
        color=style.MUTED,
    )


def _draw_curves(drawn: list[dict], best: dict | None, edges: tuple, objective: dict, figures: dict) -> object:
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    figure = style.new(4.4)
    # What is rasterized within the SVG has to be as fine as the PNG.
    figure.set_dpi(style.PIXELS_PER_INCH)
    axes = figure.add_subplot()
    placed = {trial["trial"]: points for trial, points in zip(drawn, _places(drawn, figures["epochs"]), strict=True)}
    rasterized = sum(map(len, placed.values())) > MOST_POINTS
    # The more, the lighter: where most of them run must show.
    width, alpha = next((look for most, look in CURVES.items() if len(drawn) <= most), (0.6, 0.4))
    for status in ("completed", "pruned"):
        colour, marker = style.STATUS[status]
        others = [placed[trial["trial"]] for trial in drawn if trial["status"] == status and trial is not best]
        lines = LineCollection(others, colors=colour, linewidths=width, alpha=alpha, rasterized=rasterized)
        axes.add_collection(lines)
        # A completed one ends with the picture, unless it is no more than a point.
        ends = [_last(points) for points in others if status == "pruned" or len(points) == 1]
        if others:
            marked = {"marker": marker, "markersize": 4 if len(drawn) <= 200 else 2.5, "linestyle": "none"}
            axes.plot(*zip(*ends, strict=True) if ends else ((), ()), color=colour, rasterized=rasterized, **marked)
            whole = marker if status == "pruned" or figures["epochs"] == 1 else ""
            axes.plot(
                [],
                [],
                color=colour,
                linewidth=1.2,
                marker=whole,
                markersize=4,
                linestyle="-" if figures["epochs"] > 1 else "none",
                label=f"{status} ({figures[status]})",
            )
    if best:
        points = placed[best["trial"]]
        axes.plot(
            *zip(*points, strict=True),
            color=style.INK,
            linewidth=2,
            marker="*",
            markersize=11,
            markevery=[points.index(_last(points))],
            linestyle="-" if figures["epochs"] > 1 else "none",
            label=f"best: trial {best['trial']} ({figures['last']})",
            zorder=4,
        )
    _show(axes, edges, objective, 0.06)
    beside = 0.03 * (figures["epochs"] - 1) or 0.5
    axes.set_xlim(1 - beside, figures["epochs"] + beside)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set(xlabel="Epoch", ylabel=figures["label"])
    if figures["outside"]:
        count = figures["outside"]
        title = f"{count} {'curve leaves' if count == 1 else 'curves leave'} the picture"
        axes.set_title(title, fontsize=9, color=style.MUTED, loc="right")
    _legend(figure)
    return figure


def _places(drawn: list[dict], epochs: int) -> list[list[tuple[float, float]]]:
    """The points of each curve; of single epochs beside each other, in the order of the trials."""
    if epochs == 1:
        step = 0.6 / max(1, len(drawn) - 1)
        return [
            [(0.7 + step * index if len(drawn) > 1 else 1.0, trial["curve"][0])] for index, trial in enumerate(drawn)
        ]
    return [
        [(epoch, math.nan if value is None else value) for epoch, value in enumerate(trial["curve"], start=1)]
        for trial in drawn
    ]


def _last(points: list[tuple[float, float]]) -> tuple[float, float]:
    return next(point for point in reversed(points) if not math.isnan(point[1]))


def _show(axes: object, edges: tuple[float, float], objective: dict, room: float) -> None:
    """Let the y axis show from the worst to the best, and beyond the best as much room as this share of that."""
    from matplotlib.ticker import ScalarFormatter

    worst, best = edges
    span = (best - worst) or (0.05 * abs(best) or 0.05) * (1 if objective["better"] == "higher" else -1)
    axes.set_ylim(*sorted((worst - 0.08 * span, best + room * span)))
    if objective["key"] == "val_accuracy":
        low, high = axes.get_ylim()
        axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high and 0 <= tick <= 1])
        axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    else:
        axes.yaxis.set_major_formatter("{x:g}")


def _legend(figure: object) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    columns = 3 if len(labels) > 4 else len(labels)
    legend = figure.legend(
        handles, labels, loc="outside upper center", ncols=columns, columnspacing=1.4, handletextpad=0.5
    )
    for handle in legend.legend_handles:
        # However small the points of many trials, their shapes must be recognizable here.
        if hasattr(handle, "set_sizes"):
            handle.set_sizes([30])


def _finite(curve: list[float | None]) -> list[float]:
    return [value for value in curve if value is not None]


def _worse(value: float, edge: float, better: str) -> bool:
    return value < edge if better == "higher" else value > edge


def _nothing(search: dict, what: str) -> str:
    """Why there is nothing to draw."""
    count = len(search["trials"])
    failed = all(trial["status"] == "failed" for trial in search["trials"])
    if count == 1:
        return f"The only trial {'failed' if failed else f'has no {what}'}: nothing to draw"
    return f"{f'All {count} trials failed' if failed else f'None of {count} trials has a {what}'}: nothing to draw"
