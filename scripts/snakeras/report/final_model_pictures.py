"""Pictures of the final model: what it confuses, its mistakes, and how it was trained."""

import html
import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from snakeras.core import files
from snakeras.core.text import number, shortened
from snakeras.report import captions, style
from snakeras.search import pruners, trial_records

if TYPE_CHECKING:
    import pandas as pd

NUMBERED = 10  # so many classes leave room for a number in each cell
SHOWN, COLUMNS = 40, 5  # mistakes
LINE, CLASS = 50, 16  # characters of an input and of a class's name
WIDTHS = (0.09, 0.5, 0.14, 0.15, 0.12)
MARKED = 50  # epochs up to which each is marked on a curve
NAMES = ("confusion", "mistakes", "training")


def write(metrics: Path, mistakes_file: Path, layers: Path, templates: dict[str, Path], folder: Path) -> None:
    """Write the pictures of the final model as SVG and PNG with their captions, and its layers as a page.

    Args:
        metrics, mistakes_file, layers: ``metrics.json``, ``mistakes.npz`` and ``layers.txt`` of the final model.
        templates: The captions' templates, by ``NAMES``.
        folder: For the pictures; the captions go into its ``captions/``.
    """
    text = f'<pre class="layers">{html.escape(layers.read_text(encoding="utf-8"))}</pre>'
    files.write_text(folder / "layers.html", captions.page("Layers of the final model", text))
    document = files.read_json(metrics)
    with style.style():
        drawn = confusion(document), mistakes(mistakes_file), training(document)
        for name, (figure, figures) in zip(NAMES, drawn, strict=True):
            style.save(figure, folder / f"{name}.svg", folder / f"{name}.png")
            captions.write(templates[name], figures, folder / "captions" / f"{name}.rst")


def confusion(metrics: dict) -> tuple[object, dict]:
    """Return the confusion matrix of the test as a matplotlib figure, and the figures of its caption.

    ``metrics`` are those of ``metrics.json``. Shares are in percent; ``accuracy`` is None where no classes
    were tested, ``worst`` (the commonest mistake) where there is none.
    """
    from matplotlib.colors import PowerNorm
    from sklearn.metrics import ConfusionMatrixDisplay

    if metrics["test_accuracy"] is None:
        return style.saying(_untested(metrics)), {"accuracy": None}
    counts, rows = np.array(metrics["confusion_matrix"]), metrics["test_samples"]
    shares = metrics["test_accuracy"], *metrics["test_accuracy_interval"]
    accuracy, low, high = (f"{100 * share:.2f}" for share in shares)
    figure = style.new(6.8)
    axes = figure.subplots()
    numbered = len(counts) <= NUMBERED
    # Without numbers, the colours have to show a single mistake.
    colours = {} if numbered else {"norm": PowerNorm(0.3)}
    names = [shortened(name, CLASS) for name in metrics.get("classes", range(len(counts)))]
    ConfusionMatrixDisplay(counts, display_labels=names).plot(
        ax=axes, cmap="Blues", values_format="d", include_values=numbered, text_kw={"fontsize": 9}, im_kw=colours
    )
    title = f"{accuracy} % of {rows:,} right\n95 % Wilson interval {low} % to {high} %"
    axes.set(xlabel="Predicted class", ylabel="True class", title=title)
    if len(counts) > 2 * NUMBERED:
        every = range(0, len(counts), math.ceil(len(counts) / NUMBERED))
        names = [names[place] for place in every]
        axes.set(xticks=every, yticks=every, xticklabels=names, yticklabels=names)
    axes.grid(False)
    wrong = counts - np.diag(np.diag(counts))
    true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
    worst = {"true": names[true], "predicted": names[predicted], "count": wrong.max()} if wrong.any() else None
    figures = {"accuracy": accuracy, "low": low, "high": high, "rows": rows, "wrong": wrong.sum(), "worst": worst}
    return figure, figures


def _untested(metrics: dict) -> str:
    if metrics["model"] is None:
        return "The model file trains no model to keep: there is none to test"
    if metrics["test_loss"] is None:
        return "The final model was not tested: there was no data to test it on, or its loss was no finite number"
    if "outputs" in metrics:
        return "The final model has several outputs: final/metrics.json has the test of each"
    return "The final model is no classifier: it was tested, but there are no classes that it could confuse"


def mistakes(path: Path) -> tuple[object, dict]:
    """Return the most confident mistakes as a matplotlib figure, and the figures of its caption.

    They are images where the model takes images, else a table. ``path`` is what ``inspection.write`` wrote.
    """
    with np.load(path) as archive:
        found = {name: archive[name] for name in archive.files}
    if "classes" in found:
        found |= {name: found["classes"][found[name]] for name in ("true", "predicted")}
    shown = min(len(found["index"]), SHOWN)
    figures = {name: found[name].item() for name in ("classified", "rows", "count")}
    figures |= {"shown": shown, "images": "image" in found}
    if not figures["classified"]:
        return style.saying("No classes were tested, so that there are no mistakes to show"), figures
    if not figures["count"]:
        return style.saying(f"No mistakes: all {figures['rows']:,} test rows are classified right"), figures
    return (_images if figures["images"] else _table)(found, shown), figures


