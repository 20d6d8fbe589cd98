"""The final model: the best hyperparameters trained again on all training data, then tested once."""

import io
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from snakeras.core import files, seeds
from snakeras.core.errors import UserError, flat
from snakeras.core.settings import FinalSettings, TrialSettings
from snakeras.data import arrays, datasets
from snakeras.final import estimators, held_out, inspection
from snakeras.model_file import kept_models, loader, mlflow_capture, opened_files, parser
from snakeras.model_file.keras_legacy import old_names
from snakeras.process import gpus
from snakeras.search import fit_hook, trial_records

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
    notes: str  # lines for people


def retrain(
    best: Path,
    sources: list[Path],
    search: TrialSettings,
    final: FinalSettings,
    manifest: Path | None,
    mnist_folder: str | None,
    folder: Path,
    mistakes: Path,
    test_function: str | None = None,
) -> FinalResult:
    """Train the best trial's model function again in this process, with its hyperparameters fixed, and test it.

    The model function gets the training images (with ``train_on: all`` also those held out for the search) and, as
    its test arrays, the held-out ones. It never gets the test images. It starts from the seed of the best trial.
    A model file with its own data is tested on what its function ``test_data`` returns, else by ``held_out.find``.

    Args:
        best, manifest: ``winner.json``, and the manifest of the prepared arrays (None: the file's own data function).
        sources, mnist_folder: As for ``run_trial.run``.
        folder, mistakes: For the model, by ``kept_models``, and the test's mistakes, by ``inspection.mistakes``.
        test_function: Another name of the function ``test_data``.

    Raises:
        UserError: When the test function fails, or the model function before or in its last fit.
    """
    named = search.model_function, search.data_function, test_function
    script = parser.read(sources[0], manifest is None, *named, for_test=True)
    winner = files.read_json(best)
    # train_samples makes the search cheaper; the final model gets all there is.
    search = search.model_copy(update={"train_samples": None})
    notes = io.StringIO()
    prepared, test = _prepared(manifest, final.train_on, mnist_folder, notes) if manifest else (None, None)
    with (
        tempfile.TemporaryDirectory(prefix="snakeras-") as logged,
        mlflow_capture.capture_runs(Path(logged)),  # which is kept for the search's trials only
        opened_files.recorded() as opened,
        loader.loaded(script, prepared, search, mnist_folder) as model_file,
    ):
        test = test or _returned_test(model_file, search.seed)  # before the training, lest that be lost
        network, loss, fits = trained(model_file, winner, final.epochs)
        if test is None and network is not None:
            test = _found_test(model_file, fits)
    tested = test if isinstance(test, held_out.HeldOut) else None
    metrics, wrong = _kept_and_tested(network, test, model_file, folder)
    inspection.write(mistakes, wrong)
    example = described(network, tested and (tested.x, tested.y))
    metrics |= {
        "loss": loss,
        "test_data_seen_by_search": tested.seen if tested and network is not None else manifest is None,
        "trial": winner["trial"],
        "hyperparameters": winner["hyperparameters"],
        "train_on": final.train_on if manifest else "train",
        "fits": fits.as_json()["fits"],
    }
    if files_read := opened.digests(sources, script.strings):
        metrics["files"] = files_read
    layers = _for_pictures(inspection.layers, lambda: inspection.layers(None), network)
    run = {"device": gpus.in_use(), "epochs_ended": fits.ended} | kept_models.about(network)
    return FinalResult(metrics, example, layers, run, notes.getvalue())


def trained(
    model_file: loader.Loaded, winner: dict, epochs: int | None
) -> tuple[object | None, float | None, fit_hook.Fits]:
    """Call the model function with the hyperparameters of the best trial, by ``winner.json``.

    Return the model (None if there is none to keep), the loss (None if the function failed after its last fit) and the
    fits. What the function does to the model after its last ``fit`` is undone, but a model that it returns is
    taken as it is.
    """
    script = model_file.script
    point = model_file.point(winner["point"])
    seeds.seed_everything(winner["seed"])
    loss, returned = None, None
    with fit_hook.recorded(epochs, is_final=True) as fits:
        try:
            result = loader.checked(model_file.function(point))
            loss, returned = result["loss"], kept_models.returned(result)
        except (Exception, SystemExit) as error:
            reason = fits.reason(loader.explained(script, error))
            if not fits.calls or not fits.calls[-1].finished:
                raise loader.failure(script, "the model function", error, reason) from error
            # A script may index its curves by its own number of epochs, for example.
            print(f"ignored, after the last fit: {reason}")
    if returned is not None:
        return returned, loss, fits
    if fits.model is not None:
        fits.model.set_weights(fits.weights)
    return fits.model, loss, fits


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
        metrics, wrong = _tested(network, test, texts)
    return {"model": kept, "loss": None} | metrics, wrong


def _tested(
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


def _prepared(
    manifest: Path, train_on: str, mnist_folder: str | None, notes: TextIO
) -> tuple[tuple[np.ndarray, ...], held_out.HeldOut]:
    """Return the model function's arrays and those of the test."""
    mapped, _ = datasets.read(manifest, "train", "validation", "test", named=mnist_folder, terminal=notes)
    x, y, *validation = (mapped[name] for name in ("x_train", "y_train", "x_validation", "y_validation"))
    if train_on == "all":
        x, y = np.concatenate([x, validation[0]]), np.concatenate([y, validation[1]])
    return (x, y, *validation), held_out.HeldOut(mapped["x_test"], mapped["y_test"], seen=False)


def _returned_test(loaded: loader.Loaded, seed: int) -> held_out.HeldOut | None:
    """Return what the file's test function returns; None if it has none. Raise UserError if it fails."""
    script = loaded.script
    if script.test is None:
        return None
    # As for the data function: both may split the same data at random.
    seeds.seed_everything(seeds.of_data(seed))
    try:
        x, y = getattr(loaded.module, script.test)()
    except (Exception, SystemExit) as error:
        reason = f"{loader.explained(script, error)}{loader.at(script, error)}"
        raise UserError(
            f"{script.path}: {script.test}() failed: {reason}; expected it to take no arguments and to return inputs "
            "and targets"
        ) from error
    return held_out.HeldOut(x, y, seen=False)


def _found_test(loaded: loader.Loaded, fits: fit_hook.Fits) -> held_out.HeldOut | str:
    """Return what the run of the model function tells of its test arrays, or why that is nothing."""
    given = {name: getattr(loaded.module, name) for name in loaded.script.parameters if hasattr(loaded.module, name)}
    try:
        return held_out.find(given, fits)
    except ValueError as error:
        return str(error)


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


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


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
