"""The hyperparameters of all trials as lines across parallel axes, coloured by the objective: a page and pictures."""

import html as markup
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snakeras.core import files
from snakeras.report import pages, preference, style

NAME, OPTION, OPTIONS = 40, 24, 12  # characters of a name and of an option; options written at an axis
AXIS = 58  # pixels from axis to axis
POINTS = 72  # an inch
FONT = "DejaVu Sans"
# Parts of cividis from worst to best. The best stand out, and the worst are still visible, on each paper.
ON_WHITE, ON_BLACK = (0.82, 0.0), (0.28, 1.0)
FARTHEST = 3  # interquartile ranges: Tukey 1977, "far out"


@dataclass(frozen=True)
class Axis:
    """An axis: where its values lie, from 0 to 1, and what is written at it.

    ``low`` and ``high`` are the limits of a numeric axis, on which ``logarithmic`` says how values are spaced;
    ``options`` the values of any other one as texts, each in the middle of an equal share.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    logarithmic: bool = False
    options: tuple[str, ...] = ()

    def position(self, value: object) -> float | None:
        """Where a value lies, from 0 to 1, also if it is beyond the limits; None if it cannot be placed."""
        if self.options:
            return (self.options.index(str(value)) + 0.5) / len(self.options) if str(value) in self.options else None
        if not preference.is_number(value):
            return None
        if self.low == self.high:
            return 0.5
        low, high, value = (math.log(x) if self.logarithmic else x for x in (self.low, self.high, float(value)))
        return float(np.clip((value - low) / (high - low), 0, 1))

    def ticks(self) -> list[tuple[float, str]]:
        """What is written below the axis, and where."""
        if not self.options:
            ends = [(self.position(self.low), pages.shown(self.low)), (1.0, pages.shown(self.high))]
            return ends[:1] if self.low == self.high else ends
        # Of many options some are left out, evenly, so that there is room for each that is written.
        step = math.ceil(len(self.options) / OPTIONS)
        return [(self.position(option), pages.shortened(option, OPTION)) for option in self.options[::step]]


def axis(name: str, distribution: dict | None, values: list) -> Axis:
    """The axis of a hyperparameter.

    Parameters
    ----------
    distribution
        As in ``space`` of ``gathered.described``; None if it is not known.
    values
        All that were observed, at least one.
    """
    known = distribution or {"kind": None, "arguments": []}
    if known["kind"] == "choice" or not all(map(preference.is_number, values)):
        texts = known["arguments"] if known["kind"] == "choice" else []
        observed = [str(value) for value in values]
        constants = [(text, str(preference.constant(text))) for text in texts]
        # What any other expression gives is not known before.
        options = [shown for text, shown in constants if shown != text or shown in observed or text.isalnum()]
        return Axis(name, options=tuple(dict.fromkeys([*options, *observed])))
    # Rounding may lead a little beyond a distribution's bounds.
    ends = [*_bounds(known), min(values), max(values)]
    low, high = float(min(ends)), float(max(ends))
    return Axis(name, low, high, known["kind"] in preference.LOGARITHMIC and low > 0)


def _bounds(distribution: dict) -> list[float]:
    """The limits that a distribution sets, if it does."""
    match distribution:
        case {"kind": "uniform" | "quniform" | "uniformint", "arguments": [low, high, *_]}:
            return [low, high]
        case {"kind": "loguniform", "arguments": [low, high, *_]}:
            return [math.exp(low), math.exp(high)]
        case {"kind": "qloguniform", "arguments": [low, high, step]}:
            # Less than half a step becomes 0, which has no logarithm.
            return [max(math.exp(low), step), math.exp(high)]
        case {"kind": "randint", "arguments": [high]}:
            return [0, high - 1]
        case {"kind": "randint", "arguments": [low, high]}:
            return [low, high - 1]
    return []


def limits(trials: list[dict], objective: dict) -> tuple[float, float]:
    """The lowest and the highest objective but for bad ones that are far out: they would leave no room for the rest."""
    values = [trial["value"] for trial in trials]
    low, high = np.quantile(values, [0.25, 0.75])
    reach = FARTHEST * (high - low) or math.inf
    if objective["better"] == "higher":
        return min(value for value in values if value >= low - reach), max(values)
    return min(values), max(value for value in values if value <= high + reach)


def drawn(search: dict) -> list[dict]:
    """The trials that have an objective, from the worst to the best: the last lines lie on top."""
    found = [trial for trial in search["trials"] if trial["status"] != "failed" and trial["value"] is not None]
    return sorted(found, key=lambda trial: trial["value"], reverse=search["objective"]["better"] == "lower")


def axes(search: dict) -> list[Axis]:
    """The axes of all hyperparameters that a drawn trial has, in the script's order, then that of the objective."""
    trials = drawn(search)
    observed: dict[str, list] = {name: [] for name in search["space"]}
    for trial in trials:
        for name, value in trial["hyperparameters"].items():
            observed.setdefault(name, []).append(value)
    found = [axis(name, search["space"].get(name), values) for name, values in observed.items() if values]
    return [*found, Axis(search["objective"]["label"], *limits(trials, search["objective"]))]


