"""Run one trial of the search."""

from snakeras.workflow import trial_job
from snakeras.workflow.job import job

with job(snakemake) as terminal:
    trial_job.run(snakemake, terminal)
