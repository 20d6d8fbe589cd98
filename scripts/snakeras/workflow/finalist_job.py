"""The job of one finalist or member of an ensemble: computed by a child process, its files written here."""

from pathlib import Path
from typing import TextIO

from snakeras.core.settings import JobSettings
from snakeras.final import finalist
from snakeras.search import finalists, trial_records
from snakeras.workflow import mistakes, training_job


def run(snakemake: object, terminal: TextIO) -> None:
    """Train one finalist and write its record, of one that died too, at the last attempt.

    Raises:
        child_process.Died: When it is to be tried again.
        UserError: When it could not be trained for a mistake of the user's.
    """
    settings, number = JobSettings(**snakemake.params.job), int(snakemake.wildcards.number)
    trial = trial_records.read(Path(snakemake.input.trial))
    trains = {key: snakemake.params[key] for key in ("epochs", "train_on")}
    name = f"{'member' if trains['train_on'] == 'all' else 'finalist'} {snakemake.wildcards.trial}, seed {number + 1}"
    arguments = {
        "trial": trial,
        "number": number,
        "sources": list(snakemake.input.model),
        "folder": Path(snakemake.output.model),
        **trains,
    }
    with mistakes.said_once(Path(snakemake.output.result).parents[1], snakemake):
        print(f"{settings.whose}{name} starts", file=terminal)
        computation = training_job.compute(snakemake, terminal, finalist.train, arguments)
    death = computation.death
    if death and snakemake.resources.attempt <= settings.retries:
        raise death
    seed = snakemake.params.search["seed"]
    record = finalist.died(death, trial, number, seed) if death else computation.result.record
    determined_by = finalists.determined_by(trial, number, **trains)
    training_job.write(snakemake.output, record, determined_by, computation.run_record)
    print(
        f"{settings.whose}{name}: {finalists.outcome(record, settings.stop.monitor, settings.stop.mode)}", file=terminal
    )
