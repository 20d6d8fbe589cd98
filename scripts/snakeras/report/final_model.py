"""Pictures of the final model: what it confuses, its mistakes, how it was trained, and of which layers it is made."""

import math
from pathlib import Path

import numpy as np

from snakeras.report import style
from snakeras.report.style import Picture
from snakeras.search import pruners, trial_records

NUMBERED = 10  # so many classes leave room for a number in each cell
SHOWN, COLUMNS = 40, 5  # mistakes
MARKED = 50  # epochs up to which each is marked on a curve
# On coloured cells, in the light and in the dark.
BLACK, WHITE = "#000000", "#fefefe"


def confusion(metrics: dict) -> Picture:
    """The confusion matrix of the test, coloured by share of the true class on a logarithmic scale.

    Parameters
    ----------
    metrics
        As ``final.retrain`` gives them.

    Returns
    -------
    Picture
        Figures: ``accuracy`` (None where no classes were tested), ``low`` and ``high`` of its interval, in percent with
        two digits; ``rows``, ``classes`` and ``wrong``, counts; ``worst``: ``true``, ``predicted`` and ``count`` of the
        commonest mistake, None without any.
    """
    if metrics["test_accuracy"] is None:
        return Picture(style.saying(_untested(metrics)), {"accuracy": None})
    counts = np.array(metrics["confusion_matrix"])
    classes, rows = len(counts), metrics["test_samples"]
    accuracy, low, high = (_percent(value) for value in (metrics["test_accuracy"], *metrics["test_accuracy_interval"]))
    figure = style.new(6.8)
    axes = figure.subplots()
    mappable = _cells(axes, counts)
    axes.set_title(f"{accuracy} % of {rows:,} right\n95 % Wilson interval {low} % to {high} %")
    axes.set_xlabel("Predicted class")
    axes.set_ylabel("True class")
    if classes <= 2 * NUMBERED:
        axes.set_xticks(range(classes))
        axes.set_yticks(range(classes))
    axes.grid(False)
    bar = figure.colorbar(mappable, ax=axes, orientation="horizontal", shrink=0.8, aspect=30, pad=0.02)
    bar.set_label("Share of the true class's rows (logarithmic)")
    bar.ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    bar.ax.xaxis.set_minor_formatter(lambda _share, _: "")
    bar.outline.set_visible(False)
    wrong = counts - np.diag(np.diag(counts))
    true, predicted = (int(number) for number in np.unravel_index(wrong.argmax(), wrong.shape))
    worst = {"true": true, "predicted": predicted, "count": int(wrong.max())}
    figures = {"accuracy": accuracy, "low": low, "high": high, "rows": rows, "classes": classes}
    return Picture(figure, figures | {"wrong": int(wrong.sum()), "worst": worst if wrong.any() else None})


