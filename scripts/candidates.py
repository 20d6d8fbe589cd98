"""List the best trials, which are trained again."""

from pathlib import Path

from snakeras.core.settings import TrialSettings
from snakeras.search import result_files
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    params = snakemake.params
    result_files.write_candidates(
        Path(snakemake.output.candidates),
        params.candidates,
        Path(snakemake.input.trials[0]).parent,
        len(snakemake.input.trials),
        [Path(source) for source in snakemake.input.model],
        TrialSettings(**params.search),
        params.data,
        next(map(Path, snakemake.input.data), None),
        params.points,
        params.warm_start,
    )
