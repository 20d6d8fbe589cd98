"""One step of the search: history in, one evaluation by ``hyperas.optim.minimize``, one trial's document out."""

import contextlib
import io
import math
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from snakeras import algorithms, datasets, devices, files, fit, history, provenance, seeds, space, template

# What hyperopt draws from its generator for each proposal (FMinIter.run).
PROPOSAL_SEEDS = 2**31 - 1


def generator(seed: int, trial: int) -> np.random.Generator:
    """hyperopt's generator as an uninterrupted search would have it when it comes to trial ``trial``."""
    rng = np.random.default_rng(seed)
    for _ in range(trial):
        rng.integers(PROPOSAL_SEEDS)
    return rng


def evaluate(
    script: template.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: dict,
    trial: int,
    documents: list[dict],
    keep_model: Callable[[object], None] = lambda model: None,
) -> dict:
    """Propose the hyperparameters of one trial and evaluate them.

    Parameters
    ----------
    prepared
        Arrays for the model function's parameters; None runs the script's own data function.
    search
        ``algo``, ``startup_trials``, ``parallelism``, ``seed``, ``epochs`` and ``train_samples``.
    documents
        The trials that it looks back on, in order.
    keep_model
        Called with the model that the last ``fit`` trained, if there is one.

    Returns
    -------
    dict
        The trial's document, without what determines it.
    """
    trials = history.to_trials(documents)
    # The trial gets its number from the start: an algorithm may use it, and it stands in the document.
    trials.new_trial_ids = lambda n: list(range(trial, trial + n))
    seed = seeds.of_trial(search["seed"], trial)
    point, fits, failure = {}, fit.Fits(), []

    def fmin(function: Callable, search_space: object, algo: Callable, _loaded: object, trials: object) -> None:
        import hyperopt

        def objective(proposed: dict) -> dict:
            nonlocal fits
            # In the order of the script; hyperopt sorts the names.
            point.update({name: proposed[name] for name in search_space})
            seeds.seed_everything(seed)
            # Nothing that a script raises may end the search, and hyperopt stops at the first exception.
            try:
                with fit.recorded(search["epochs"]) as fits:
                    return _checked(function(proposed))
            except (Exception, SystemExit) as error:
                traceback.print_exc()
                failure.append(fits.reason(error))
                return {"status": hyperopt.STATUS_FAIL, "failure": failure[0]}

        # At its end it asks for the best trial, but there may be none yet.
        with contextlib.suppress(hyperopt.exceptions.AllTrialsFailed):
            hyperopt.fmin(
                objective,
                search_space,
                algo=algo,
                max_evals=len(documents) + 1,
                trials=trials,
                rstate=generator(search["seed"], trial),
                verbose=False,
                return_argmin=False,
            )

    space.minimize(script, prepared, search, fmin, algorithms.configured(search), trials)
    document = trials.trials[-1]
    if fits.model is not None and not failure:
        keep_model(fits.model)
    # When it happened stands with the rest of what merely happened, in another file.
    document = document | {"book_time": None, "refresh_time": None}
    calls = [call.as_json() for call in fits.calls]
    return {
        "format": history.FORMAT,
        "trial": trial,
        "status": "failed" if failure else "completed",
        "failure": failure[0] if failure else None,
        "loss": None if failure else document["result"]["loss"],
        "val_accuracy": history.encode(fit.last_accuracy(calls)),
        "epochs": sum(call.trained for call in fits.calls),
        "seed": seed,
        "hyperparameters": {key: history.plain(value) for key, value in point.items()},
        "fits": history.encode(calls),
        "hyperopt": history.encode(document),
    }


def _checked(result: object) -> object:
    """What a model function returned, once it is seen to be a loss that a search can use. Raises ValueError."""
    import hyperopt

    if isinstance(result, dict):
        if result.get("status") == hyperopt.STATUS_FAIL:
            raise ValueError(f"the model function says status: fail ({result.get('failure', 'no reason given')})")
        if "loss" not in result:
            raise ValueError(f"the model function returned no loss, but {sorted(map(str, result))}")
        loss = result["loss"]
        result = {"status": hyperopt.STATUS_OK, **result}
    else:
        loss = result
    try:
        loss = float(loss)
    except (TypeError, ValueError):
        raise ValueError(f"the model function returned {loss!r} as loss, expected a number") from None
    if not math.isfinite(loss):
        raise ValueError(f"the loss is {loss}")
    return result


def run(
    trial: int,
    sources: list[str],
    search: dict,
    data: dict,
    manifest: str | None,
    mnist_folder: str | None,
    folder: str,
    model_folder: str,
) -> dict:
    """Run one trial in this process and keep its model.

    Parameters
    ----------
    sources
        Paths of the Hyperas script, and of what else of the user's own decides a trial.
    manifest
        Path of the manifest of the prepared arrays; None runs the script's own data function.
    mnist_folder
        A folder that the user names to take MNIST from, should it be lost.
    folder
        Of the trials' JSON files.
    model_folder
        That ``model.keras`` goes to; left empty if there is no model.

    Returns
    -------
    dict
        ``document``: the trial's sealed document; ``device``: what it was computed on; ``notes``: lines for people.
    """
    manifest = Path(manifest) if manifest else None
    paths = [Path(source) for source in sources]
    fixed = provenance.determined_by(paths, search, data, manifest)
    script = template.read(paths[0], needs_data=manifest is None)
    looked_back_on = len(history.visible(trial, search["parallelism"]))
    documents = history.read_first(Path(folder), looked_back_on, search["parallelism"], fixed)
    prepared, notes = None, io.StringIO()
    if manifest:
        mapped, _ = datasets.read(manifest, "train", "validation", named=mnist_folder, terminal=notes)
        prepared = tuple(mapped.values())

    document = evaluate(script, prepared, search, trial, documents, partial(save_model, Path(model_folder)))
    before = history.digest_after("", documents)
    document["determined_by"] = fixed | {"trial": trial, "history": before, "packages": provenance.versions()}
    return {"document": history.sealed(document), "device": devices.in_use(), "notes": notes.getvalue()}


def save_model(folder: Path, model: object) -> None:
    """Save a Keras model as ``model.keras``; one that cannot be saved leaves the folder empty and a line in the log."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with files.whole(folder / "model.keras") as temporary:
            model.save(temporary)
    # A trial is as good without its saved model, and a script's layers may raise anything here.
    except Exception as error:
        print(f"the model could not be saved: {error}")
