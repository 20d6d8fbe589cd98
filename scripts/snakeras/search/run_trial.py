"""One trial of the search: the records of earlier trials go in, one evaluation by hyperopt, its record comes out."""

import contextlib
import io
import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snakeras.core import seeds
from snakeras.core.errors import UserError
from snakeras.core.settings import TrialSettings
from snakeras.data import datasets
from snakeras.model_file import hyperas_compat, kept_models, loader, mlflow_capture, opened_files, parser
from snakeras.process import child_process, gpus
from snakeras.search import earlier_trials, fit_hook, hyperopt_trials, provenance, pruners, steering, trial_records
from snakeras.search.samplers import algorithms, pending

# Key of hyperopt's result under which the objective hands on what else it knows; hyperopt keeps it as it is.
EVALUATED = "snakeras"
NOTHING_GIVEN = steering.Steering()


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a model function."""

    record: dict  # the trial's record, without what determines it
    model: object | None  # what was returned, or the Keras model that was trained last; None without one
    run: dict  # for the run record: ``epochs_ended``, ``data`` and, of a data function, ``data_digest``


@dataclass(frozen=True)
class TrialResult:
    """One trial, as it goes to the parent process."""

    record: dict  # without what determines it
    run: dict  # for the run record: what ``Evaluation`` has, ``device`` and ``estimator``
    notes: str  # lines for people


def run(
    trial: int,
    sources: list[Path],
    search: TrialSettings,
    earlier: list[dict],
    manifest: Path | None,
    mnist_folder: str | None,
    model_folder: Path,
    report: Callable[[dict], None],
    given: steering.Steering = NOTHING_GIVEN,
) -> TrialResult:
    """Run one trial in this process, and save what it trained by ``kept_models``.

    The record that it returns, and those that it reports, have the digests of the ``files`` that the model file read.

    Args:
        sources: The model file, then what else of the user's own decides a trial.
        manifest: Of the prepared arrays; None runs the model file's own data function.
        model_folder: For the model and what the script logs to MLflow; left empty if there is neither.
        earlier, mnist_folder, report, given: As for ``evaluate``.
    """
    script = parser.read(sources[0], manifest is None, search.model_function, search.data_function)
    prepared, notes = None, io.StringIO()
    if manifest:
        mapped, _ = datasets.read(manifest, "train", "validation", named=mnist_folder, terminal=notes)
        prepared = tuple(mapped.values())
    with (
        mlflow_capture.capture_runs(model_folder, tags={"snakeras.trial": str(trial)}),
        opened_files.recorded() as opened,
    ):

        def with_files(record: dict) -> dict:
            return record | {"files": opened.digests(sources, script.strings)}

        evaluation = evaluate(
            script, prepared, search, trial, earlier, lambda record: report(with_files(record)), mnist_folder, given
        )
        if evaluation.model is not None and evaluation.record["status"] != "failed":
            save_model(model_folder, evaluation.model, sources[0])
    run = evaluation.run | {"device": gpus.in_use()} | kept_models.about(evaluation.model)
    return TrialResult(with_files(evaluation.record), run, notes.getvalue())


def determined(
    trial: int,
    sources: list[Path],
    search: TrialSettings,
    data: dict,
    manifest: Path | None,
    folder: Path,
    points: Sequence[dict] = (),
    warm: str | None = None,
) -> tuple[list[dict], dict]:
    """Return the records of the trials that a trial looks back on, and all that determines it.

    The trials' JSON files are in ``folder``; ``points`` are those that the user gives for the first trials; the rest is
    as for ``provenance.determined_by``.
    """
    fixed = provenance.determined_by(sources, search.model_dump(), data, manifest, warm)
    count = len(earlier_trials.visible(trial, search.parallelism))
    earlier, digest = trial_records.read_first(folder, count, search.parallelism, fixed, points)
    for record in earlier:
        if change := provenance.changed_file(record["determined_by"].get("files", {})):
            trial_name = trial_records.name(record["trial"])
            raise UserError(
                f"{change} trial {trial_name} read it; call again to run that trial and all later ones again"
            )
    own = {"trial": trial, "history": digest, "packages": provenance.versions(search)}
    point = trial_records.given(points, trial)
    return earlier, fixed | own | ({} if point is None else {"point": point})


def evaluate(
    script: parser.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: TrialSettings,
    trial: int,
    earlier: list[dict],
    report: Callable[[dict], None] = lambda record: None,
    mnist_folder: str | None = None,
    given: steering.Steering = NOTHING_GIVEN,
) -> Evaluation:
    """Propose the hyperparameters of one trial and evaluate them.

    Args:
        prepared: Arrays for the model function's parameters; None runs the script's own data function.
        earlier: The records of the trials that it looks back on, in order.
        report: Called with the trial's record as far as it is known before its model function runs.
        mnist_folder: A folder that the user names to take MNIST from, should it be lost.
        given: What the user gives for the first trials, and trials of other searches.
    """
    with loader.loaded(script, prepared, search, mnist_folder) as model_file:
        steered = steering.steered(search, model_file, trial, given)
        trials = hyperopt_trials.from_records(earlier, model_file.space, steered.before)
        # The trial gets its number from the start: an algorithm may use it, and it stands in the record.
        trials.new_trial_ids = lambda n: list(range(trial, trial + n))
        data = {"data": model_file.described()}
        if prepared is None:
            data["data_digest"] = model_file.data_digest()
        for line in [*algorithms.approximations(search.algo, model_file.space), *steered.lines]:
            print(line)
        # The names that are shown for hyperopt's labels, null for templates in comments: where they differ.
        other = {name.label: name.shown for name in script.names if name.shown != name.label}
        if other:
            named = ", ".join(f"{label} is {shown or 'no hyperparameter'}" for label, shown in other.items())
            print(f"Hyperas's own names: {named}")

        def objective(point: dict) -> dict:
            document = trials._dynamic_trials[-1]
            hyperparameters = model_file.readable(point, document["misc"]["vals"])
            record = unfinished(trial, search.seed)
            record["hyperparameters"] = {key: trial_records.plain(value) for key, value in hyperparameters.items()}
            if other:
                record["names"] = other
            record |= steered.record
            report(record | {"hyperopt": hyperopt_trials.encoded(document)})
            seeds.seed_everything(record["seed"])
            point = loader.Point(point)
            result, changes, fits = _call_model(model_file, point, search, earlier)
            # One that failed may have used what it did not come to.
            if changes["status"] != "failed":
                record |= _by_use(record["hyperparameters"], model_file.used(point))
            return result | {EVALUATED: (record | changes, fits)}

        rng = pending.generator(search.seed, trial)
        document = _one_more(objective, model_file.space, steered.suggest, trials, rng)

    if document is None:
        raise UserError(f"search.algo: {search.algo} proposed nothing for trial {trial}, expected one point")
    record, fits = document["result"].pop(EVALUATED)
    record |= fits.as_json() | {"hyperopt": hyperopt_trials.encoded(document)}
    return Evaluation(record, fits.model, {"epochs_ended": fits.ended, **data})


def _one_more(
    objective: Callable, space: dict, suggest: Callable, trials: object, rng: np.random.Generator
) -> dict | None:
    """Let hyperopt evaluate one trial more, and return its document; None where none was proposed."""
    hyperopt = hyperas_compat.import_hyperopt()
    count = len(trials.trials)
    # At its end it asks for the best trial, but there may be none yet.
    with contextlib.suppress(hyperopt.exceptions.AllTrialsFailed):
        hyperopt.fmin(
            objective,
            space,
            algo=suggest,
            max_evals=count + 1,
            trials=trials,
            rstate=rng,
            verbose=False,
            return_argmin=False,
        )
    return trials.trials[-1] if len(trials.trials) > count else None


def _call_model(
    model_file: loader.Loaded, point: loader.Point, search: TrialSettings, earlier: list[dict]
) -> tuple[dict, dict, fit_hook.Fits]:
    """Call the model function, and return hyperopt's result, what the record says of it, and its fits.

    Nothing that a script raises may end the search, and hyperopt stops at the first exception.
    """
    with fit_hook.recorded(search.epochs, pruners.TrialPruner(search.pruner, earlier)) as fits:
        try:
            result = model_file.function(point)
            # A script may have caught what ended its fit.
            if not fits.pruned:
                result = loader.checked(result)
                returned = kept_models.returned(result)
                fits.model = fits.model if returned is None else returned
                # A result that cannot be written down fails the trial too.
                trial_records.encode(result)
                return result, {"status": "completed", "loss": result["loss"]}, fits
        except fit_hook.Pruned:
            pass
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            traceback.print_exc()
            script = model_file.script
            return *_failed(fits.reason(loader.explained(script, error)), loader.where(script, error)), fits
    stop = fits.pruned
    if not math.isfinite(stop.loss):
        return *_failed(f"{stop.monitor} is {stop.value} after epoch {stop.epoch}"), fits
    pruned = {"epoch": stop.epoch, "monitor": stop.monitor, "value": stop.value}
    result = {"status": hyperopt_trials.OK, "loss": stop.loss, "pruned": pruned}
    return result, {"status": "pruned", "loss": stop.loss, "pruned": pruned}, fits


def _by_use(hyperparameters: dict, used: set[str]) -> dict:
    """Return what a record says of the hyperparameters that its trial used, and of others, in branches not taken."""
    unused = {name: value for name, value in hyperparameters.items() if name not in used}
    if not unused:
        return {}
    return {
        "hyperparameters": {name: hyperparameters[name] for name in hyperparameters if name in used},
        "unused": unused,
    }


def _failed(failure: str, place: str | None = None) -> tuple[dict, dict]:
    """Return hyperopt's result of a trial that failed, and what the record says of it."""
    result = {"status": hyperopt_trials.FAIL, "failure": failure}
    return result, {"status": "failed", "failure": failure, "failed_at": place}


