"""Conclude the search: the table of its trials and the best of them."""

from pathlib import Path

from snakeras.core.settings import TrialSettings
from snakeras.search import result_files
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    folder = Path(snakemake.input.trials[0]).parent
    result_files.conclude(
        name=snakemake.params.name,
        folder=folder,
        max_evals=len(snakemake.input.trials),
        sources=[Path(source) for source in snakemake.input.model],
        search=TrialSettings(**snakemake.params.search),
        data=snakemake.params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        table=Path(snakemake.output.table),
        best=Path(snakemake.output.best),
        winner=Path(snakemake.output.winner),
        points=snakemake.params.points,
        warm_start=snakemake.params.warm_start,
    )
    if warning := result_files.different_data(folder, len(snakemake.input.trials)):
        print(warning, file=terminal)
