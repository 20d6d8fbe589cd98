"""List the best trials, which are trained again."""

from pathlib import Path

from snakeras.search import finalists, result_files
from snakeras.workflow import ended_trials
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    _, records = ended_trials.read(snakemake)
    finalists.check_monitor(records, snakemake.params.monitor)
    result_files.write_candidates(Path(snakemake.output.candidates), records, snakemake.params.candidates)
