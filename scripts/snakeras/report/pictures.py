"""Optuna's pictures of a search: interactive in one page, and most of them as SVG and PNG."""

import html
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snakeras.core import files
from snakeras.core.text import number, shortened
from snakeras.report import pages, study

MANY, MOST_IMPORTANT = 8, 4  # hyperparameters up to which contour and rank show all, and how many of more
ENOUGH = 5  # trials a hyperparameter below which importances are no more than a hint
BINS = 20  # values of a number that a contour tells apart
NAME = 24  # characters of a hyperparameter's name that a picture has room for

SHEET = """
section{margin:0 0 28px}
h2{font-size:17px;margin:0 0 6px}
.wide{overflow-x:auto;border:1px solid var(--faint);border-radius:8px;background:#fff}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(330px,100%),1fr));background:#fff;
border:1px solid var(--faint);border-radius:8px;overflow:hidden}
.panels>div{min-width:0}
"""


@dataclass(frozen=True)
class Plot:
    """One of Optuna's plots: how to draw it, how to read it, and what it needs."""

    function: str  # of optuna.visualization, without its plot_
    title: str
    text: str
    completed: int = 0  # completed trials that it needs
    hyperparameters: int = 0  # that it needs
    named: bool = True  # whether it takes target_name


PLOTS = {
    "history": Plot(
        "optimization_history",
        "Results by trial",
        "A point is a completed trial, in the order of the trials; the line is the best so far. A search that learns "
        "has its later points on the better side.",
        completed=1,
    ),
    "curves": Plot(
        "intermediate_values",
        "Learning curves",
        "A line is a trial: what it had reached after each epoch of its first fit. Pruned trials end early. If the best "
        "curves still improve at their end, more epochs might help.",
        named=False,
    ),
    "slice": Plot(
        "slice",
        "Each hyperparameter",
        "A point is a completed trial: its value of the hyperparameter (across) and what it reached (upwards); darker "
        "points are later trials. Look for where the best points gather.",
        completed=1,
        hyperparameters=1,
    ),
    "importances": Plot(
        "param_importances",
        "Importance of the hyperparameters",
        "How much of the differences between completed trials each hyperparameter explains (fANOVA, by a random "
        "forest). It says what mattered in the range that was searched, not in which direction.",
        completed=2,
        hyperparameters=1,
    ),
    "parallel_coordinates": Plot(
        "parallel_coordinate",
        "Parallel coordinates",
        "A line is a completed trial, through its result at the left and its value of each hyperparameter. Lines of one "
        "colour that meet on an axis show a value that matters. Drag along an axis to keep only the lines there.",
        completed=2,
        hyperparameters=1,
    ),
    "contour": Plot(
        "contour",
        "Contour of each pair",
        "Two hyperparameters at a time: the colour is the result to expect between the completed trials, which are the "
        f"points. Numbers are grouped into {BINS} steps, each with its best trial.",
        completed=2,
        hyperparameters=2,
    ),
    "rank": Plot(
        "rank",
        "Rank in each pair",
        "Two hyperparameters at a time: a point is a completed trial, its colour its rank among all. Unlike the "
        "contour, it is not misled by a few very bad results.",
        completed=2,
        hyperparameters=2,
    ),
    "edf": Plot(
        "edf",
        "Distribution of the results",
        "The share of completed trials with a result up to each value. The steeper the end with good results, the "
        "more of the searched space is good.",
        completed=2,
    ),
    "timeline": Plot(
        "timeline",
        "Timeline",
        "When each trial ran, and how it ended; one that failed has its reason in its text.",
        named=False,
    ),
}


def write(search: dict, folder: Path, page: Path) -> dict:
    """Write all pictures of a search.

    Parameters
    ----------
    search
        By ``search_data.describe``.
    folder
        For ``index.html`` with its ``plotly.min.js``, and an SVG and a PNG of each plot that has something to show.
    page
        For the same page in one file, which Snakemake can put into its report.

    Returns
    -------
    dict
        The figures of the caption: ``trials``; ``completed``, ``pruned`` and ``failed``, how many; ``label`` of the
        objective; ``best``, the best trial's number, and ``value``, its objective as text, both None without one.
    """
    import plotly.offline

    drawn = _with_short_names(search)
    made = study.from_search(drawn)
    important = _important(made)
    sections = [_section(name, plot, drawn, made, important) for name, plot in PLOTS.items()]
    script = plotly.offline.get_plotlyjs()
    title, body = f"{search['name']}: pictures of the search", "\n".join(sections)
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / "plotly.min.js", script)
    files.write_text(folder / "index.html", pages.page(title, f'<script src="plotly.min.js"></script>\n{body}', SHEET))
    files.write_text(page, pages.page(title, f"<script>{script}</script>\n{body}", SHEET))
    for name, plot in PLOTS.items():
        if not missing(plot, drawn):
            _save(name, plot, drawn, made, important, folder)
    statuses = [trial["status"] for trial in search["trials"]]
    best = next((trial for trial in search["trials"] if trial["trial"] == search["best"]), None)
    return {
        "trials": len(statuses),
        **{status: statuses.count(status) for status in ("completed", "pruned", "failed")},
        "label": search["objective"]["label"],
        "best": search["best"],
        "value": best and number(best["value"]),
    }


