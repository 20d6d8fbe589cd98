"""Train the final model with the best hyperparameters and test it once."""

from snakeras.workflow import final_job
from snakeras.workflow.job import job

with job(snakemake) as terminal:
    final_job.run(snakemake, terminal)
