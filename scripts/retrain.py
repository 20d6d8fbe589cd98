"""Train the final model with the best hyperparameters and test it once."""

from pathlib import Path

from snakeras import files, final, training
from snakeras.job import job

with job(snakemake) as terminal:
    print("retraining with the best hyperparameters, then testing it", file=terminal)
    arguments = training.common_arguments(snakemake) | {
        "best": snakemake.input.best,
        "model": snakemake.input.model[0],
        "final": snakemake.params.final,
        "result": snakemake.output.model,
        "mistakes": snakemake.output.mistakes,
    }
    answer = training.compute(snakemake, terminal, final.retrain, arguments)
    files.write_json(Path(snakemake.output.example), answer["example"])
    files.write_json(Path(snakemake.output.network), answer["network"])
    files.write_json(Path(snakemake.output.metrics), answer["metrics"])
