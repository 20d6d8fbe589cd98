"""Fetch MNIST's four original files."""

from pathlib import Path

from snakeras import mnist
from snakeras.job import job

with job(snakemake) as terminal:
    named = snakemake.params.folder
    folder = Path(snakemake.output[0]).parent
    source = mnist.fetch(folder, Path(named) if named else None, terminal)
    print(f"MNIST comes from {source}", file=terminal)
