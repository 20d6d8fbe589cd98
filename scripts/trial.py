"""Run one trial of the search."""

from snakeras.workflow import trial_job
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    trial_job.run(snakemake, terminal)
