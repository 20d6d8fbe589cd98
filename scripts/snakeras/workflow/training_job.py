"""What the jobs that train share: a GPU, a child process that computes, the record of its run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from snakeras.core import files
from snakeras.core.settings import JobSettings
from snakeras.model_file import keras_datasets, optional_packages
from snakeras.process import child_process, gpus, lifetime, run_record
from snakeras.search import provenance, trial_records

# The job ends itself before a scheduler would end it for its time, and so can still say why.
MARGIN = (20.0, 120.0)  # seconds, at least and at most; in between a twentieth of the time


@dataclass(frozen=True)
class Computation:
    """How a child process ended: either with a result or not."""

    result: object | None  # with ``run``, for the run record, and ``notes``, lines for people
    death: child_process.Died | None
    run_record: dict


def compute(
    snakemake: object,
    terminal: TextIO,
    function: Callable,
    arguments: dict,
    limits: Sequence[child_process.Limit] = (),
) -> Computation:
    """Call ``function`` in a child process, print its notes, and return its result and the record of its run.

    The function gets ``search``, ``manifest``, ``mnist_folder`` and these ``arguments``. Raise as ``child.call``, but
    for ``Died``.
    """
    settings, threads = JobSettings(**snakemake.params.job), snakemake.params.search["threads"]
    arguments = arguments | {
        "search": snakemake.params.search,
        "manifest": next(iter(snakemake.input.data), None),
        "mnist_folder": settings.mnist_folder,
    }
    started, result, death = run_record.now(), None, None
    with (
        gpus.reserved(snakemake.resources.gpu, settings.trials_per_gpu, terminal=terminal) as gpu,
        keras_datasets.environment(settings.keras_home) as datasets,
    ):
        try:
            result = child_process.call(
                function,
                arguments,
                log=Path(snakemake.log[0]),
                threads=threads,
                environment=gpu | datasets,
                tensorflow=optional_packages.uses_keras(snakemake.input.model),
                hidden=optional_packages.needless(snakemake.input.model),
                limits=[*limits, *_runtime(snakemake.resources.get("runtime"))],
            )
            terminal.write(result.notes)
        except child_process.Died as error:
            death = error
    # Of the model file's repository, or else of the workflow's.
    commit = provenance.commit_of({"the model file": Path(snakemake.input.model[0]), "Snakeras": Path(__file__)})
    known = {"git": commit, "gpu": gpus.which(gpu)} | (result.run if result else {})
    return Computation(result, death, run_record.made(started, threads, known))


def write(output: object, record: dict, determined_by: dict, run_record: dict) -> None:
    """Write a trial's or finalist's ``result`` and ``run_record`` of a rule's output.

    ``files`` of the record, digests of what the model file read, belong to what determines it.
    """
    # None of them: the record is as if there were no such key.
    if files_read := record.get("files"):
        determined_by = determined_by | {"files": files_read}
    record = {key: value for key, value in record.items() if key != "files"}
    # Only the model was written before, by the process that trained it. The record comes last.
    Path(output.model).mkdir(exist_ok=True)
    files.write_json(Path(output.run_record), run_record)
    files.write_json(Path(output.result), trial_records.sealed(record | {"determined_by": determined_by}))


def _runtime(minutes: int | None) -> list[child_process.Limit]:
    if not minutes:
        return []
    least, most = MARGIN
    margin = min(max(0.05 * 60 * minutes, least), most)
    line = f"the computing process took as long as resources.runtime allows ({minutes} minutes)"
    # The scheduler counts from the job's start, before Snakemake and Python have started in it.
    gone = time.time() - lifetime.job_started()
    return [child_process.Limit(max(60 * minutes - margin - gone, 1.0), child_process.Died(line))]