def _images(found: dict[str, np.ndarray], shown: int) -> object:
    rows = math.ceil(shown / COLUMNS)
    figure = style.new(1.6 * rows + 0.1)
    for axes in figure.subplots(rows, COLUMNS, squeeze=False).flat:
        axes.set_axis_off()
    for place, axes in enumerate(figure.axes[:shown]):
        axes.imshow(found["image"][place], cmap="gray", vmin=0, vmax=1, interpolation="none")
        true, predicted, probability = (found[key][place] for key in ("true", "predicted", "probability"))
        title = f"true {true}\npredicted {predicted}\nprobability {_probability(probability)}"
        axes.set_title(title, fontsize=8, pad=3)
    return figure


def _table(found: dict[str, np.ndarray], shown: int) -> object:
    columns = {
        "index": "{:,}".format,
        "input": lambda words: textwrap.shorten(words, LINE, placeholder=" …"),
        "true": lambda name: shortened(name, CLASS),
        "predicted": lambda name: shortened(name, CLASS),
        "probability": _probability,
    }
    cells = [map(form, found[name][:shown]) for name, form in columns.items()]
    rows = list(zip(*cells, strict=True))
    titles = ["Test row", "Input", "True class", "Predicted class", "Probability"]
    figure = style.new(0.26 * (shown + 1) + 0.2)
    axes = figure.subplots()
    axes.set_axis_off()
    colours = [[style.PAPER] * len(titles)] * shown
    table = axes.table(rows, colLabels=titles, colWidths=WIDTHS, cellLoc="left", bbox=(0, 0, 1, 1), cellColours=colours)
    table.auto_set_font_size(False)
    table.set_fontsize(7)
    return figure


def _probability(value: float) -> str:
    if not math.isfinite(value):
        return "unknown"
    # Rounding must not make certainty of it.
    return ">0.99" if 0.995 <= value < 1 else f"{value:.2f}"


def training(metrics: dict) -> tuple[object, dict]:
    """Return the final model's curves by epoch as a matplotlib figure, and the figures of its caption.

    Its fits follow each other, with a dotted line between them. Of an ensemble, each member has its own curves, and the
    caption's figures are those of the first. ``metrics`` are those of ``metrics.json``. Where there is nothing to draw,
    the caption's ``epochs`` is 0.
    """
    trainings = [member["fits"] for member in metrics.get("members", []) if member["fits"]] or [metrics["fits"]]
    trainings = list(map(trial_records.decode, trainings))
    drawn = list(map(_joined, trainings))
    fits, curves = trainings[0], drawn[0]
    names = {"loss": "loss", "accuracy": _accuracy(curves)}
    panels = {label: name for label, name in names.items() if name in curves or f"val_{name}" in curves}
    figures = {
        "members": len(trainings),
        "fits": len(fits),
        "epochs": len(curves) if panels else 0,
        "train_on": metrics["train_on"],
        "validated": any(f"val_{name}" in curves for name in panels.values()),
    }
    for label, name in names.items():
        for prefix in ("", "val_"):
            last = curves[prefix + name].iloc[-1] if name and prefix + name in curves else math.nan
            figures[prefix + label] = number(float(last)) if math.isfinite(last) else None
    if not panels:
        return style.saying(_untrained(metrics)), figures
    figure = style.new(0.8 + 2.4 * len(panels))
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for panel, (label, name) in zip(axes, panels.items(), strict=True):
        for own in drawn:
            _draw_curves(panel, own, name, " (also trained on)" if metrics["train_on"] == "all" else "")
        for ended in np.cumsum([fit["epochs"] for fit in fits])[:-1]:
            panel.axvline(ended + 0.5, color=style.MUTED, linewidth=0.8, linestyle=":")
        panel.set_ylabel("Accuracy (share right)" if label == "accuracy" else "Loss")
    axes[-1].set_xlabel("Epoch")
    axes[-1].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    keys = {label: key for panel in axes for key, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(keys.values(), keys.keys(), loc="outside upper center", ncols=2)
    return figure, figures


def _draw_curves(panel: object, curves: "pd.DataFrame", name: str, remark: str) -> None:
    """Draw a metric of training and validation."""
    looks = (("", "training", style.BLUE, "o-"), ("val_", f"validation{remark}", style.RED, "s--"))
    for prefix, said, colour, line in looks:
        if prefix + name in curves:
            # A validation every few epochs is one line too.
            curve = curves[prefix + name].dropna()
            form = line if len(curves) <= MARKED else line[1:]
            panel.plot(curve.index, curve, form, color=colour, label=said, markersize=5)


def _joined(fits: list[dict]) -> "pd.DataFrame":
    """Return the metrics by epoch (from 1), all fits after each other; those without any finite value are left out."""
    import pandas as pd

    frames = [
        pd.DataFrame({name: pd.Series(values, dtype=float) for name, values in fit["metrics"].items()}).reindex(
            range(fit["epochs"])
        )
        for fit in fits
    ]
    curves = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    curves.index += 1
    return curves.replace([math.inf, -math.inf], math.nan).dropna(axis="columns", how="all")


def _accuracy(curves: "pd.DataFrame") -> str | None:
    if name := pruners.validation_accuracy(curves):
        return name.removeprefix("val_")
    return next((name for name in curves if name == "acc" or name.endswith(("accuracy", "_acc"))), None)


def _untrained(metrics: dict) -> str:
    if metrics["model"] is None:
        return "The model file trains no model to keep: there are no curves"
    if not metrics["fits"]:
        return "The final model was trained otherwise than by fit of Keras: there are no curves"
    return "The final model's loss was no finite number in any epoch: there are no curves"
