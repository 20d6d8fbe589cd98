"""Train the final model with the best hyperparameters and test it once."""

from pathlib import Path

from snakeras import files, final, happened
from snakeras.job import job
from snakeras.worker import call

with job(snakemake) as terminal:
    print("retraining with the best hyperparameters, then testing it", file=terminal)
    started = happened.now()
    answer = call(
        final.retrain,
        {
            "best": snakemake.input.best,
            "model": snakemake.input.model[0],
            "search": snakemake.params.search,
            "final": snakemake.params.final,
            "manifest": next(iter(snakemake.input.data), None),
            "mnist_folder": snakemake.config["data"]["mnist_folder"],
            "result": snakemake.output.model,
        },
        log=Path(snakemake.log[0]),
        threads=snakemake.params.search["threads"],
    )
    terminal.write(answer["notes"])
    happened.write(Path(snakemake.output.happened), started, answer["device"], snakemake.params.search["threads"])
    files.write_json(Path(snakemake.output.metrics), answer["metrics"])
