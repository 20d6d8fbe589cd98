"""Fetch MNIST's four original files."""

from pathlib import Path

from snakeras import files, mnist
from snakeras.job import job

with job(snakemake) as terminal:
    named = snakemake.params.folder
    sums = Path(snakemake.output.sums)
    source = mnist.fetch(sums.parent, Path(named) if named else None, terminal)
    files.write_text(sums, "".join(f"{digest}  {name}\n" for name, digest in mnist.SHA256.items()))
    print(f"MNIST comes from {source}", file=terminal)
