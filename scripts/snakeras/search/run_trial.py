"""One step of the search: history in, one evaluation by ``hyperas.optim.minimize``, one trial's document out."""

import contextlib
import io
import math
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from snakeras.core import files, seeds
from snakeras.data import datasets
from snakeras.model_file import hyperas_compat, loader, mlflow_capture, parser
from snakeras.process import child, gpus
from snakeras.search import fit_hook, provenance, pruners, samplers, trial_records
from snakeras.workflow import progress

# What hyperopt draws from its generator for each proposal (FMinIter.run).
PROPOSAL_SEEDS = 2**31 - 1


def generator(seed: int, trial: int) -> np.random.Generator:
    """hyperopt's generator as an uninterrupted search would have it when it comes to trial ``trial``."""
    rng = np.random.default_rng(seed)
    for _ in range(trial):
        rng.integers(PROPOSAL_SEEDS)
    return rng


def evaluate(
    script: parser.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: dict,
    trial: int,
    documents: list[dict],
    keep_model: Callable[[object], None] = lambda model: None,
    report: Callable[[dict], None] = lambda document: None,
    mnist_folder: str | None = None,
    note: Callable[[dict], None] = lambda happened: None,
) -> dict:
    """Propose the hyperparameters of one trial and evaluate them.

    Parameters
    ----------
    prepared
        Arrays for the model function's parameters; None runs the script's own data function.
    search
        The settings of a search that a trial depends on (``plan.TRIAL_KEYS``).
    documents
        The trials that it looks back on, in order.
    keep_model
        Called with the model that the last ``fit`` trained, if there is one.
    report
        Called with the trial's document as far as it is known before its model function runs.
    mnist_folder
        A folder that the user names to take MNIST from, should the script use it and it be lost.
    note
        Called with what merely happened: ``epochs_ended`` and ``data``, as ``happened.write`` takes them.

    Returns
    -------
    dict
        The trial's document, without what determines it.
    """
    hyperas_compat.import_hyperopt()
    trials = trial_records.to_trials(documents)
    # The trial gets its number from the start: an algorithm may use it, and it stands in the document.
    trials.new_trial_ids = lambda n: list(range(trial, trial + n))
    seed = seeds.of_trial(search["seed"], trial)
    decide = pruners.pruner(search["pruner"], documents)
    fits, outcome, data = fit_hook.Fits(), unfinished(trial, search), {}

    def fmin(function: Callable, search_space: object, algo: Callable, loaded: loader.Loaded, trials: object) -> None:
        import hyperopt

        data.update(loaded.described())

        def objective(proposed: dict) -> dict:
            nonlocal fits
            own = trials._dynamic_trials[-1]
            point = loaded.readable(proposed, own["misc"]["vals"])
            outcome["hyperparameters"] = {key: trial_records.plain(value) for key, value in point.items()}
            report(outcome | {"hyperopt": trial_records.encode_trial(own)})
            seeds.seed_everything(seed)
            # Nothing that a script raises may end the search, and hyperopt stops at the first exception.
            try:
                with fit_hook.recorded(search["epochs"], pruner=decide) as fits:
                    result = function(proposed)
                # A script may have caught what ended its fit.
                if fits.pruned:
                    return _pruned(outcome, fits.pruned.stop)
                result = loader.checked(result)
                fits.model = loader.returned_model(result) or fits.model
                # What cannot be written down is the script's fault too.
                trial_records.encode(result)
                outcome.update(status="completed", loss=result["loss"])
                return result
            except fit_hook.Pruned as pruned:
                return _pruned(outcome, pruned.stop)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                traceback.print_exc()
                return _failed(outcome, fits.reason(loader.explained(script, error)), loader.where(script, error))

        trial_records.name_all(trials, search_space)
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

    loader.minimize(script, prepared, search, fmin, samplers.configured(search), trials, mnist_folder)
    if fits.model is not None and outcome["status"] != "failed":
        keep_model(fits.model)
    note({"epochs_ended": fits.ended, "data": data})
    calls = [call.as_json() for call in fits.calls]
    return outcome | {
        "val_accuracy": trial_records.encode(fit_hook.last_accuracy(calls)),
        "epochs": sum(call.trained for call in fits.calls),
        "fits": trial_records.encode(calls),
        "hyperopt": trial_records.encode_trial(trials.trials[-1]),
    }


def unfinished(trial: int, search: dict) -> dict:
    """The document of a trial of which nothing is known yet."""
    return {
        "format": trial_records.FORMAT,
        "trial": trial,
        "status": "failed",
        "failure": None,
        "failed_at": None,
        "pruned": None,
        "loss": None,
        "val_accuracy": None,
        "epochs": 0,
        "seed": seeds.of_trial(search["seed"], trial),
        "hyperparameters": {},
        "fits": [],
        "hyperopt": trial_records.proposed_nothing(trial),
    }


