"""Prepare a dataset's arrays for the search, the retrain and the test."""

from pathlib import Path

from snakeras import datasets, seeds
from snakeras.job import job

with job(snakemake) as terminal:
    datasets.prepare(
        dataset=snakemake.params.dataset,
        fraction=float(snakemake.params.fraction),
        seed=seeds.of_split(int(snakemake.params.seed)),
        raw=Path(snakemake.input.raw[0]).parent if snakemake.input.raw else None,
        manifest=Path(snakemake.output.manifest),
        terminal=terminal,
    )
