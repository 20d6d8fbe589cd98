"""Run one trial of the search."""

from pathlib import Path

from snakeras import files, progress, step, training, worker
from snakeras.job import job

with job(snakemake) as terminal:
    trial = int(snakemake.wildcards.trial)
    result = Path(snakemake.output.result)
    # Not params, here and below: for people to read, or for this machine, they decide nothing about the trial.
    settings = snakemake.config["search"]
    total, timeout = settings["max_evals"], settings["trial_timeout"]
    print(progress.starts(trial, total), file=terminal)
    arguments = training.common_arguments(snakemake) | {
        "trial": trial,
        "sources": list(snakemake.input.model),
        "data": snakemake.params.data,
        "folder": str(result.parent),
        "model_folder": snakemake.output.model,
    }
    limits = (step.timeout(timeout),) if timeout else ()
    try:
        answer = training.compute(snakemake, terminal, step.run, arguments, limits)
        document, best = answer["document"], answer["best"]
    except worker.Died as death:
        # Snakemake tries it again with more memory and time, unless more of these would not help.
        if snakemake.resources.attempt <= settings["retries"] and not isinstance(death, worker.TimedOut):
            raise
        document, best = step.died(death, **arguments), None
    Path(snakemake.output.model).mkdir(exist_ok=True)
    files.write_json(result, document)
    print(progress.ends(trial, total, result.parent, snakemake.params.search["parallelism"], best), file=terminal)
