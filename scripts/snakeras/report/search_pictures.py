"""Optuna's pictures of a search: interactive in one page, and most of them as SVG and PNG."""

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from snakeras.core import files
from snakeras.core.text import number, shortened
from snakeras.report import captions, search_data, study

MANY, MOST_IMPORTANT = 8, 4  # hyperparameters up to which contour and rank show all, and how many of more
ENOUGH = 5  # trials a hyperparameter below which importances are no more than a hint
BINS = 20  # values of a number that a contour tells apart
NAME = 24  # characters of a hyperparameter's name that a picture has room for


@dataclass(frozen=True)
class Plot:
    """One of Optuna's plots, and what it needs."""

    function: str  # of optuna.visualization, without its plot_
    title: str
    completed: int = 0  # completed trials that it needs
    hyperparameters: int = 0  # that it needs
    target: str | None = "{label}"  # what it calls the objective; None where it takes no name
    x: str | None = None  # titles of the axes that Optuna names otherwise, or not at all
    y: str | None = None


IMPORTANCE = "Share of the differences in {lower}"
# How to read each is said in report/search.html.
PLOTS = {
    "history": Plot("optimization_history", "Results by trial", 1),
    "curves": Plot("intermediate_values", "Learning curves", target=None, x="Epoch", y="{curve_label}"),
    "slice": Plot("slice", "Each hyperparameter", 1, 1),
    "importances": Plot(
        "param_importances", "Importance of the hyperparameters", 2, 1, target=IMPORTANCE, x=IMPORTANCE
    ),
    "parallel_coordinates": Plot("parallel_coordinate", "Parallel coordinates", 2, 1),
    "contour": Plot("contour", "Contour of each pair", 2, 2),
    "rank": Plot("rank", "Rank in each pair", 2, 2),
    "edf": Plot("edf", "Distribution of the results", 2, y="Share of the completed trials"),
    "timeline": Plot("timeline", "Timeline", target=None, x="Time"),
}


@dataclass(frozen=True)
class Drawing:
    """What all plots of a search are made from."""

    search: dict  # with hyperparameters' names short enough for an axis
    study: object  # optuna.Study
    names: list[str]  # hyperparameters of the completed trials, in the order of the script
    importances: dict[str, float]  # the largest first; empty where nothing can be said

    def words(self, text: str | None) -> str | None:
        """Return a text with the objective's names filled in."""
        objective = self.search["objective"]
        return text and text.format(**objective, lower=objective["label"].lower())

    def parameters(self, name: str) -> list[str]:
        """Return the hyperparameters that a plot shows."""
        if name == "slice" or len(self.names) <= MANY:
            return self.names
        return list(dict.fromkeys([*self.importances, *self.names]))[:MOST_IMPORTANT]


def write(search: dict, folder: Path) -> dict:
    """Write all pictures of a search, and return the figures of their caption.

    ``search`` is by ``search_data.describe``. The folder gets ``index.html`` with its ``plotly.min.js``, and an SVG and
    a PNG of each plot that has something to show. The figures are those of ``search_data.counts``; ``label`` of the
    objective; ``best``, the best trial's number, and ``value``, its objective as text, both None without one.
    """
    import plotly.offline

    drawing = prepare(search)
    page = f'<script src="plotly.min.js"></script>\n{_sections(drawing)}'
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / "plotly.min.js", plotly.offline.get_plotlyjs())
    files.write_text(folder / "index.html", captions.page(f"{search['name']}: pictures of the search", page))
    for name in PLOTS:
        if not missing(name, drawing.search):
            _save(name, drawing, folder)
    value = next((number(trial["value"]) for trial in search["trials"] if trial["trial"] == search["best"]), None)
    label = search["objective"]["label"]
    return search_data.counts(search) | {"label": label, "best": search["best"], "value": value}


def prepare(search: dict) -> Drawing:
    """Return what the plots of a search are made from."""
    import optuna

    search = _with_short_names(search)
    made = study.from_search(search)
    completed = made.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    names = list(dict.fromkeys(name for trial in completed for name in trial.params))
    importances: dict[str, float] = {}
    if not missing("importances", search):
        # fANOVA (Hutter et al. 2014) with half of Optuna's trees: 1,000 trials take seconds.
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=32, seed=0)
        importances = optuna.importance.get_param_importances(made, evaluator=evaluator)
    return Drawing(search, made, names, importances)


