"""The job of one trial: run it in a child process, try again or record a failure if that dies, write its files.

A trial that a stop rule skips starts no child process.
"""

from pathlib import Path
from typing import TextIO

from snakeras.core.settings import JobSettings, TrialSettings
from snakeras.process import child_process, run_record
from snakeras.search import run_trial, stop_rule, warm_start
from snakeras.search.steering import Steering
from snakeras.workflow import mistakes, progress, training_job


def run(snakemake: object, terminal: TextIO) -> None:
    """Run one trial and write its record: of a skipped trial too, and of one that died, at the last attempt.

    Raises:
        UserError: When the trial is to be tried again, or when it could not be run for a mistake of the user's.
    """
    trial, settings = int(snakemake.wildcards.trial), JobSettings(**snakemake.params.job)
    search = TrialSettings(**snakemake.params.search)
    record_path, model_folder = Path(snakemake.output.result), Path(snakemake.output.model)
    sources, manifest = list(map(Path, snakemake.input.model)), next(map(Path, snakemake.input.data), None)
    started = run_record.now()
    warm, defaults = list(warm_start.read(map(Path, snakemake.input.warm_start)).values()), settings.warm_start_defaults
    digest = warm_start.digest(warm, defaults)
    earlier, determined_by = run_trial.determined(
        trial, sources, search, snakemake.params.data, manifest, record_path.parent, settings.points, digest
    )
    if reason := stop_rule.reason(earlier, settings.stop):
        record, ran = run_trial.skipped(reason, trial, search.seed), run_record.made(started, 0, {"device": None})
    else:
        arguments = {"trial": trial, "sources": sources, "earlier": earlier, "model_folder": model_folder}
        arguments["given"] = Steering(settings.points, warm, defaults)
        record, ran = _computed(snakemake, terminal, settings, arguments)
    training_job.write(snakemake.output, record, determined_by, ran)
    line = progress.ends(trial, settings.max_evals, record_path.parent, search.parallelism, earlier, sources[0])
    print(settings.whose + line, file=terminal)


def _computed(snakemake: object, terminal: TextIO, settings: JobSettings, arguments: dict) -> tuple[dict, dict]:
    """Run a trial in a child process; return its record, without what determines it, and its run record."""
    trial, limits = arguments["trial"], []
    if minutes := settings.trial_timeout:
        line = f"timeout: took longer than search.trial_timeout, {minutes:g} minutes"
        limits = [child_process.Limit(60 * minutes, child_process.TimedOut(line))]
    with mistakes.said_once(Path(snakemake.output.result).parents[1], snakemake):
        print(settings.whose + progress.starts(trial, settings.max_evals), file=terminal)
        computation = training_job.compute(snakemake, terminal, run_trial.run, arguments, limits)
    death = computation.death
    if death is None:
        return computation.result.record, computation.run_record
    # Snakemake tries again with more memory and time; more of these does not help against trial_timeout.
    if snakemake.resources.attempt <= settings.retries and not isinstance(death, child_process.TimedOut):
        raise death
    return run_trial.died(death, trial, snakemake.params.search["seed"]), computation.run_record
