"""Run one trial of the search."""

from pathlib import Path

from snakeras import files, progress, step, training
from snakeras.job import job

with job(snakemake) as terminal:
    trial = int(snakemake.wildcards.trial)
    result = Path(snakemake.output.result)
    # Not a param: how many trials there are is for people to read and decides nothing about this one.
    total = snakemake.config["search"]["max_evals"]
    print(progress.starts(trial, total), file=terminal)
    answer = training.compute(
        snakemake,
        terminal,
        step.run,
        trial=trial,
        sources=list(snakemake.input.model),
        data=snakemake.params.data,
        folder=str(result.parent),
        model_folder=snakemake.output.model,
    )
    Path(snakemake.output.model).mkdir(exist_ok=True)
    files.write_json(result, answer["document"])
    print(progress.ends(trial, total, result.parent), file=terminal)