def missing(name: str, search: dict) -> str | None:
    """Return why a plot has nothing to show, in words; None if it has."""
    plot = PLOTS[name]
    completed = [trial for trial in search["trials"] if trial["status"] == "completed"]
    names = {label for trial in completed for label in trial["hyperparameters"]}
    needs = (len(completed), plot.completed, "completed trial"), (len(names), plot.hyperparameters, "hyperparameter")
    for have, need, what in needs:
        if have < need:
            return f"This picture needs {need} {what}{'s' if need > 1 else ''}; the search has {have or 'none'}."
    if name == "curves" and not any(trial["curve"] for trial in search["trials"]):
        return f"No trial has a {search['objective']['curve_label'].lower()} by epoch."
    if name == "importances" and len({trial["value"] for trial in completed}) == 1:
        return "All completed trials came to the same result: nothing can be said of what matters."
    if name == "importances" and all(one["hyperparameters"] == completed[0]["hyperparameters"] for one in completed):
        return "All completed trials have the same hyperparameters: nothing can be said of what matters."
    return None if search["trials"] else "No trial has ended."


def too_few(search: dict) -> str:
    """Return a warning where the trials are too few to tell importances; empty where they are enough."""
    have, many = search_data.counts(search)["completed"], len(search["space"])
    if have >= ENOUGH * many:
        return ""
    return f"No more than a hint: {have} completed trials, of {ENOUGH * many} wanted for {many} hyperparameters."


def _sections(drawing: Drawing) -> str:
    """Return the HTML of all plots, with a sentence on how to read each, or why there is none."""
    reasons = {name: reason for name in PLOTS if (reason := missing(name, drawing.search))}
    drawings = {}
    for name in set(PLOTS) - set(reasons):
        # A narrow page has room for one hyperparameter.
        parameters = drawing.parameters(name)
        panels = [[label] for label in parameters] if name == "slice" else [parameters]
        parts = "".join(f"<div>{_interactive(name, drawing, panel)}</div>" for panel in panels)
        drawings[name] = f'<div class="{"panels" if name == "slice" else "wide"}">{parts}</div>'
    few = f"Of the {len(drawing.names)} hyperparameters, these are the most important."
    figures = {
        "titles": {name: plot.title for name, plot in PLOTS.items()},
        "reasons": reasons,
        "drawings": drawings,
        "warning": too_few(drawing.search),
        "bins": BINS,
        "few": few if len(drawing.names) > MANY else "",
    }
    return captions.filled((captions.REPORT / "search.html").read_text(encoding="utf-8"), figures, html=True)


def _interactive(name: str, drawing: Drawing, parameters: list[str]) -> str:
    """Return the HTML of a plot by Plotly."""
    import optuna

    figure, plot = _draw(optuna.visualization, name, drawing, parameters), PLOTS[name]
    margin = {"l": 70, "r": 30, "t": 70 if name == "parallel_coordinates" else 40, "b": 60}
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(title=None, width=None, template="plotly_white", margin=margin, legend=legend)
    for axis, text in (("xaxis", plot.x), ("yaxis", plot.y)):
        if text:
            figure.update_layout({axis: {"title": {"text": drawing.words(text)}}})
    width, height = 0, 460
    if name == "timeline":
        height = min(900, max(300, 16 * len(drawing.search["trials"]) + 160))
    elif name == "slice":
        height = 300
    elif name == "parallel_coordinates":
        width = 110 * (len(drawing.names) + 2)
    elif name in ("contour", "rank") and len(parameters) > 2:
        width = height = max(500, 190 * len(parameters))
    for trace in figure.data if name in ("slice", "rank") else ():
        # Optuna repeats all that is known of a trial in every panel.
        for key in ("hovertext", "text"):
            if isinstance(trace[key], list | tuple):
                trace[key] = [
                    re.sub(r'^.*?"number": (\d+).*$', r"Trial \1", text, flags=re.DOTALL) for text in trace[key]
                ]
    options = {"full_html": False, "include_plotlyjs": False, "config": {"responsive": True}}
    frame = figure.to_html(default_height=f"{height}px", **options)
    return f'<div style="min-width:{width}px">{frame}</div>'