def _cells(axes: object, counts: np.ndarray) -> object:
    """Draw a cell for each pair that occurs, and give what a colour bar needs."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap, LogNorm
    from matplotlib.patches import Rectangle

    scale = _scale(LinearSegmentedColormap)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    # Whole powers of ten, so that the colour bar has a number at each end.
    norm = LogNorm(10 ** min(math.floor(math.log10(shares[shares > 0].min())), -1), 1)
    pairs = np.argwhere(counts)
    colours = scale(norm(shares[counts > 0]))
    cells = [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column in pairs]
    # Their edges keep the smallest cells visible.
    axes.add_collection(PatchCollection(cells, facecolors=colours, edgecolors=colours, linewidths=0.4))
    if len(counts) <= NUMBERED:
        for (row, column), colour in zip(pairs, colours, strict=True):
            ink = BLACK if colour[:3] @ (0.2126, 0.7152, 0.0722) > 0.45 else WHITE
            axes.text(column, row, _short_count(counts[row, column]), ha="center", va="center", fontsize=9, color=ink)
    axes.set_xlim(-0.5, len(counts) - 0.5)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(True)
    return ScalarMappable(norm, scale)


def _scale(kind: type) -> object:
    """The scale of all pictures without its darkest part, which the dark would hide."""
    from matplotlib import colormaps

    return kind.from_list("cells", colormaps[style.SCALE](np.linspace(0.3, 1, 256)))


def _short_count(count: int) -> str:
    return f"{count:,}" if count < 100_000 else f"{count / 1000:.0f}k"


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _untested(metrics: dict) -> str:
    if metrics["model"] is None:
        return "The model file trains no model to keep: there is none to test"
    if metrics["test_loss"] is None:
        return "The final model was not tested: there was no data to test it on, or its loss was no finite number"
    return "The final model is no classifier: it was tested, but there are no classes that it could confuse"


def mistakes(path: Path) -> Picture:
    """The misclassified test rows of which the model was surest: images, or a table of other rows; at most 40.

    Parameters
    ----------
    path
        The .npz that ``inspection.write`` wrote.

    Returns
    -------
    Picture
        Figures: ``classified`` (bool), ``rows`` tested, ``count`` of mistakes, how many are ``shown``, and whether as
        ``images``.
    """
    with np.load(path, allow_pickle=False) as file:
        found = dict(file)
    rows, count = int(found["rows"]), int(found["count"])
    shown = min(len(found["index"]), SHOWN)
    figures = {"classified": bool(found["classified"]), "rows": rows, "count": count, "shown": shown}
    figures["images"] = "image" in found
    if not figures["classified"]:
        text = "No classes were tested, so that there are no mistakes to show"
        return Picture(style.saying(text), figures)
    if not count:
        return Picture(style.saying(f"No mistakes: all {rows:,} test rows are classified right"), figures)
    return Picture(_images(found, shown) if figures["images"] else _table(found, shown), figures)


def _images(found: dict[str, np.ndarray], shown: int) -> object:
    # Classes of two and more digits have no room beside each other.
    apart = ", " if max(found["true"].max(), found["predicted"].max()) < 10 else "\n"
    lines = 2 if apart == ", " else 3
    rows = math.ceil(shown / COLUMNS)
    figure = style.new(rows * (1.13 + 0.15 * lines) + 0.1)
    for axes in figure.subplots(rows, COLUMNS, squeeze=False).flat[shown:]:
        axes.set_axis_off()
    for number, axes in enumerate(figure.axes[:shown]):
        axes.imshow(found["image"][number], cmap="gray", vmin=0, vmax=1, interpolation="none")
        axes.set_title(
            f"true {found['true'][number]}{apart}predicted {found['predicted'][number]}\n"
            f"probability {_probability(found['probability'][number])}",
            fontsize=8,
            pad=3,
        )
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=style.MUTED, linewidth=0.6)
    return figure


def _table(found: dict[str, np.ndarray], shown: int) -> object:
    step = 0.24
    figure, axes = _sheet(step * (shown + 2.4))
    columns = {
        1.2: ("Test row", [f"{value:,}" for value in found["index"]]),
        2.6: ("True class", found["true"]),
        4.2: ("Predicted class", found["predicted"]),
        5.6: ("Probability", [_probability(value) for value in found["probability"]]),
    }
    for x, (title, values) in columns.items():
        axes.text(x, step, title, ha="right", va="center", fontsize=10, fontweight="bold")
        for row, value in enumerate(values[:shown]):
            axes.text(x, step * (row + 2.1), str(value), ha="right", va="center", fontsize=9)
    axes.plot([0.2, 5.8], 2 * [1.5 * step], color=style.INK, linewidth=0.8)
    return figure


def _sheet(height: float) -> tuple[object, object]:
    """A figure and its only axes, whose coordinates are inches from its upper left corner."""
    figure = style.new(height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, style.WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def _probability(value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    # Rounding must not make certainty of it.
    return ">0.99" if 0.995 <= value < 1 else f"{value:.2f}"


def training(metrics: dict) -> Picture:
    """The curves of the final model's last fit by epoch: loss and, where it has one, accuracy.

    Parameters
    ----------
    metrics
        As ``final.retrain`` gives them.

    Returns
    -------
    Picture
        Figures: ``fits``, how many there were; ``epochs`` of the last one (0 where there is nothing to draw);
        ``train_on``; whether it was ``validated``; ``loss``, ``val_loss``, ``accuracy``, ``val_accuracy`` after its
        last epoch, as text, None where there is none.
    """
    fits = trial_records.decode(metrics["fits"])
    curves = {name: _finite(values) for name, values in (fits[-1]["metrics"] if fits else {}).items()}
    curves = {name: values for name, values in curves.items() if np.isfinite(values).any()}
    accuracy = _accuracy(curves)
    names = {"loss": "loss", "accuracy": accuracy}
    panels = {label: name for label, name in names.items() if name in curves or f"val_{name}" in curves}
    figures = {
        "fits": len(fits),
        "epochs": fits[-1]["epochs"] if panels else 0,
        "train_on": metrics["train_on"],
        "validated": any(f"val_{name}" in curves for name in panels.values()),
    }
    for label, name in names.items():
        figures[label], figures[f"val_{label}"] = (_last(curves.get(key)) for key in (name, f"val_{name}"))
    if not panels:
        return Picture(style.saying(_untrained(metrics)), figures)
    validated = "validation" + (" (also trained on)" if metrics["train_on"] == "all" else "")
    looks = (("", "training", style.BLUE, "o-"), ("val_", validated, style.RED, "s--"))
    figure = style.new(0.8 + 2.4 * len(panels))
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for panel, (label, name) in zip(axes, panels.items(), strict=True):
        for prefix, said, colour, line in looks:
            if values := curves.get(prefix + name):
                # Many markers would hide the line.
                form = line if len(values) <= MARKED else line[1:]
                # A validation every few epochs is one line too.
                points = [(epoch, value) for epoch, value in enumerate(values, start=1) if math.isfinite(value)]
                panel.plot(*zip(*points, strict=True), form, color=colour, label=said, markersize=5)
        panel.set_ylabel("Accuracy (share right)" if label == "accuracy" else "Loss")
    axes[-1].set_xlabel("Epoch")
    margin = max(0.2, 0.02 * figures["epochs"])
    axes[-1].set_xlim(1 - margin, figures["epochs"] + margin)
    axes[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    handles = {
        label: handle for panel in axes for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=2)
    return Picture(figure, figures)


def _accuracy(curves: dict[str, list[float]]) -> str | None:
    if name := pruners.validation_accuracy(curves):
        return name.removeprefix("val_")
    return next((name for name in curves if name == "acc" or name.endswith(("accuracy", "_acc"))), None)


def _finite(values: list[float | None]) -> list[float]:
    return [value if value is not None and math.isfinite(value) else math.nan for value in values]


def _last(values: list[float] | None) -> str | None:
    return None if values is None or math.isnan(values[-1]) else f"{values[-1]:.4g}"


def _untrained(metrics: dict) -> str:
    if metrics["model"] is None:
        return "The model file trains no model to keep: there are no curves"
    if not metrics["fits"]:
        return "The final model was trained otherwise than by fit: there are no curves"
    return "The final model's loss was no finite number in any epoch: there are no curves"


FIRST, LAST = 40, 20  # layers of a large network that are drawn
# Of the drawing of a network, in inches.
MARGIN, BOX, GAP, HEAD, FOOT = 0.12, 0.44, 0.2, 0.45, 0.45
LANE, LANES = 0.17, 1.7  # between two lanes, and all lanes at most
LEAVES, ENTERS = 0.11, -0.11  # below and above the middle of a box
LANE_COLOURS = (style.BLUE, style.RED, style.GREEN, style.ORANGE)


def network(document: dict) -> Picture:
    """The layers from top to bottom; what is not passed on to the next one goes past the boxes at their right.

    Parameters
    ----------
    document
        By ``inspection.network``.

    Returns
    -------
    Picture
        Figures: ``layers``, how many there are; how many of them are ``left_out``; ``connected``; ``parameters`` and
        how many of these are ``not_trainable``, with thousands separated.
    """
    layers, total = document["layers"], document["parameters"]
    rows = _rows(layers)
    figures = {
        "layers": len(layers),
        "left_out": sum(row for row in rows if isinstance(row, int)),
        "connected": document["connected"],
        "parameters": f"{total['trainable'] + total['not_trainable']:,}",
        "not_trainable": f"{total['not_trainable']:,}",
    }
    if not layers:
        return Picture(style.saying("There are no layers to draw: the model file keeps none"), figures)
    height = HEAD + len(rows) * (BOX + GAP) + FOOT
    figure, axes = _sheet(height)
    straight, around = _connections(layers, rows)
    lanes = _lanes(around)
    spacing = min(LANE, LANES / max(len(lanes), 1))
    right = style.WIDTH - MARGIN - (spacing * len(lanes) + 0.05 if lanes else 0)
    for number, row in enumerate(rows):
        if isinstance(row, int):
            _ellipsis(axes, row, _middle(number), right)
        else:
            _box(axes, row, _middle(number), right)
    for number in straight:
        x = (MARGIN + right) / 2
        _arrow(axes, [(x, _middle(number) + BOX / 2), (x, _middle(number + 1) - BOX / 2)], style.INK)
    for number, lane in enumerate(lanes):
        for source in lane:
            x, colour = right + spacing * (number + 1), LANE_COLOURS[number % len(LANE_COLOURS)]
            for target in around[source]:
                start, end = _middle(source) + LEAVES, _middle(target) + ENTERS
                _arrow(axes, [(right, start), (x, start), (x, end), (right, end)], colour)
    title = f"{document['name']} ({document['class']})"
    axes.text(MARGIN, HEAD / 2, _fitted(title, style.WIDTH - 2 * MARGIN, 11), va="center", fontsize=11)
    axes.text(MARGIN, height - FOOT / 2, _total(total), va="center", fontsize=10, fontweight="bold")
    return Picture(figure, figures)


def _rows(layers: list[dict]) -> list[dict | int]:
    """What is drawn in each row: a layer, or how many are left out."""
    left_out = len(layers) - FIRST - LAST
    return layers if left_out <= 0 else [*layers[:FIRST], left_out, *layers[-LAST:]]


def _connections(layers: list[dict], rows: list[dict | int]) -> tuple[list[int], dict[int, list[int]]]:
    """Rows that are passed on to the next one, and for each other source its targets."""
    drawn = [row["name"] if isinstance(row, dict) else None for row in rows]
    places = {name: number for number, name in enumerate(drawn) if name is not None}
    left_out = drawn.index(None) if None in drawn else None
    pairs = dict.fromkeys(
        (places.get(source, left_out), places.get(layer["name"], left_out))
        for layer in layers
        for source in layer["inputs"]
    )
    straight, around = [], {}
    for source, target in pairs:
        if target == source + 1:
            straight.append(source)
        # What layers that are left out pass to each other is left out too.
        elif not source == target == left_out:
            around.setdefault(source, []).append(target)
    return straight, around


def _lanes(around: dict[int, list[int]]) -> list[list[int]]:
    """The sources in each lane, the innermost first: the shorter ways lie inside, and none over another."""
    spans = {}
    for source, targets in around.items():
        ends = [_middle(source) + LEAVES, *(_middle(target) + ENTERS for target in targets)]
        spans[source] = (min(ends), max(ends))
    lanes = []
    for source in sorted(spans, key=lambda source: (spans[source][1] - spans[source][0], source)):
        low, high = spans[source]
        free = (lane for lane in lanes if all(high < spans[other][0] or spans[other][1] < low for other in lane))
        lane = next(free, None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(source)
    return lanes


def _middle(row: int) -> float:
    return HEAD + row * (BOX + GAP) + BOX / 2


def _box(axes: object, layer: dict, y: float, right: float) -> None:
    from matplotlib.patches import FancyBboxPatch

    count = sum(layer["parameters"].values())
    frame = {"edgecolor": style.BLUE if count else style.MUTED, "linewidth": 1.6 if count else 0.9}
    form = "round,pad=0,rounding_size=0.06"
    width = right - MARGIN
    axes.add_patch(FancyBboxPatch((MARGIN, y - BOX / 2), width, BOX, form, facecolor=style.PAPER, **frame))
    activation = f" ({layer['activation']})" if layer["activation"] not in (None, "linear") else ""
    kind = _fitted(layer["class"] + activation, 0.6 * width, 9, "bold")
    name = _fitted(layer["name"], width - 0.3 - _width(kind, 9, "bold"), 8)
    fixed = layer["parameters"]["not_trainable"]
    parameters = _counted(count, "parameter") + (f", {fixed:,} not trained" if fixed else "")
    shape = _fitted(_sizes(layer["output_shape"]), width - 0.3 - _width(parameters, 8), 8)
    above, below, left, right = y - 0.09, y + 0.1, MARGIN + 0.09, right - 0.09
    axes.text(left, above, kind, va="center", fontsize=9, fontweight="bold")
    axes.text(right, above, name, va="center", ha="right", fontsize=8, color=style.MUTED)
    axes.text(left, below, shape, va="center", fontsize=8)
    axes.text(right, below, parameters, va="center", ha="right", fontsize=8)


def _ellipsis(axes: object, count: int, y: float, right: float) -> None:
    from matplotlib.patches import Rectangle

    size = (right - MARGIN, BOX)
    frame = {"edgecolor": style.MUTED, "linestyle": "--", "linewidth": 0.9}
    axes.add_patch(Rectangle((MARGIN, y - BOX / 2), *size, facecolor=style.PAPER, **frame))
    text = f"{_counted(count, 'layer')} left out"
    axes.text((MARGIN + right) / 2, y, text, va="center", ha="center", fontsize=9)


def _arrow(axes: object, points: list[tuple[float, float]], colour: str) -> None:
    """An arrow along right angles, which are rounded."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Line

    vertices, codes = [points[0]], [Line.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        vertices += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Line.LINETO, Line.CURVE3, Line.CURVE3]
    line = Line([*vertices, points[-1]], [*codes, Line.LINETO])
    form = {"arrowstyle": "-|>,head_length=3.5,head_width=2", "mutation_scale": 1, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(path=line, color=colour, linewidth=1.1, capstyle="butt", **form))


def _towards(corner: tuple[float, float], point: tuple[float, float]) -> tuple[float, float]:
    """Where the rounding of a corner begins on the way to ``point``."""
    distance = math.dist(corner, point)
    part = min(0.06 / distance, 0.5) if distance else 0
    return tuple(at + part * (to - at) for at, to in zip(corner, point, strict=True))


def _sizes(shape: list[int | None] | None) -> str:
    if shape is None:
        return "output of unknown shape"
    sizes = ["any" if size is None else str(size) for size in shape[1:]]
    return "output " + (" × ".join(sizes) or "a single number")


def _total(total: dict) -> str:
    text = f"{_counted(sum(total.values()), 'parameter')} in all"
    return text + (f", {total['not_trainable']:,} of them not trained" if total["not_trainable"] else "")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _fitted(text: str, width: float, size: float, weight: str = "normal") -> str:
    """The text, cut short to ``width`` inches at a font size of ``size`` points."""
    if _width(text, size, weight) <= width:
        return text
    while text and _width(text + "…", size, weight) > width:
        text = text[:-1]
    return text + "…"


def _width(text: str, size: float, weight: str = "normal") -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    return TextPath((0, 0), text, size, prop=FontProperties(weight=weight)).get_extents().width / 72 if text else 0.0
