"""List the best trials, which are trained again."""

from pathlib import Path

from snakeras.core.settings import TrialSettings
from snakeras.search import result_files
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    result_files.write_candidates(
        folder=Path(snakemake.input.trials[0]).parent,
        max_evals=len(snakemake.input.trials),
        sources=[Path(source) for source in snakemake.input.model],
        search=TrialSettings(**snakemake.params.search),
        data=snakemake.params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        count=snakemake.params.candidates,
        path=Path(snakemake.output.candidates),
    )
