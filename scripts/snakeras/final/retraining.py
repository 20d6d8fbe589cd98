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
from snakeras.final import inspection
from snakeras.model_file import hyperas_compat, loader, mlflow_capture, opened_files, parser
from snakeras.process import gpus
from snakeras.search import fit_hook, trial_records

CONFIDENCE = 0.95

# The metrics of a model without test data; also the keys of all others.
UNTESTED = {
    "test_loss": None,
    "test_samples": 0,
    "test_accuracy": None,
    "test_accuracy_interval": None,
    "confusion_matrix": None,
    "per_class_accuracy": None,
    "parameters": None,
}


@dataclass(frozen=True)
class FinalResult:
    """The final model, as it goes to the parent process; its file is saved already."""

    metrics: dict
    example: dict | None  # what the model takes and gives, by ``described``
    layers: str  # Keras's summary of it, by ``inspection.layers``
    run: dict  # for the run record: ``device`` and ``epochs_ended``
    notes: str  # lines for people


def retrain(
    best: Path,
    sources: list[Path],
    search: TrialSettings,
    final: FinalSettings,
    manifest: Path | None,
    mnist_folder: str | None,
    result: Path,
    mistakes: Path,
) -> FinalResult:
    """Train the best trial's model function again in this process, with its hyperparameters fixed, and test it.

    The model function gets the training images (with ``train_on: all`` also those held out for the search) and, as
    its test arrays, the held-out ones. It never gets the test images. It starts from the seed of the best trial.

    Args:
        best, manifest: ``winner.json``, and the manifest of the prepared arrays (None: the file's own data function).
        sources: The model file, then what else of the user's own decides a trial.
        mnist_folder: A folder that the user names to take MNIST from, should it be lost.
        result, mistakes: Where the trained model and the test's mistakes (by ``inspection.mistakes``) go. A file that
            fits no model leaves ``result`` empty and has the metric ``model: None``.

    Raises:
        UserError: When the model function fails before or in its last fit.
    """
    script = parser.read(sources[0], manifest is None, search.model_function, search.data_function)
    winner = files.read_json(best)
    # train_samples makes the search cheaper; the final model gets all there is.
    search = search.model_copy(update={"train_samples": None})
    notes = io.StringIO()
    prepared, test = _prepared(manifest, final.train_on, mnist_folder, notes) if manifest else (None, None)
    # What the script logs to MLflow is kept for the search's trials only.
    with (
        tempfile.TemporaryDirectory(prefix="snakeras-") as folder,
        mlflow_capture.capture_runs(Path(folder)),
        opened_files.recorded() as opened,
        loader.loaded(script, prepared, search, mnist_folder) as model_file,
    ):
        network, loss, fits = _trained(model_file, winner, final.epochs)
        test = test or _own_test(model_file, fits)
    metrics, wrong = _saved_and_tested(network, test, result)
    inspection.write(mistakes, wrong)
    example = described(network, test)
    metrics = {"model": None if network is None else result.name, "loss": loss} | metrics
    metrics |= {
        "test_data_seen_by_search": manifest is None,
        "trial": winner["trial"],
        "hyperparameters": winner["hyperparameters"],
        "train_on": final.train_on if manifest else "train",
        "fits": fits.as_json()["fits"],
    }
    if files_read := opened.digests(sources, script.strings):
        metrics["files"] = files_read
    layers = _for_pictures(inspection.layers, lambda: inspection.layers(None), network)
    run = {"device": gpus.in_use(), "epochs_ended": fits.ended}
    return FinalResult(metrics, example, layers, run, notes.getvalue())


def _trained(
    model_file: loader.Loaded, winner: dict, epochs: int | None
) -> tuple[object | None, float | None, fit_hook.Fits]:
    """Call the model function with the hyperparameters of the best trial, by ``winner.json``.

    Return the Keras model (None if the file fits none), the loss (None if the function failed after its last fit) and
    the fits. What the function does to the model after its last ``fit`` is undone, but a model that it returns is
    taken as it is.
    """
    script = model_file.script
    point = hyperas_compat.import_hyperopt().space_eval(model_file.space, winner["point"])
    seeds.seed_everything(winner["seed"])
    loss, returned = None, None
    with fit_hook.recorded(epochs, keep_weights=True) as fits:
        try:
            result = loader.checked(model_file.function(point))
            loss, returned = result["loss"], loader.returned_model(result)
        except (Exception, SystemExit) as error:
            reason = fits.reason(loader.explained(script, error))
            if not fits.calls or not fits.calls[-1].finished:
                at = loader.at(script, error)
                raise UserError(f"{script.path}: the model function failed: {reason}{at}") from error
            # A script may index its curves by its own number of epochs, for example.
            print(f"ignored, after the last fit: {reason}")
    if returned is None and fits.model is not None:
        fits.model.set_weights(fits.weights)
    return returned or fits.model, loss, fits