def _save(name: str, drawing: Drawing, folder: Path) -> None:
    """Write a plot as SVG and PNG."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import optuna.visualization.matplotlib

    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": "snakeras"}):
        axes = _draw(optuna.visualization.matplotlib, name, drawing, drawing.parameters(name))
        figure = plt.gcf()
        if hasattr(axes, "flat"):
            figure.suptitle(PLOTS[name].title)
            size = 2.2 * math.sqrt(axes.size)
            figure.set_size_inches((2.6 * axes.size, 3.4) if name == "slice" else (size * 1.2, size))
        else:
            axes.set_title(PLOTS[name].title)
            figure.set_size_inches(1.1 * len(drawing.names) + 2 if name == "parallel_coordinates" else 7, 4.6)
            x, y = drawing.words(PLOTS[name].x), drawing.words(PLOTS[name].y)
            axes.set(xlabel=x or axes.get_xlabel(), ylabel=y or axes.get_ylabel())
            if name == "curves" and axes.get_legend():
                axes.get_legend().remove()  # an entry a trial
        for suffix, more in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 150})):
            with files.whole(folder / f"{name}.{suffix}") as temporary:
                figure.savefig(temporary, format=suffix, bbox_inches="tight", facecolor="white", **more)
        plt.close("all")


def _draw(library: object, name: str, drawing: Drawing, parameters: list[str]) -> object:
    """Call a function of ``optuna.visualization``, or of its ``matplotlib``."""
    import optuna

    plot, shown = PLOTS[name], drawing.study
    arguments: dict = {"target_name": drawing.words(plot.target)} if plot.target else {}
    if name in ("contour", "rank", "slice"):
        arguments["params"] = parameters
    if name == "contour":
        shown = _binned(drawing)
    if name == "importances":
        evaluator = optuna.importance.FanovaImportanceEvaluator()
        evaluator.evaluate = lambda *_, **__: drawing.importances
        arguments["evaluator"] = evaluator
    with warnings.catch_warnings(action="ignore"):
        return getattr(library, f"plot_{plot.function}")(shown, **arguments)


def _binned(drawing: Drawing) -> object:
    """Return a study whose trials' numbers are moved to a few steps: a contour's grid has a line for each value."""
    import numpy as np
    import optuna

    trials = drawing.study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    for name in drawing.names:
        having = [trial for trial in trials if name in trial.params]
        known = having[0].distributions[name]
        values = [trial.params[name] for trial in having]
        if isinstance(known, optuna.distributions.CategoricalDistribution) or len(set(values)) <= BINS:
            continue
        low, high = min(values), max(values)
        steps = np.geomspace(low, high, BINS) if known.log else np.linspace(low, high, BINS)
        for trial, value in zip(having, values, strict=True):
            trial.params[name] = float(steps[np.abs(steps - value).argmin()])
            trial.distributions[name] = optuna.distributions.FloatDistribution(low, high, log=known.log)
    binned = study.from_search(drawing.search | {"trials": [], "space": {}})
    binned.add_trials(trials)
    return binned


def _with_short_names(search: dict) -> dict:
    """Return a search whose hyperparameters' names and options fit on an axis; names still differ."""
    short: dict[str, str] = {}
    for name in search["space"]:
        label = shortened(name, NAME)
        short[name] = label if label not in short.values() else f"{shortened(name, NAME - 4)} {len(short)}"

    def shown(value: object) -> object:
        return shortened(value, NAME) if isinstance(value, str) else value

    trials, space = [], {}
    for trial in search["trials"]:
        values = {short[name]: shown(value) for name, value in trial["hyperparameters"].items()}
        trials.append(trial | {"hyperparameters": values})
    for name, known in search["space"].items():
        space[short[name]] = known and known | {"arguments": [shown(argument) for argument in known["arguments"]]}
    return search | {"space": space, "trials": trials}
