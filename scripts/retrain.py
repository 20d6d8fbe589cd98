"""Make the final model, by the best hyperparameters or as an ensemble, and test it once."""

from snakeras.workflow import final_job
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    final_job.run(snakemake, terminal)
