"""The final model: the best hyperparameters trained again on all training data, then tested once."""

import io
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import numpy as np

from snakeras.core import files, seeds
from snakeras.core.errors import UserError, flat
from snakeras.data import datasets
from snakeras.final import inspection
from snakeras.model_file import hyperas_compat, loader, mlflow_capture
from snakeras.process import gpus
from snakeras.search import fit_hook, trial_records

CONFIDENCE = 0.95


def retrain(
    best: str,
    model: str,
    search: dict,
    final: dict,
    manifest: str | None,
    mnist_folder: str | None,
    result: str,
    mistakes: str | None = None,
) -> dict:
    """Train the best trial's model function again in this process, with its hyperparameters fixed, and test it.

    The model function gets the training images (with ``train_on: all`` also those held out for the search) and, as
    its test arrays, the held-out ones. It never gets the test images. It starts from the seed of the best trial.
    What it does after its last ``fit`` is ignored: the weights are those at that fit's end. But a model that it gives
    back is taken as it is.

    Parameters
    ----------
    best, model, manifest, result
        Paths: ``best.json``, the Hyperas script, the manifest of the prepared arrays (None: the script's
        own data function), and where the trained model goes.
    final
        ``epochs`` (None: the script's own) and ``train_on`` (``all`` or ``train``).
    mnist_folder
        A folder that the user names to take MNIST from, should it be lost.
    mistakes
        Path for what ``inspection.mistakes`` gives of the test; None: nowhere.

    Returns
    -------
    dict
        ``metrics`` on the test set; ``example``: what the model takes and gives, by ``described``; ``network``:
        its layers, by ``inspection.layers``; ``happened``: for ``happened.write``; ``notes``: lines for people. A
        script that fits no model has the metric ``model: None``, an empty file for ``result``, no mistakes and no
        layers.

    Raises
    ------
    UserError
        When the model function fails before or in its last fit.
    """
    hyperopt = hyperas_compat.import_hyperopt()
    script = loader.read(model, search, needs_data=manifest is None)
    winner = files.read_json(Path(best))
    # train_samples makes the search cheaper; the final model gets all there is.
    search = search | {"train_samples": None}
    notes = io.StringIO()
    prepared, test = None, None
    if manifest:
        prepared, test = _prepared(Path(manifest), final["train_on"], mnist_folder, notes)
    weights, fits, loss, returned, example = [], fit_hook.Fits(), None, None, None
    wrong = inspection.no_mistakes()

    def keep(network: object) -> None:
        weights[:] = [np.copy(weight) for weight in network.get_weights()]

    def fmin(function: Callable, search_space: object, _algo: object, loaded: loader.Loaded, _trials: object) -> None:
        nonlocal fits, loss, returned, test
        point = hyperopt.space_eval(search_space, winner["point"])
        seeds.seed_everything(winner["seed"])
        try:
            with fit_hook.recorded(final["epochs"], after=keep) as fits:
                result = loader.checked(function(point))
            loss, returned = result["loss"], loader.returned_model(result)
        except (Exception, SystemExit) as error:
            reason = fits.reason(loader.explained(script, error))
            if not fits.calls or not fits.calls[-1].finished:
                at = loader.at(script, error)
                raise UserError(f"{model}: the model function failed: {reason}{at}") from error
            # A script may index its curves by its own number of epochs, ...
            print(f"ignored, after the last fit: {reason}")
        test = test or _own_test(loaded, fits)

    # What the script logs to MLflow is kept for the search's trials only.
    with tempfile.TemporaryDirectory(prefix="snakeras-") as folder, mlflow_capture.captured(Path(folder)):
        loader.minimize(script, prepared, search, fmin, algo=None, trials=[], mnist_folder=mnist_folder)
    network = returned or fits.model
    if network is None:
        # Nothing to keep, but the rule's output has to be there.
        with files.whole(Path(result)):
            pass
        metrics = UNTESTED | {"parameters": None}
    else:
        # One that the script gives back is what it means; else what it did after its last fit is left out.
        if returned is None:
            network.set_weights(weights)
        metrics, wrong = _saved_and_tested(network, test, Path(result))
        example = described(network, test)
    if mistakes:
        inspection.write(Path(mistakes), wrong)
    metrics = {"model": None if network is None else Path(result).name, "loss": loss} | metrics
    metrics |= {
        "test_data_seen_by_search": manifest is None,
        "trial": winner["trial"],
        "hyperparameters": winner["hyperparameters"],
        "train_on": final["train_on"] if manifest else "train",
        "fits": trial_records.encode([call.as_json() for call in fits.calls]),
    }
    return {
        "metrics": metrics,
        "example": example,
        "network": _for_pictures(inspection.layers, lambda: inspection.layers(None), network),
        "happened": {"device": gpus.in_use(), "epochs_ended": fits.ended},
        "notes": notes.getvalue(),
    }


