"""Run one trial of the search."""

from pathlib import Path

from snakeras import files, happened, progress, step
from snakeras.job import job
from snakeras.worker import call

with job(snakemake) as terminal:
    trial = int(snakemake.wildcards.trial)
    result = Path(snakemake.output.result)
    # Not a param: how many trials there are is for people to read and decides nothing about this one.
    total = snakemake.config["search"]["max_evals"]
    print(progress.starts(trial, total), file=terminal)
    started = happened.now()
    answer = call(
        step.run,
        {
            "trial": trial,
            "sources": list(snakemake.input.model),
            "search": snakemake.params.search,
            "data": snakemake.params.data,
            "manifest": next(iter(snakemake.input.data), None),
            "mnist_folder": snakemake.config["data"]["mnist_folder"],
            "folder": str(result.parent),
            "model_folder": snakemake.output.model,
        },
        log=Path(snakemake.log[0]),
        threads=snakemake.params.search["threads"],
    )
    terminal.write(answer["notes"])
    happened.write(Path(snakemake.output.happened), started, answer["device"], snakemake.params.search["threads"])
    Path(snakemake.output.model).mkdir(exist_ok=True)
    files.write_json(result, answer["document"])
    print(progress.ends(trial, total, result.parent), file=terminal)
