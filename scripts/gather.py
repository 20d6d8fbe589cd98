"""Gather what the search's pictures are made from."""

from pathlib import Path

from snakeras.report import search_data
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    search_data.gather(
        name=snakemake.wildcards.name,
        trials=[Path(path) for path in snakemake.input.trials],
        runs=[Path(path) for path in snakemake.input.runs],
        sources=[Path(source) for source in snakemake.input.model],
        search=snakemake.params.search,
        data=snakemake.params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        result=Path(snakemake.output.search),
        points=snakemake.params.points,
        warm_start=snakemake.params.warm_start,
    )