def unfinished(trial: int, seed: int) -> dict:
    """Return the record of a trial of which nothing is known yet; ``seed`` is the search's."""
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
        "seed": seeds.of_trial(seed, trial),
        "hyperparameters": {},
        "fits": [],
        "hyperopt": hyperopt_trials.proposed_nothing(trial),
    }


def skipped(reason: str, trial: int, seed: int) -> dict:
    """Return the record of a trial that a stop rule skips, without what determines it; ``seed`` is the search's."""
    return unfinished(trial, seed) | {"status": "skipped", "skipped": reason}


def died(death: child_process.Died, trial: int, seed: int) -> dict:
    """Return the record of a trial whose process died, without what determines it; ``seed`` is the search's."""
    result, changes = _failed(str(death))
    record = (death.reported or unfinished(trial, seed)) | changes
    # What hyperopt's own loop does with a trial that has ended.
    record["hyperopt"] |= {"state": hyperopt_trials.DONE, "result": trial_records.encode(result)}
    return record


def save_model(folder: Path, model: object, script: Path) -> None:
    """Save a script's model by ``kept_models``; of one that cannot be saved, print why."""
    try:
        kept_models.save(model, folder, script)
    # A trial is as good without its saved model, and a script's layers may raise anything here.
    except Exception as error:
        print(f"the model could not be saved: {error}")