def chart(search: dict) -> object:
    """The chart of the page, an Altair chart as wide as where it stands.

    Its lines follow the parameters ``bound``, the least (or largest) objective shown, and ``range``, a stretch of an
    axis; the line pointed at is highlighted and tells all about its trial.

    Raises
    ------
    ValueError
        When no trial has an objective.
    """
    import altair as alt

    found, own = _checked(search)
    rows, keys = _rows(search, found, own), _keys(own)
    bound = _bound(own[-1], search["objective"]["better"])
    within = "datum.value >= bound" if search["objective"]["better"] == "higher" else "datum.value <= bound"
    # What lies beyond the axis lies at its end, so that all are there until the reader moves the bound.
    within = f"{within} || bound == {bound.param.value}"
    # Of a trial, whose points are a row each, the worst point decides.
    outside = (
        "isValid(range.position) && indexof(range.axis, datum.axis) >= 0 && (!isValid(datum.position) || "
        "datum.position < range.position[0] || datum.position > range.position[1]) ? 1 : 0"
    )
    lines = (
        alt.Chart(alt.InlineData(values=rows))
        .transform_filter(within)
        .transform_fold(keys, as_=["axis", "position"])
        .transform_calculate(outside=outside)
        .transform_joinaggregate(outside="max(outside)", groupby=["trial"])
        .transform_filter("datum.outside == 0")
    )
    brush = alt.selection_interval(name="range", encodings=["x", "y"])
    pointed = alt.selection_point(name="pointed", fields=["trial"], on="pointerover", clear="pointerout", empty=False)
    tooltip = [
        alt.Tooltip(field="trial", type="quantitative", title="Trial"),
        alt.Tooltip(field="status", type="nominal", title="Status"),
        alt.Tooltip(field="objective", type="nominal", title=own[-1].name),
        *(
            alt.Tooltip(field=f"shown{number:03}", type="nominal", title=pages.shortened(axis.name, NAME))
            for number, axis in enumerate(own[:-1])
        ),
    ]
    # A thin line is hard to hit, and Vega only notices pointers at the ends of a line's segments.
    segments = (
        lines.transform_window(
            window=[
                alt.WindowFieldDef(op="lead", field=field, **{"as": f"next_{field}"}) for field in ("position", "axis")
            ],
            sort=[alt.SortField("axis")],
            groupby=["trial"],
        )
        .transform_filter("isValid(datum.position) && isValid(datum.next_position)")
        .mark_rule(strokeWidth=8, opacity=0)
    )
    target = _line(segments, own).encode(x2="next_position:Q", y2="next_axis:O", order=alt.Undefined)
    highlighted = _line(lines.transform_filter(pointed), own).mark_line(
        style="highlighted", strokeWidth=3, invalid="break-paths-filter-domains"
    )
    layers = [*_lines(lines, own, search), highlighted, target.encode(tooltip=tooltip).add_params(pointed, brush)]
    return _layered([*layers, *_labels(own)], own).add_params(bound).properties(width="container")


