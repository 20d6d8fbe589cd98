"""Train the final model with the best hyperparameters and test it once."""

from pathlib import Path

from snakeras.core import files
from snakeras.final import retraining
from snakeras.workflow import training_job
from snakeras.workflow.job import job

with job(snakemake) as terminal:
    print("retraining with the best hyperparameters, then testing it", file=terminal)
    arguments = training_job.common_arguments(snakemake) | {
        "best": snakemake.input.best,
        "model": snakemake.input.model[0],
        "final": snakemake.params.final,
        "result": snakemake.output.model,
        "mistakes": snakemake.output.mistakes,
    }
    answer = training_job.compute(snakemake, terminal, retraining.retrain, arguments)
    files.write_json(Path(snakemake.output.example), answer["example"])
    files.write_text(Path(snakemake.output.network), answer["network"])
    files.write_json(Path(snakemake.output.metrics), answer["metrics"])
