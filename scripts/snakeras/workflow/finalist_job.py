"""The job of one finalist: computed by a child process, its files written here."""

from pathlib import Path
from typing import TextIO

from snakeras.core import files
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
    settings, number, epochs = (
        JobSettings(**snakemake.params.job),
        int(snakemake.wildcards.number),
        snakemake.params.epochs,
    )
    result, folder, trial = Path(snakemake.output.result), Path(snakemake.output.model), Path(snakemake.input.trial)
    name = f"finalist {snakemake.wildcards.trial}, seed {number + 1} of {settings.seeds}"
    arguments = {
        "trial": trial,
        "number": number,
        "sources": list(snakemake.input.model),
        "epochs": epochs,
        "folder": folder,
    }
    with mistakes.said_once(result.parents[1], snakemake):
        print(f"{settings.whose}{name} starts", file=terminal)
        computation = training_job.compute(snakemake, terminal, finalist.train, arguments)
    death = computation.death
    if death and snakemake.resources.attempt <= settings.retries:
        raise death
    seed = snakemake.params.search["seed"]
    record = finalist.died(death, trial, number, seed) if death else computation.result.record
    determined_by = finalists.determined_by(trial_records.read(trial), number, epochs)
    if files_read := record.pop("files", None):
        determined_by["files"] = files_read
    folder.mkdir(exist_ok=True)
    files.write_json(Path(snakemake.output.run_record), computation.run_record)
    files.write_json(result, trial_records.sealed(record | {"determined_by": determined_by}))
    found = None if record["failure"] else finalists.value(record, **snakemake.params.metric)
    outcome = f"{found[0]} {found[2]:.6g}" if found else f"failed ({trial_records.reason(record, length=200)})"
    print(f"{settings.whose}{name}: {outcome}", file=terminal)