def missing(plot: Plot, search: dict) -> str | None:
    """Return why a plot has nothing to show, in words; None if it has."""
    completed = [trial for trial in search["trials"] if trial["status"] == "completed"]
    names = {name for trial in completed for name in trial["hyperparameters"]}
    if len(completed) < plot.completed:
        needed = "a completed trial" if plot.completed == 1 else f"{plot.completed} completed trials"
        return f"This picture needs {needed}; the search has {len(completed) or 'none'}."
    if len(names) < plot.hyperparameters:
        needed = "a hyperparameter" if plot.hyperparameters == 1 else f"{plot.hyperparameters} hyperparameters"
        return f"This picture needs {needed}; the search has {len(names) or 'none'}."
    if plot.function == "intermediate_values" and not any(trial["curve"] for trial in search["trials"]):
        return f"No trial has a {search['objective']['curve_label'].lower()} by epoch."
    if plot.function == "param_importances" and len({trial["value"] for trial in completed}) == 1:
        return "All completed trials came to the same result: nothing can be said of what matters."
    return None if search["trials"] else "No trial has ended."


def _section(name: str, plot: Plot, search: dict, made: object, important: list[str]) -> str:
    """Return the HTML of one plot, or why there is none."""
    text = plot.text
    if reason := missing(plot, search):
        return f"<section>\n<h2>{plot.title}</h2>\n<p>{html.escape(reason)}</p>\n</section>"
    if name == "importances" and (warning := too_few(search)):
        text = f"{warning} {text}"
    if name in ("contour", "rank") and len(search["space"]) > MANY:
        text += f" Of the {len(search['space'])} hyperparameters, these are the most important."
    if name == "slice":
        panels = [_interactive(name, plot, search, made, [label]) for label in _names(made)]
        drawing = f'<div class="panels">{"".join(f"<div>{panel}</div>" for panel in panels)}</div>'
    else:
        drawing = f'<div class="wide">{_interactive(name, plot, search, made, important)}</div>'
    return f'<section id="{name}">\n<h2>{plot.title}</h2>\n<p>{html.escape(text)}</p>\n{drawing}\n</section>'


def too_few(search: dict) -> str:
    """Return a warning where the trials are too few to tell importances; empty where they are enough."""
    completed = sum(trial["status"] == "completed" for trial in search["trials"])
    wanted = ENOUGH * len(search["space"])
    if completed >= wanted:
        return ""
    return f"No more than a hint: {completed} completed trials for {len(search['space'])} hyperparameters, of {wanted} wanted."


def _interactive(name: str, plot: Plot, search: dict, made: object, important: list[str]) -> str:
    """Return the HTML of a plot by Plotly."""
    import optuna

    figure = _draw(getattr(optuna.visualization, f"plot_{plot.function}"), name, search, made, important)
    figure.update_layout(title=None, width=None, template="plotly_white", margin={"l": 70, "r": 30, "t": 40, "b": 60})
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    width, height = 0, 460
    if name == "curves":
        figure.update_layout(xaxis_title="Epoch", yaxis_title=search["objective"]["curve_label"])
    elif name == "edf":
        figure.update_layout(yaxis_title="Share of the completed trials", showlegend=False)
    elif name == "timeline":
        figure.update_layout(xaxis_title="Time")
        height = min(900, max(300, 16 * len(search["trials"]) + 160))
    elif name == "slice":
        figure.update_layout(margin={"l": 60, "r": 10, "t": 20, "b": 50}, showlegend=False)
        figure.update_xaxes(title_text=important[0])
        height = 300
    elif name == "parallel_coordinates":
        width = 110 * (len(search["space"]) + 2)
        figure.update_layout(margin={"l": 70, "r": 60, "t": 70, "b": 60})
    elif name in ("contour", "rank") and len(important) > 2:
        width = height = max(500, 190 * len(important))
    for trace in figure.data:
        _shorten_hover(trace)
    frame = figure.to_html(
        full_html=False, include_plotlyjs=False, default_height=f"{height}px", config={"responsive": True}
    )
    return f'<div style="min-width:{width}px">{frame}</div>' if width else frame


