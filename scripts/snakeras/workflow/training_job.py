"""What the rules that train share: their device, their computing process, and the record of what happened in it."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from snakeras.model_file import keras_datasets, optional_packages
from snakeras.process import child, gpus, run_record
from snakeras.search import provenance
from snakeras.workflow.job import mnist_folder

# Before a scheduler ends a job for its time, the job ends by itself, and can still say so.
MARGIN = (20.0, 120.0)  # seconds, at least and at most; in between a twentieth of the time


def compute(
    snakemake: object,
    terminal: TextIO,
    function: Callable[..., dict],
    arguments: dict,
    limits: tuple[child.Limit, ...] = (),
) -> dict:
    """Call ``function`` in a computing process and write the job's ``happened`` file.

    Parameters
    ----------
    terminal
        Where the function's notes for people go.
    function
        Takes ``arguments``, as ``common_arguments`` and more; returns at least ``happened`` and ``notes``.
    limits
        Of its time, beside that which the job's ``runtime`` sets.

    Returns
    -------
    dict
        What the function returned.

    Raises
    ------
    UserError
        As ``child.call``.
    """
    settings, threads = snakemake.config["search"], snakemake.params.search["threads"]
    started = run_record.now()
    found = {}
    with (
        gpus.reserved(snakemake.resources.gpu, settings["trials_per_gpu"], terminal=terminal) as own_device,
        keras_datasets.environment(snakemake.config["data"]["keras_home"]) as own_datasets,
    ):
        try:
            answer = child.call(
                function,
                arguments,
                log=Path(snakemake.log[0]),
                threads=threads,
                environment=own_device | own_datasets,
                spared=optional_packages.needless(snakemake.input.model),
                limits=[*limits, *_runtime(snakemake.resources.get("runtime"))],
            )
            found = answer["happened"]
            terminal.write(answer["notes"])
            return answer
        finally:
            # Of the model file's repository, or else of the workflow's.
            commit = provenance.commit_of(
                {"the model file": Path(snakemake.input.model[0]), "Snakeras": Path(__file__)}
            )
            what = {"git": commit, "gpu": gpus.which(own_device)} | found
            run_record.write(Path(snakemake.output.happened), started, threads, what)


def common_arguments(snakemake: object) -> dict:
    """The arguments that every function for ``compute`` takes."""
    return {
        "search": snakemake.params.search,
        "manifest": next(iter(snakemake.input.data), None),
        "mnist_folder": mnist_folder(snakemake),
    }


def _runtime(minutes: int | None) -> list[child.Limit]:
    if not minutes:
        return []
    least, most = MARGIN
    margin = min(max(0.05 * 60 * minutes, least), most)
    line = f"the computing process took as long as resources.runtime allows ({minutes} minutes)"
    # The scheduler counts from the job's start, before Snakemake and Python have started in it.
    gone = time.time() - child.jobs_start()
    return [child.Limit(max(60 * minutes - margin - gone, 1.0), child.Died(line))]
