"""Trials whose records say that they were made with other settings than those of now: run again.

Snakemake compares a job's params with those that it recorded when the job ended. Of a job that ended on a cluster after
its Snakemake was killed it has no record, and takes the output for good. Snakemake (9.27) has no public way for a
workflow to force single jobs while it plans: ``--forcerun`` adds targets, and a deleted output would be lost in a dry
run. So this module adds to ``workflow.dag.forcefiles``, a set of output files whose jobs ``DAG.update_needrun`` runs in
any case. That is the only one of Snakemake's internals that is touched here.
"""

from collections.abc import Callable
from pathlib import Path

from snakeras.search import trial_records
from snakeras.workflow.search_files import SearchFiles


def is_outdated(record: Path, made_with: dict) -> bool:
    """Return whether a trial's record can be read and names other settings than ``made_with``."""
    return trial_records.made_with(record) not in (None, made_with)


def forcing(workflow: object, files: SearchFiles, made_with: dict) -> Callable[[object], list[str]]:
    """Return ``files.earlier_trials``, which Snakemake calls for each trial, so that it also forces outdated ones."""

    def earlier_trials(wildcards: object) -> list[str]:
        record = files.trial(int(wildcards.trial))
        if is_outdated(Path(record), made_with):
            workflow.dag.forcefiles.add(record)
        return files.earlier_trials(wildcards)

    # A job on a cluster runs its trial anyway.
    return files.earlier_trials if workflow.remote_exec else earlier_trials
