"""Train one of the best trials again, from another seed."""

from snakeras.workflow import finalist_job
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    finalist_job.run(snakemake, terminal)
