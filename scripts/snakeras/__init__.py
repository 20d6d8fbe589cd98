"""Hyperas searches as a Snakemake workflow; ``snakeras.run`` calls it from Python."""

from snakeras.from_python import run

__all__ = ["run"]
