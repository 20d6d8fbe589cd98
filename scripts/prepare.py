"""Prepare a dataset's arrays for the search, the retrain and the test."""

from pathlib import Path

from snakeras.data import datasets
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    datasets.prepare(
        **snakemake.params.data,
        raw=Path(snakemake.input.raw[0]).parent if snakemake.input.raw else None,
        folder=Path(snakemake.params.arrays),
        manifest=Path(snakemake.output.manifest),
        named=snakemake.params.job["mnist_folder"],
        terminal=terminal,
    )