def _saved_and_tested(network: object | None, test: tuple | None, result: Path) -> tuple[dict, arrays.Arrays]:
    """Save the model, and return its test metrics and its mistakes. Without a model, leave an empty file."""
    with files.whole(result) as temporary:
        if network is not None:
            network.save(temporary)
    untested = UNTESTED | {"parameters": None if network is None else int(network.count_params())}
    if network is None or test is None:
        return untested, inspection.no_mistakes()
    try:
        metrics, outputs = test_metrics(network, *test)
    # A script may validate on anything, also on data that do not fit this model.
    except Exception as error:
        print(f"not tested: {flat(error)}")
        return untested, inspection.no_mistakes()
    return metrics, _for_pictures(inspection.mistakes, inspection.no_mistakes, outputs, *test)


def _for_pictures(function: Callable, otherwise: Callable, *arguments: object) -> object:
    """Return what ``function`` gives, or ``otherwise``: a model that cannot be described must not be lost for that."""
    try:
        return function(*arguments)
    except Exception as error:
        print(f"not for the pictures: {flat(error)}")
        return otherwise()


def described(model: object | None, test: tuple | None) -> dict | None:
    """Return what a Keras model takes and gives, with an example, for those who serve it without loading it first.

    Returns:
        dict: ``inputs`` and ``outputs``: ``name``, ``dtype`` and ``shape`` (None for any number) of each; ``example``:
            one row of test data for each input, and ``prediction``: what the model makes of it, both as nested lists;
            None where there is no test data. None for a model without defined inputs.
    """
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
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray]]:
    """Return the model function's arrays and those of the test."""
    mapped, _ = datasets.read(manifest, "train", "validation", "test", named=mnist_folder, terminal=notes)
    x, y, *validation = (mapped[name] for name in ("x_train", "y_train", "x_validation", "y_validation"))
    if train_on == "all":
        x, y = np.concatenate([x, validation[0]]), np.concatenate([y, validation[1]])
    return (x, y, *validation), (mapped["x_test"], mapped["y_test"])


def _own_test(loaded: loader.Loaded, fits: fit_hook.Fits) -> tuple[object, np.ndarray] | None:
    """Return inputs and targets to test on where the script has its own data: what its last fit validated on.

    Without validation data: by Hyperas's convention the last two of four or more arrays, or nothing.
    """
    if isinstance(fits.validation_data, list | tuple) and len(fits.validation_data) >= 2:
        x, y = fits.validation_data[:2]
        return x, np.asarray(y)
    parameters = loaded.script.parameters
    if len(parameters) < 4:
        return None
    # Scikit-learn's order has both inputs before both targets.
    names = parameters[-2:] if not parameters[-2].lower().startswith("y") else (parameters[-3], parameters[-1])
    x, y = (getattr(loaded.module, name) for name in names)
    return x, np.asarray(y)


def wilson_interval(successes: int, n: int) -> list[float]:
    """Return the 95 % Wilson score interval of a proportion (Wilson 1927), by SciPy, as [low, high]."""
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return [float(interval.low), float(interval.high)]


def test_metrics(model: object, x: object, y: np.ndarray) -> tuple[dict, np.ndarray]:
    """Return the test metrics of a trained Keras model, and what it predicts.

    Args:
        x: Inputs as the model takes them: an array of shape (n, ...) or a list of such.
        y: Targets as its loss takes them: one-hot (n, classes), class numbers (n,) or (n, 1), or anything else.

    Returns:
        metrics, outputs: ``test_loss`` and ``parameters``; for a classifier ``test_accuracy`` with its
            ``test_accuracy_interval``, ``confusion_matrix`` (rows: true class, columns: predicted) and
            ``per_class_accuracy`` (None for a class without test data), which are None for other models. The outputs
            have shape (n, ...).
    """
    started = time.perf_counter()
    loss = model.evaluate(x, y, batch_size=1000, verbose=0, return_dict=True)["loss"]
    outputs = np.asarray(model.predict(x, batch_size=1000, verbose=0))
    print(f"tested on {len(y)} rows in {time.perf_counter() - started:.1f} s")
    metrics = UNTESTED | {
        "test_loss": float(loss) if math.isfinite(loss) else None,
        "test_samples": len(y),
        "parameters": int(model.count_params()),
    }
    true, predicted = inspection.classes(y, outputs)
    if true is None:
        return metrics, outputs
    size = max(outputs.shape[-1], 2)
    confusion = np.zeros((size, size), dtype=int)
    np.add.at(confusion, (true, predicted), 1)
    right = int(np.trace(confusion))
    metrics |= {
        "test_accuracy": right / len(y),
        "test_accuracy_interval": wilson_interval(right, len(y)),
        "confusion_matrix": confusion.tolist(),
        "per_class_accuracy": [
            int(row[number]) / int(row.sum()) if row.sum() else None for number, row in enumerate(confusion)
        ],
    }
    return metrics, outputs
