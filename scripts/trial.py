"""Run one trial of the search."""

from pathlib import Path

from snakeras.core import files
from snakeras.process import child
from snakeras.search import run_trial
from snakeras.workflow import progress, training_job
from snakeras.workflow.job import job

with job(snakemake) as terminal:
    trial = int(snakemake.wildcards.trial)
    result = Path(snakemake.output.result)
    # Not params, here and below: for people to read, or for this machine, they decide nothing about the trial.
    settings = snakemake.config["search"]
    total, timeout = settings["max_evals"], settings["trial_timeout"]
    print(progress.starts(trial, total), file=terminal)
    arguments = training_job.common_arguments(snakemake) | {
        "trial": trial,
        "sources": list(snakemake.input.model),
        "data": snakemake.params.data,
        "folder": str(result.parent),
        "model_folder": snakemake.output.model,
    }
    limits = (run_trial.timeout(timeout),) if timeout else ()
    try:
        answer = training_job.compute(snakemake, terminal, run_trial.run, arguments, limits)
        document, best = answer["document"], answer["best"]
    except child.Died as death:
        # Snakemake tries it again with more memory and time, unless more of these would not help.
        if snakemake.resources.attempt <= settings["retries"] and not isinstance(death, child.TimedOut):
            raise
        document, best = run_trial.died(death, **arguments), None
    Path(snakemake.output.model).mkdir(exist_ok=True)
    files.write_json(result, document)
    print(progress.ends(trial, total, result.parent, snakemake.params.search["parallelism"], best), file=terminal)