def _bound(objective: Axis, better: str) -> object:
    """The parameter for how bad a trial may be, with a slider in steps of a round number where there is a choice."""
    import altair as alt

    if objective.low == objective.high:
        return alt.param(name="bound", value=objective.low)
    step = 10.0 ** math.floor(math.log10((objective.high - objective.low) / 50))
    least, most = (round(ends / step) * step for ends in (objective.low, objective.high))
    least, most = (float(f"{end:.12g}") for end in (least - step, most + step))
    higher = better == "higher"
    name = f"{objective.name} {'at least' if higher else 'at most'} "
    slider = alt.binding_range(min=least, max=most, step=step, name=name)
    return alt.param(name="bound", value=least if higher else most, bind=slider)


def picture(search: dict) -> object:
    """The same chart as a picture of the common width, without what only a page can do."""
    import altair as alt

    found, own = _checked(search)
    lines = alt.Chart(alt.InlineData(values=_rows(search, found, own)))
    lines = lines.transform_fold(_keys(own), as_=["axis", "position"])
    return _layered([*_lines(lines, own, search), *_labels(own)], own).properties(width=round(style.WIDTH * POINTS))


def write(search: dict, html: Path, svg: Path, png: Path) -> dict:
    """Write the page and both pictures, and give the figures of the caption.

    Returns
    -------
    dict
        ``trials`` in all, of these ``drawn``, ``failed`` and ``without_value``; of the drawn ones ``pruned`` and
        ``outside``, beyond the ends of the objective's axis; ``hyperparameters``, how many; ``objective`` and
        ``better`` as in the search; ``best``, the best trial's number or None, and ``best_value`` as text.
    """
    figures = _figures(search)
    title = f"{search['name']}: hyperparameters and objective"
    if not figures["drawn"]:
        text = f"There is nothing to draw: no trial of {figures['trials']} has a {figures['objective'].lower()}."
        files.write_text(html, pages.page(title, f"<p>{markup.escape(text)}</p>"))
        with style.style():
            style.save(style.saying(text), svg, png)
        return figures
    files.write_text(html, pages.page(title, _body(search, figures), SHEET))
    _save(picture(search), svg, png)
    return figures


def _checked(search: dict) -> tuple[list[dict], list[Axis]]:
    found = drawn(search)
    if not found:
        raise ValueError("no trial has an objective to draw")
    return found, axes(search)


def _figures(search: dict) -> dict:
    found = drawn(search)
    low, high = limits(found, search["objective"]) if found else (0.0, 0.0)
    failed = sum(trial["status"] == "failed" for trial in search["trials"])
    best = next((trial for trial in found if trial["trial"] == search["best"]), None)
    return {
        "trials": len(search["trials"]),
        "drawn": len(found),
        "failed": failed,
        "without_value": len(search["trials"]) - len(found) - failed,
        "pruned": sum(trial["status"] == "pruned" for trial in found),
        "outside": sum(not low <= trial["value"] <= high for trial in found),
        "hyperparameters": len(axes(search)) - 1 if found else 0,
        "objective": search["objective"]["label"],
        "better": search["objective"]["better"],
        "best": best and best["trial"],
        "best_value": best and pages.shown(best["value"]),
    }


def _keys(own: list[Axis]) -> list[str]:
    return [f"axis{number:03}" for number in range(len(own))]


def _rows(search: dict, found: list[dict], own: list[Axis]) -> list[dict]:
    """A row a trial: its positions on the axes, and what its tooltip shows."""
    rows = []
    for trial in found:
        values = trial["hyperparameters"]
        row = {"trial": trial["trial"], "status": trial["status"], "value": trial["value"]}
        row |= {"objective": pages.shown(trial["value"]), "best": trial["trial"] == search["best"]}
        for key, axis in zip(_keys(own), own[:-1], strict=False):
            position = axis.position(values[axis.name]) if axis.name in values else None
            row[key] = None if position is None else round(position, 4)
            row[key.replace("axis", "shown")] = pages.shown(values[axis.name]) if axis.name in values else "not set"
        rows.append(row | {_keys(own)[-1]: round(own[-1].position(trial["value"]), 4)})
    return rows