def _saved_and_tested(network: object, test: tuple | None, result: Path) -> tuple[dict, dict[str, np.ndarray]]:
    with files.whole(result) as temporary:
        network.save(temporary)
    untested = UNTESTED | {"parameters": int(network.count_params())}
    if test is None:
        return untested, inspection.no_mistakes()
    try:
        metrics, outputs = test_metrics(network, *test)
    # What a script validates on is of any kind, and may be no data for this model.
    except Exception as error:
        print(f"not tested: {flat(error)}")
        return untested, inspection.no_mistakes()
    return metrics, _for_pictures(inspection.mistakes, inspection.no_mistakes, outputs, *test)


def _for_pictures(function: Callable, otherwise: Callable, *arguments: object) -> object:
    """What ``function`` gives; a model that it cannot describe must not be lost for that."""
    try:
        return function(*arguments)
    except Exception as error:
        print(f"not for the pictures: {flat(error)}")
        return otherwise()


def described(model: object, test: tuple | None) -> dict | None:
    """What a Keras model takes and gives, with an example, for those who serve it without loading it first.

    Returns
    -------
    dict
        ``inputs`` and ``outputs``: ``name``, ``dtype`` and ``shape`` (None for any number) of each; ``example``: one
        row of test data for each input, and ``prediction``: what the model makes of it, both as nested lists; None
        where there is no test data. None for a model that does not tell.
    """
    if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
        return None

    def listed(tensors: list) -> list[dict]:
        return [
            {"name": tensor.name, "dtype": tensor.dtype, "shape": [None, *map(_size, tensor.shape[1:])]}
            for tensor in tensors
        ]

    found = {"inputs": listed(model.inputs), "outputs": listed(model.outputs), "example": None, "prediction": None}
    if test is None:
        return found
    try:
        given_inputs = test[0] if isinstance(test[0], list | tuple) else [test[0]]
        rows = [
            np.asarray(array)[:1].astype(tensor["dtype"])
            for array, tensor in zip(given_inputs, found["inputs"], strict=True)
        ]
        predicted = model.predict(rows if len(rows) > 1 else rows[0], verbose=0)
        outputs = predicted if isinstance(predicted, list) else [predicted]
        return found | {
            "example": [trial_records.encode(row.tolist()) for row in rows],
            "prediction": [trial_records.encode(np.asarray(output).tolist()) for output in outputs],
        }
    # What a script validates on is of any kind, and may be no data for this model.
    except Exception as error:
        print(f"no example: {flat(error)}")
        return found


def _size(value: object) -> int | None:
    return None if value is None else int(value)


def _prepared(
    manifest: Path, train_on: str, mnist_folder: str | None, notes: TextIO
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray]]:
    mapped, _ = datasets.read(manifest, "train", "validation", "test", named=mnist_folder, terminal=notes)
    x, y = mapped["x_train"], mapped["y_train"]
    if train_on == "all":
        x = np.concatenate([x, mapped["x_validation"]])
        y = np.concatenate([y, mapped["y_validation"]])
    return (x, y, mapped["x_validation"], mapped["y_validation"]), (mapped["x_test"], mapped["y_test"])


def _own_test(loaded: loader.Loaded, fits: fit_hook.Fits) -> tuple[object, np.ndarray] | None:
    """Inputs and targets to test on where the script has its own data: what its last fit validated on.

    A fit without validation data leaves Hyperas's convention, the last two of four or more arrays, or nothing.
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
    """The 95 % Wilson score interval of a proportion (Wilson 1927), by SciPy, as [low, high]."""
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return [float(interval.low), float(interval.high)]


# The metrics of a model without test data; also the keys of all others.
UNTESTED = {
    "test_loss": None,
    "test_samples": 0,
    "test_accuracy": None,
    "test_accuracy_interval": None,
    "confusion_matrix": None,
    "per_class_accuracy": None,
}


def test_metrics(model: object, x: object, y: np.ndarray) -> tuple[dict, np.ndarray]:
    """Test a trained Keras model, once.

    Parameters
    ----------
    x
        Inputs as the model takes them: an array of shape (n, ...) or a list of such.
    y
        Targets as its loss takes them: one-hot (n, classes), class numbers (n,) or (n, 1), or anything else.

    Returns
    -------
    metrics, outputs
        ``test_loss`` and ``parameters``; for a classifier ``test_accuracy`` with its ``test_accuracy_interval``,
        ``confusion_matrix`` (rows: true class, columns: predicted) and ``per_class_accuracy`` (None for a class
        without test data), which are None for other models. And what the model predicts, shape (n, ...).
    """
    started = time.perf_counter()
    loss = model.evaluate(x, y, batch_size=1000, verbose=0, return_dict=True)["loss"]
    found = np.asarray(model.predict(x, batch_size=1000, verbose=0))
    print(f"tested on {len(y)} rows in {time.perf_counter() - started:.1f} s")
    metrics = UNTESTED | {
        "test_loss": float(loss) if math.isfinite(loss) else None,
        "test_samples": len(y),
        "parameters": int(model.count_params()),
    }
    true, predicted = inspection.classes(y, found)
    if true is None:
        return metrics, found
    size = max(found.shape[-1], 2)
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
    return metrics, found
