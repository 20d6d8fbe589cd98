"""Gather what the search's pictures are made from."""

from pathlib import Path

from snakeras.report import search_data
from snakeras.workflow.job import job

with job(snakemake):
    search_data.gather(
        name=snakemake.wildcards.name,
        trials=[Path(path) for path in snakemake.input.trials],
        happened=[Path(path) for path in snakemake.input.run_records],
        sources=[Path(source) for source in snakemake.input.model],
        search=snakemake.params.search,
        data=snakemake.params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        result=Path(snakemake.output.search),
    )
