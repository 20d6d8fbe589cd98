"""The final model, saved, tested once, and described for those who look at it or serve it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snakeras.core.errors import flat
from snakeras.data import arrays
from snakeras.final import estimators, held_out, inspection
from snakeras.model_file import kept_models, loader
from snakeras.model_file.keras_legacy import old_names
from snakeras.process import gpus
from snakeras.search import trial_records

CONFIDENCE = 0.95

# The metrics of a model without test data; also the keys of all others.
UNTESTED = {
    "test_loss": None,
    "test_metrics": {},
    "test_samples": 0,
    "test_accuracy": None,
    "test_accuracy_interval": None,
    "confusion_matrix": None,
    "per_class_accuracy": None,
    "parameters": None,
}
CLASSIFICATION = ("test_accuracy", "test_accuracy_interval", "confusion_matrix", "per_class_accuracy")


@dataclass(frozen=True)
class FinalResult:
    """The final model, as it goes to the parent process; its file is saved already."""

    metrics: dict
    example: dict | None  # what the model takes and gives, by ``described``
    layers: str  # a summary of it, by ``inspection.layers``
    run: dict  # for the run record: ``device``, ``epochs_ended`` and ``estimator``
    notes: str = ""  # lines for people


def conclude(
    model: object | None,
    test: held_out.HeldOut | str | None,
    model_file: loader.Loaded,
    folder: Path,
    mistakes: Path,
    known: dict,
) -> FinalResult:
    """Save the final model, test it and describe it.

    Args:
        test: What to test on, or why there is nothing.
        model_file: The file whose model function made the model.
        folder, mistakes: For the model, by ``kept_models``, and the test's mistakes, by ``inspection.mistakes``.
        known: What else ``metrics.json`` says of it.
    """
    data = test if isinstance(test, held_out.HeldOut) else None
    metrics, wrong = _kept_and_tested(model, test, model_file, folder)
    inspection.write(mistakes, wrong)
    seen = data.seen if data else True
    example = described(model, data and (data.x, data.y))
    layers = _for_pictures(inspection.layers, lambda: inspection.layers(None), model)
    run = {"device": gpus.in_use()} | kept_models.about(model)
    return FinalResult(metrics | {"test_data_seen_by_search": seen} | known, example, layers, run)


def _texts(loaded: loader.Loaded, y: np.ndarray) -> np.ndarray | None:
    """Return the last array of texts that the model function was given with one for each target of the test."""
    values = [getattr(loaded.module, name, None) for name in reversed(loaded.script.parameters)]
    for value in values:
        # Targets may be texts too.
        if np.ndim(value) == 1 and len(value) == len(y) and not np.array_equal(value, y):
            texts = np.asarray(value)
            if all(isinstance(text, str) for text in texts):
                return texts
    return None


def _kept_and_tested(
    network: object | None, test: held_out.HeldOut | str | None, model_file: loader.Loaded, folder: Path
) -> tuple[dict, arrays.Arrays]:
    """Save the model in ``folder``; return ``model``, its file's name, with its test metrics, and its mistakes."""
    kept = None if network is None else kept_models.save(network, folder, model_file.script.path)
    is_tested = isinstance(test, held_out.HeldOut)
    texts = _for_pictures(_texts, lambda: None, model_file, test.y) if is_tested else None
    with old_names.old_names(kept_models.is_keras(network)):
        metrics, wrong = tested(network, test, texts)
    return {"model": kept, "loss": None} | metrics, wrong


def tested(
    network: object | None, test: held_out.HeldOut | str | None, texts: object | None
) -> tuple[dict, arrays.Arrays]:
    """Return the test metrics of a model, and its mistakes.

    In place of the arrays to test on there may be the reason why there are none.
    """
    if network is None:
        return UNTESTED, inspection.no_mistakes()
    untested = UNTESTED | {"parameters": _parameters(network)}
    try:
        if not isinstance(test, held_out.HeldOut):
            raise ValueError(test)
        y, classes = test.y, None
        if kept_models.is_estimator(network):
            network = estimators.Tested(network, y)
            y, classes = network.targets, network.classes
        metrics, outputs = test_metrics(network, test.x, y)
    # A script may validate on anything, also on data that do not fit this model.
    except Exception as error:
        print(f"not tested: {flat(error)}")
        return untested | {"not_tested": flat(error)}, inspection.no_mistakes()
    if "outputs" in metrics:
        return metrics, inspection.no_mistakes()
    found = _for_pictures(inspection.mistakes, inspection.no_mistakes, outputs, test.x, np.asarray(y), texts)
    if classes is not None:
        metrics["classes"], found["classes"] = list(map(str, classes)), classes.astype(str)
    return metrics, found


def _parameters(model: object) -> int | None:
    """Return how many weights a Keras model has; None for another model."""
    return int(model.count_params()) if hasattr(model, "count_params") else None


def _for_pictures(function: Callable, otherwise: Callable, *arguments: object) -> object:
    """Return what ``function`` gives, or ``otherwise``: a model that cannot be described must not be lost for that."""
    try:
        return function(*arguments)
    except Exception as error:
        print(f"not for the pictures: {flat(error)}")
        return otherwise()


