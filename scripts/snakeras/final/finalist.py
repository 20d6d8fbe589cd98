"""A finalist, or a member of an ensemble: a trial trained once more, from a seed of its own, and not tested here."""

import io
from dataclasses import dataclass
from pathlib import Path

from snakeras.core import seeds
from snakeras.core.errors import UserError
from snakeras.core.settings import TrialSettings
from snakeras.final import held_out, retraining
from snakeras.model_file import kept_models, parser
from snakeras.process import child_process, gpus
from snakeras.search import result_files, run_trial, trial_records


@dataclass(frozen=True)
class FinalistResult:
    """A finalist, as it goes to the parent process; its model is saved already."""

    record: dict  # without what determines it; ``files`` are those that the model file read
    run: dict  # for the run record: ``device``, ``epochs_ended`` and ``estimator``
    notes: str  # lines for people


def train(
    trial: dict,
    number: int,
    sources: list[Path],
    search: TrialSettings,
    epochs: int | None,
    train_on: str,
    manifest: Path | None,
    mnist_folder: str | None,
    folder: Path,
) -> FinalistResult:
    """Train a trial's model function again in this process, and save its model in ``folder``.

    A model function that fails gives a record that says so. What a model of the file's own data is to be tested on is
    kept beside the model of the trial's own seed, for an ensemble.

    Args:
        trial: The trial's record.
        number: Of the seed; 0 is the trial's own.
        sources, manifest, mnist_folder: As for ``run_trial.run``.
        epochs: Of every fit; None leaves it to the script.
        train_on: ``train``, or ``all``: on the validation images too.
    """
    script = parser.read(sources[0], manifest is None, search.model_function, search.data_function)
    notes, record = io.StringIO(), unfinished(trial, number, search.seed)
    again = result_files.trained_again(trial) | {"seed": record["seed"]}
    arrays, _ = retraining.prepared(manifest, train_on, mnist_folder, notes) if manifest else (None, None)
    run, network = {}, None
    with retraining.loaded(script, arrays, search, mnist_folder) as (model_file, opened):
        try:
            network, loss, fits = retraining.trained(model_file, again, epochs)
            record |= {"status": "completed", "loss": loss, "failure": None} | fits.as_json()
            run = {"epochs_ended": fits.ended}
        except UserError as error:
            record["failure"] = str(error)
        if network is not None:
            run_trial.save_model(folder, network, sources[0])
            if number == 0 and not manifest:
                held_out.keep(retraining.found_test(model_file, fits), folder)
    record["files"] = opened.digests(sources, script.strings)
    return FinalistResult(record, {"device": gpus.in_use()} | run | kept_models.about(network), notes.getvalue())


def unfinished(trial: dict, number: int, seed: int) -> dict:
    """Return the record of a finalist of which nothing is known yet, by its trial's; ``seed`` is the search's."""
    return {
        "format": trial_records.FORMAT,
        "trial": trial["trial"],
        "number": number,
        "status": "failed",
        "failure": "it was not trained",
        "failed_at": None,
        "loss": None,
        "val_accuracy": None,
        "epochs": 0,
        "seed": seeds.of_finalist(seed, trial["trial"], number),
        "hyperparameters": trial["hyperparameters"],
        "fits": [],
    }


def died(death: child_process.Died, trial: dict, number: int, seed: int) -> dict:
    """Return the record of a finalist whose process died."""
    return unfinished(trial, number, seed) | {"failure": str(death)}