def _pruned(outcome: dict, stop: pruners.Stop) -> dict:
    import hyperopt

    if not math.isfinite(stop.loss):
        return _failed(outcome, f"{stop.monitor} is {stop.value} after epoch {stop.epoch}", None)
    pruned = {"epoch": stop.epoch, "monitor": stop.monitor, "value": stop.value}
    outcome |= {"status": "pruned", "loss": stop.loss, "pruned": pruned}
    return {"status": hyperopt.STATUS_OK, "loss": stop.loss, "pruned": pruned}


def _failed(outcome: dict, failure: str, place: str | None) -> dict:
    outcome |= {"status": "failed", "failure": failure, "failed_at": place}
    return trial_records.failed_result(failure)


def begin(
    trial: int, sources: list[str], search: dict, data: dict, manifest: str | None, folder: str
) -> tuple[list[dict], dict]:
    """What a trial starts from: the documents of the trials that it looks back on, and all that determines it.

    Parameters
    ----------
    sources
        Paths of the Hyperas script, and of what else of the user's own decides a trial.
    manifest
        Path of the manifest of the prepared arrays; None runs the script's own data function.
    folder
        Of the trials' JSON files.
    """
    fixed = provenance.determined_by(list(map(Path, sources)), search, data, Path(manifest) if manifest else None)
    looked_back_on = len(trial_records.visible(trial, search["parallelism"]))
    documents, digest = trial_records.read_first(Path(folder), looked_back_on, search["parallelism"], fixed)
    return documents, fixed | {"trial": trial, "history": digest, "packages": provenance.versions()}


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
    trial, sources, search, data, manifest, folder
        As for ``begin``.
    mnist_folder
        A folder that the user names to take MNIST from, should it be lost.
    model_folder
        That ``model.keras`` goes to, and what the script logs to MLflow; left empty if there is neither.

    Returns
    -------
    dict
        ``document``: the trial's sealed document; ``happened``: for ``happened.write``; ``notes``: lines for people;
        ``best``: of the trials that it looked back on, as ``progress.ends`` takes it.
    """
    documents, determined_by = begin(trial, sources, search, data, manifest, folder)
    script = loader.read(sources[0], search, needs_data=manifest is None)
    prepared, notes = None, io.StringIO()
    if manifest:
        mapped, _ = datasets.read(Path(manifest), "train", "validation", named=mnist_folder, terminal=notes)
        prepared = tuple(mapped.values())

    def report(document: dict) -> None:
        child.report(document | {"determined_by": determined_by})

    keep, happened = partial(save_model, Path(model_folder)), {}
    with mlflow_capture.captured(Path(model_folder), tags={"snakeras.trial": str(trial)}):
        document = evaluate(
            script,
            prepared,
            search,
            trial,
            documents,
            keep,
            report,
            mnist_folder,
            happened.update,
        )
    document["determined_by"] = determined_by
    return {
        "document": trial_records.sealed(document),
        "happened": happened | {"device": gpus.in_use()},
        "notes": notes.getvalue(),
        "best": progress.best_of(documents),
    }


def timeout(minutes: float) -> child.Limit:
    """The limit that ``search.trial_timeout`` sets."""
    return child.Limit(
        60 * minutes, child.TimedOut(f"timeout: took longer than search.trial_timeout, {minutes:g} minutes")
    )


def died(
    death: child.Died,
    trial: int,
    sources: list[str],
    search: dict,
    data: dict,
    manifest: str | None,
    folder: str,
    **_: object,
) -> dict:
    """The sealed document of a trial whose computing process died, as a failed one.

    Parameters
    ----------
    death
        How, and what the process had reported.
    trial, sources, search, data, manifest, folder
        As for ``begin``.
    """
    document = death.reported
    if document is None:
        _, determined_by = begin(trial, sources, search, data, manifest, folder)
        document = unfinished(trial, search) | {"determined_by": determined_by}
    result = _failed(document, str(death), None)
    # What hyperopt's own loop does with a trial that has ended.
    document["hyperopt"] |= {"state": trial_records.DONE, "result": trial_records.encode(result)}
    return trial_records.sealed(document)


def save_model(folder: Path, model: object) -> None:
    """Save a Keras model as ``model.keras``; one that cannot be saved leaves the folder empty and a line in the log."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with files.whole(folder / "model.keras") as temporary:
            model.save(temporary)
    # A trial is as good without its saved model, and a script's layers may raise anything here.
    except Exception as error:
        print(f"the model could not be saved: {error}")
