"""The final model: the best hyperparameters trained again on all training data, then tested once."""

import math
import time
from pathlib import Path

import numpy as np

from snakeras import arrays, datasets, devices, files, fit, history, seeds, space, template
from snakeras.errors import UserError

CONFIDENCE = 0.95


def retrain(best: str, model: str, search: dict, data: dict, final: dict, manifest: str | None, result: str) -> dict:
    """Train the best trial's model function again in this process, with its hyperparameters fixed, and test it.

    The model function gets the training images (with ``train_on: all`` also those held out for the search) and, as
    its test arrays, the held-out ones. It never gets the test images. It starts from the seed of the best trial.
    What it does after its last ``fit`` is ignored: the weights are those at that fit's end.

    Parameters
    ----------
    best, model, manifest, result
        Paths: ``best.json``, the Hyperas script, the manifest of the prepared arrays (None: the script's
        own data function), and where the trained model goes.
    final
        ``epochs`` (None: the script's own) and ``train_on`` (``all`` or ``train``).

    Returns
    -------
    dict
        ``metrics`` on the test set, and the ``device`` computed on.
    """
    import hyperopt

    script = template.read(Path(model), needs_data=manifest is None)
    winner = files.read_json(Path(best))
    # train_samples makes the search cheaper; the final model gets all there is.
    search = search | {"train_samples": None}
    prepared, test = None, None
    if manifest:
        prepared, test = _prepared(Path(manifest), final["train_on"])

    trained: dict = {}

    def keep(model: object) -> None:
        trained.update(model=model, weights=[np.copy(weight) for weight in model.get_weights()])

    def fmin(function: object, space: object, _algo: object, loaded: space.Loaded, _trials: object) -> None:
        nonlocal test
        if test is None:
            test = _own_test(loaded)
        point = hyperopt.space_eval(space, winner["point"])
        seeds.seed_everything(winner["seed"])
        with fit.recorded(final["epochs"], after=keep) as fits:
            try:
                function(point)
            except (Exception, SystemExit) as error:
                # A script may index its curves by its own number of epochs, log to a tracker that is away, ...
                print(f"ignored, after the last fit: {fits.reason(error)}")
                if not trained:
                    raise UserError(f"{model}: the model function failed: {fits.reason(error)}") from error
        trained["fits"] = fits

    space.minimize(script, prepared, search, fmin, algo=None, trials=[])
    if not trained.get("model"):
        raise UserError(f"{model}: {script.model}() trained no model with fit, so there is none to keep")
    network = trained["model"]
    network.set_weights(trained["weights"])
    with files.whole(Path(result)) as temporary:
        network.save(temporary)
    metrics = test_metrics(network, *test) | {
        "test_data_seen_by_search": manifest is None,
        "trial": winner["trial"],
        "hyperparameters": winner["hyperparameters"],
        "train_on": final["train_on"] if manifest else "train",
        "fits": history.encode([call.as_json() for call in trained["fits"].calls]),
    }
    return {"metrics": metrics, "device": devices.in_use()}


def _prepared(manifest: Path, train_on: str) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray]]:
    mapped, _ = datasets.read(manifest, "train", "validation", "test")
    x, y = mapped["x_train"], mapped["y_train"]
    if train_on == "all":
        x = np.concatenate([x, mapped["x_validation"]])
        y = np.concatenate([y, mapped["y_validation"]])
    return (x, y, mapped["x_validation"], mapped["y_validation"]), (mapped["x_test"], mapped["y_test"])


def _own_test(loaded: space.Loaded) -> tuple[np.ndarray, np.ndarray]:
    """The last two arrays that the script's own data function gives: what Hyperas validates on."""
    names = loaded.script.parameters[-2:]
    if len(names) < 2:
        raise UserError(
            f"{loaded.script.model}() has {len(names)} parameters, expected test inputs and targets as the last two"
        )
    return tuple(np.asarray(getattr(loaded.module, name)) for name in names)


def wilson_interval(successes: int, n: int) -> list[float]:
    """The 95 % Wilson score interval of a proportion (Wilson 1927), by SciPy, as [low, high]."""
    from scipy.stats import binomtest

    interval = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return [float(interval.low), float(interval.high)]


def test_metrics(model: object, x: np.ndarray, y: np.ndarray) -> dict:
    """Test a trained Keras model, once.

    Parameters
    ----------
    x
        Inputs as the model takes them, shape (n, ...).
    y
        Targets as its loss takes them: one-hot (n, classes), class numbers (n,) or (n, 1), or anything else.

    Returns
    -------
    dict
        ``test_loss`` and ``parameters``; for a classifier ``test_accuracy`` with its ``test_accuracy_interval``,
        ``confusion_matrix`` (rows: true class, columns: predicted) and ``per_class_accuracy`` (None for a class
        without test data), which are None for other models.
    """
    started = time.perf_counter()
    loss = model.evaluate(x, y, batch_size=1000, verbose=0, return_dict=True)["loss"]
    found = np.asarray(model.predict(x, batch_size=1000, verbose=0))
    print(f"tested on {len(x)} rows in {time.perf_counter() - started:.1f} s")
    metrics = {
        "test_loss": float(loss) if math.isfinite(loss) else None,
        "test_samples": len(x),
        "parameters": int(model.count_params()),
        "test_accuracy": None,
        "test_accuracy_interval": None,
        "confusion_matrix": None,
        "per_class_accuracy": None,
    }
    true, predicted = _classes(y, found)
    if true is None:
        return metrics
    size = max(found.shape[-1], 2)
    confusion = np.zeros((size, size), dtype=int)
    np.add.at(confusion, (true, predicted), 1)
    right = int(np.trace(confusion))
    return metrics | {
        "test_accuracy": right / len(x),
        "test_accuracy_interval": wilson_interval(right, len(x)),
        "confusion_matrix": confusion.tolist(),
        "per_class_accuracy": [
            int(row[number]) / int(row.sum()) if row.sum() else None for number, row in enumerate(confusion)
        ],
    }


def _classes(y: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """True and predicted class per row; (None, None) where this is no classification."""
    labels = arrays.labels_of(y)
    if labels is None or labels.dtype.kind not in "iub" or found.ndim != 2:
        return None, None
    labels = labels.astype(int)
    classes = found.shape[1]
    if classes == 1:
        return (labels, (found[:, 0] > 0.5).astype(int)) if set(np.unique(labels)) <= {0, 1} else (None, None)
    if labels.min() < 0 or labels.max() >= classes:
        return None, None
    return labels, found.argmax(axis=1)