def _save(name: str, plot: Plot, search: dict, made: object, important: list[str], folder: Path) -> None:
    """Write a plot as SVG and PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import optuna.visualization.matplotlib as drawing

    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": "snakeras"}):
        axes = _draw(getattr(drawing, f"plot_{plot.function}"), name, search, made, important)
        figure = plt.gcf()
        several = getattr(axes, "flat", None)
        size = 2.2 * max(4, math.sqrt(len(several))) if several is not None else 6.2
        figure.set_size_inches(
            (2.6 * len(several), 3.4) if name == "slice" and several is not None else (size, size * 0.75)
        )
        if several is None:
            axes.set_title(plot.title)
            if name == "curves":
                axes.set(xlabel="Epoch", ylabel=search["objective"]["curve_label"])
                if len(search["trials"]) > 12 and axes.get_legend():
                    axes.get_legend().remove()
            elif name == "edf":
                axes.set_ylabel("Share of the completed trials")
            elif name == "timeline":
                axes.set_xlabel("Time")
        else:
            figure.suptitle(plot.title)
        for suffix, more in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 150})):
            with files.whole(folder / f"{name}.{suffix}") as temporary:
                figure.savefig(temporary, format=suffix, bbox_inches="tight", facecolor="white", **more)
        plt.close("all")


def _draw(function: Callable, name: str, search: dict, made: object, important: list[str]) -> object:
    """Call one of Optuna's functions, for Plotly or for matplotlib."""
    import optuna

    arguments: dict = {"target_name": search["objective"]["label"]} if PLOTS[name].named else {}
    if name in ("contour", "rank", "slice"):
        arguments["params"] = important
    if name == "contour":
        made = _binned(made)
    if name == "importances":
        arguments["target_name"] = f"Share of the differences in {search['objective']['label'].lower()}"
        arguments["evaluator"] = optuna.importance.FanovaImportanceEvaluator(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(made, **arguments)


def _names(made: object) -> list[str]:
    """Return the hyperparameters of the completed trials, in the order of the script."""
    import optuna

    completed = made.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return list(dict.fromkeys(name for trial in completed for name in trial.params))


def _important(made: object) -> list[str]:
    """Return the hyperparameters that contour and rank show: all, or of many the most important."""
    import optuna

    names = _names(made)
    if len(names) <= MANY:
        return names
    values = {trial.value for trial in made.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))}
    if len(values) < 2:
        return names[:MOST_IMPORTANT]
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    ranked = optuna.importance.get_param_importances(made, evaluator=evaluator)
    return [*ranked, *(name for name in names if name not in ranked)][:MOST_IMPORTANT]


def _binned(made: object) -> object:
    """Return a study whose trials' numbers are moved to a few steps: a contour's grid has a line for each value."""
    import numpy as np
    import optuna

    trials = made.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    for name in _names(made):
        having = [trial for trial in trials if name in trial.params]
        distribution = having[0].distributions[name]
        values = np.array([trial.params[name] for trial in having])
        if isinstance(distribution, optuna.distributions.CategoricalDistribution) or len(set(values)) <= BINS:
            continue
        scaled = np.log(values) if distribution.log else values.astype(float)
        low, high = scaled.min(), scaled.max()
        moved = low + np.round((scaled - low) / (high - low) * (BINS - 1)) * (high - low) / (BINS - 1)
        moved = np.clip(np.exp(moved) if distribution.log else moved, values.min(), values.max())
        free = optuna.distributions.FloatDistribution(float(values.min()), float(values.max()), log=distribution.log)
        for trial, value in zip(having, moved, strict=True):
            trial.params |= {name: float(value)}
            trial.distributions |= {name: free}
    with study.quiet():
        binned = optuna.create_study(direction=made.direction)
        binned.add_trials(trials)
    return binned


def _with_short_names(search: dict) -> dict:
    """Return a search whose hyperparameters' names fit on an axis, and still differ."""
    short: dict[str, str] = {}
    for name in search["space"]:
        label = shortened(name, NAME)
        short[name] = label if label not in short.values() else f"{shortened(name, NAME - 4)} {len(short)}"
    trials = [
        trial | {"hyperparameters": {short[name]: _shown(value) for name, value in trial["hyperparameters"].items()}}
        for trial in search["trials"]
    ]
    space = {
        short[name]: known | {"arguments": list(map(_shown, known["arguments"]))} if known else None
        for name, known in search["space"].items()
    }
    return search | {"space": space, "trials": trials}


def _shown(value: object) -> object:
    return shortened(value, NAME) if isinstance(value, str) else value


def _shorten_hover(trace: object) -> None:
    """Leave number and values of a trial in its text; Optuna repeats all that is known in every panel."""
    for key in ("hovertext", "text"):
        texts = trace[key] if key in trace.to_plotly_json() else None
        if isinstance(texts, list | tuple) and texts and '"number"' in str(texts[0]):
            trace[key] = [re.sub(r'^.*?"number": (\d+).*$', r"Trial \1", text, flags=re.DOTALL) for text in texts]