def _line(chart: object, own: list[Axis]) -> object:
    import altair as alt

    return chart.encode(
        x=alt.X("position:Q", scale=alt.Scale(domain=[0, 1]), axis=None),
        y=alt.Y("axis:O", scale=alt.Scale(type="point", domain=_keys(own), padding=0.5), axis=None),
        order=alt.Order("axis:O"),
        detail="trial:Q",
    )


def _lines(lines: object, own: list[Axis], search: dict) -> list:
    import altair as alt

    end = [own[-1].low, own[-1].high]
    if end[0] == end[1]:
        room = abs(end[0]) * 0.05 or 1.0
        end = [end[0] - room, end[1] + room]
        if search["objective"]["key"] == "val_accuracy":
            end = [max(end[0], 0.0), min(end[1], 1.0)]
    if search["objective"]["better"] == "lower":
        end.reverse()
    colour = alt.Color(
        "value:Q",
        scale=alt.Scale(domain=end, clamp=True),
        title=own[-1].name,
        legend=alt.Legend(gradientLength=180, format=".3~g"),
    )
    dash = alt.StrokeDash(
        "status:N", scale=alt.Scale(domain=["completed", "pruned"], range=[[1, 0], [5, 3]]), title="Status"
    )
    count = len(drawn(search))
    opacity = 0.9 if count <= 50 else 0.6 if count <= 200 else max(0.1, 120 / count)
    every = _line(lines, own).encode(color=colour, strokeDash=dash)
    best = _line(lines.transform_filter("datum.best"), own)
    return [
        every.mark_line(strokeOpacity=opacity, strokeWidth=1.2, invalid="break-paths-filter-domains"),
        # Clear of the many that it lies on.
        best.mark_line(style="behind", strokeWidth=9, invalid="break-paths-filter-domains"),
        best.encode(color=colour, strokeDash=dash).mark_line(strokeWidth=4, invalid="break-paths-filter-domains"),
    ]


def _labels(own: list[Axis]) -> list:
    """Axes, the names above and the values below them; behind each text some paper, since lines run below it."""
    import altair as alt

    names, ticks = [], []
    for key, axis in zip(_keys(own), own, strict=True):
        name = pages.shortened(axis.name, NAME) + (" (logarithmic)" if axis.logarithmic else "")
        names.append({"axis": key, "position": 0, "text": name})
        written = axis.ticks()
        for position, text in written:
            align = "center" if 0 < position < 1 else "left" if position <= 0 else "right"
            ticks.append({"axis": key, "position": position, "text": text, "align": align, "share": 1 / len(written)})
    rules = _line(alt.Chart(alt.InlineData(values=[{"axis": key} for key in _keys(own)])), own)
    rules = rules.mark_rule().encode(
        x=alt.XDatum(0, axis=None), x2=alt.X2Datum(1), detail=alt.Undefined, order=alt.Undefined
    )
    found = [rules]
    for rows, more in (
        (names, {"align": "left", "baseline": "bottom", "dy": -5, "fontWeight": "bold"}),
        (
            ticks,
            {
                "align": alt.ExprRef("datum.align"),
                "baseline": "top",
                "dy": 5,
                "limit": alt.ExprRef("width * datum.share - 4"),
            },
        ),
    ):
        for look in ("halo", "label"):
            texts = _line(alt.Chart(alt.InlineData(values=rows)), own)
            texts = texts.encode(text="text:N", detail=alt.Undefined, order=alt.Undefined)
            found.append(texts.mark_text(style=look, tooltip=None, **more))
    return found


def _layered(layers: list, own: list[Axis]) -> object:
    import altair as alt

    chart = alt.layer(*layers).properties(height=AXIS * len(own), autosize={"type": "fit-x", "contains": "padding"})
    chart["config"] = _config(style.INK, style.PAPER, style.MUTED, ON_WHITE)
    return chart


