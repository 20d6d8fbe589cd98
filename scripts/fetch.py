"""Fetch MNIST's four original files."""

from pathlib import Path

from snakeras.core import files
from snakeras.data import mnist
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    sums = Path(snakemake.output.sums)
    source = mnist.fetch(sums.parent, snakemake.params.job["mnist_folder"], terminal)
    files.write_text(sums, "".join(f"{digest}  {name}\n" for name, digest in snakemake.params.sha256.items()))
    print(f"MNIST comes from {source}", file=terminal)