def described(model: object | None, test: tuple | None) -> dict | None:
    """Return what a model takes and gives, with an example, for those who serve it without loading it first.

    Returns:
        dict: ``inputs`` and ``outputs``: ``name``, ``dtype`` and ``shape`` (None for any number) of each; ``example``:
            one row of test data for each input, and ``prediction``: what the model makes of it, both as nested lists;
            None where there is no test data. None for a model without defined inputs.
    """
    if kept_models.is_estimator(model):
        return estimators.described(model, test[0]) if test else None
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        return None

    def form(tensor: object) -> dict:
        sizes = [size and int(size) for size in tensor.shape[1:]]
        return {"name": tensor.name, "dtype": tensor.dtype, "shape": [None, *sizes]}

    tensors = {"inputs": [*map(form, model.inputs)], "outputs": [*map(form, model.outputs)]}
    signature = tensors | {"example": None, "prediction": None}
    if test is None:
        return signature
    try:
        inputs = _as_list(test[0])
        rows = [np.asarray(array)[:1].astype(tensor.dtype) for array, tensor in zip(inputs, model.inputs, strict=True)]
        outputs = _as_list(model.predict(rows if len(rows) > 1 else rows[0], verbose=0))
        return signature | {
            "example": [trial_records.encode(row.tolist()) for row in rows],
            "prediction": [trial_records.encode(np.asarray(output).tolist()) for output in outputs],
        }
    # A script may validate on anything, also on data that do not fit this model.
    except Exception as error:
        print(f"no example: {flat(error)}")
        return signature


def _as_list(value: object) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def wilson_interval(successes: int, n: int) -> list[float]:
    """Return the 95 % Wilson score interval of a proportion (Wilson 1927), by SciPy, as [low, high]."""
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return [float(interval.low), float(interval.high)]


def test_metrics(model: object, x: object, y: object) -> tuple[dict, object]:
    """Return the test metrics of a trained Keras model or ``estimators.Tested``, and what it predicts.

    Args:
        x: Inputs as the model takes them: an array of shape (n, ...) or a list of such.
        y: Targets as its loss takes them: one-hot (n, classes), class numbers (n,) or (n, 1), or anything else; for
            several outputs a list of such, or a dict by the names of the outputs.

    Returns:
        metrics, outputs: ``test_loss``, ``test_metrics`` (those that the model was compiled with, by their names) and
            ``parameters``; for a classifier ``test_accuracy`` with its
            ``test_accuracy_interval``, ``confusion_matrix`` (rows: true class, columns: predicted) and
            ``per_class_accuracy`` (None for a class without test data), which are None for other models. For several
            outputs, ``outputs`` has these of each, and its own metrics, by its name. What it predicts has the shape
            (n, ...), or is a list of such.
    """
    started = time.perf_counter()
    values = model.evaluate(x, y, batch_size=1000, verbose=0, return_dict=True)
    outputs = model.predict(x, batch_size=1000, verbose=0)
    is_several = isinstance(outputs, list | tuple | dict) and len(outputs) > 1
    if is_several:
        numbered = [f"output_{number}" for number, _ in enumerate(outputs, 1)]
        names = list(outputs) if isinstance(outputs, dict) else getattr(model, "output_names", numbered)
        targets = [np.asarray(y[name]) for name in names] if isinstance(y, dict) else [*map(np.asarray, y)]
        outputs = [*map(np.asarray, outputs.values() if isinstance(outputs, dict) else outputs)]
    else:
        outputs = np.asarray(outputs)
        targets = [np.asarray(y)]
    rows = len(targets[0])
    print(f"tested on {rows} rows in {time.perf_counter() - started:.1f} s")
    metrics = UNTESTED | {
        "test_loss": _finite(values.get("loss")),
        "test_metrics": {name: _finite(value) for name, value in values.items() if name != "loss"},
        "test_samples": rows,
        "parameters": _parameters(model),
    }
    if not is_several:
        return metrics | _classification(targets[0], outputs), outputs
    metrics["outputs"] = {
        name: {
            "test_loss": _finite(values.get(f"{name}_loss")),
            **_classification(target, output),
            "metrics": {
                key.removeprefix(f"{name}_"): _finite(value)
                for key, value in values.items()
                if key.startswith(f"{name}_") and key != f"{name}_loss"
            },
        }
        for name, target, output in zip(names, targets, outputs, strict=True)
    }
    return metrics, outputs


def _classification(y: np.ndarray, outputs: np.ndarray) -> dict:
    """Return the metrics of a classifier's test, which are None for another model."""
    true, predicted = inspection.classes(y, outputs)
    if true is None:
        return {key: UNTESTED[key] for key in CLASSIFICATION}
    size = max(outputs.shape[-1], 2)
    confusion = np.zeros((size, size), dtype=int)
    np.add.at(confusion, (true, predicted), 1)
    right = int(np.trace(confusion))
    return {
        "test_accuracy": right / len(y),
        "test_accuracy_interval": wilson_interval(right, len(y)),
        "confusion_matrix": confusion.tolist(),
        "per_class_accuracy": [
            int(row[number]) / int(row.sum()) if row.sum() else None for number, row in enumerate(confusion)
        ],
    }