def _config(ink: str, paper: str, muted: str, part: tuple[float, float]) -> dict:
    """What of a chart depends on the paper."""
    import matplotlib
    from matplotlib.colors import to_hex

    scale = matplotlib.colormaps[style.SCALE]
    return {
        "background": paper,
        "font": f"{FONT}, sans-serif",
        "view": {"stroke": None},
        "line": {"strokeJoin": "round"},
        "text": {"color": ink},
        "padding": 6,
        "range": {"ramp": [to_hex(scale(share)) for share in np.linspace(*part, 9)]},
        "rule": {"color": muted, "strokeWidth": 1.5},
        "style": {
            "label": {"fill": ink, "fontSize": 11},
            "halo": {"fill": paper, "stroke": paper, "strokeWidth": 3, "strokeJoin": "round", "fontSize": 11},
            "behind": {"color": paper},
            "highlighted": {"color": ink},
        },
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "titleColor": ink,
            "labelColor": ink,
            "labelFontSize": 10,
            "titleFontSize": 11,
            "symbolStrokeColor": ink,
            "symbolSize": 300,
            "symbolStrokeWidth": 2,
        },
    }


SHEET = """
#chart{width:100%}
#chart canvas{touch-action:pan-y}
#controls label{display:flex;flex-wrap:wrap;align-items:center;gap:4px 8px}
button{font:inherit;padding:4px 10px;margin:6px 0}
#controls input{flex:1 1 160px;max-width:420px}
"""

# The colours of a chart are drawn, so that it is drawn again where the reader's system turns dark or light.
SCRIPT = """
const dark = matchMedia("(prefers-color-scheme: dark)");
let shown = null;
async function show() {
  if (shown) { shown.finalize(); document.getElementById("controls").replaceChildren(); }
  shown = await vegaEmbed("#chart", dark.matches ? {...chart, config: onBlack} : chart, {
    actions: false, renderer: "canvas", bind: "#controls",
    tooltip: {theme: dark.matches ? "dark" : "light"},
  });
}
dark.addEventListener("change", show);
document.getElementById("all").addEventListener("click", show);
show();
"""


def _body(search: dict, figures: dict) -> str:
    import vl_convert

    left_out = figures["failed"] + figures["without_value"]
    said = [
        f"Each line is a trial, from its hyperparameters to its {figures['objective'].lower()}.",
        f"{figures['drawn']} of {figures['trials']} are drawn: the others failed or gave no number."
        if left_out
        else "",
        f"The thick line is the best, trial {figures['best']}: {figures['best_value']}."
        if figures["best"] is not None
        else "",
        f"So far from the others that the lowest axis ends before: {figures['outside']}." if figures["outside"] else "",
        "Point at a line or tap it to see its trial; draw along an axis to see only the trials in that range.",
    ]
    spec = chart(search).to_dict()
    dark = _config(style.DARK[style.INK], style.DARK[style.PAPER], style.DARK[style.MUTED], ON_BLACK)
    return (
        f"<p>{markup.escape(' '.join(filter(None, said)))}</p>\n"
        '<div id="controls"></div>\n<button id="all">All trials again</button>\n<div id="chart"></div>\n'
        f"<script>{vl_convert.javascript_bundle()}</script>\n"
        f"<script>\nconst chart = {pages.in_script(spec)};\nconst onBlack = {pages.in_script(dark)};\n{SCRIPT}</script>"
    )


def _save(chart: object, svg: Path, png: Path) -> None:
    """Write a chart as SVG and as PNG, with matplotlib's font wherever it is drawn."""
    import matplotlib
    import vl_convert

    vl_convert.register_font_directory(str(Path(matplotlib.get_data_path(), "fonts", "ttf")))
    spec = chart.to_dict()
    files.write_text(svg, vl_convert.vegalite_to_svg(spec))
    with files.whole(png) as temporary:
        temporary.write_bytes(vl_convert.vegalite_to_png(spec, scale=style.PIXELS_PER_INCH / POINTS))
