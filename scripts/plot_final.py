"""Draw the pictures of the final model."""

from pathlib import Path

from snakeras.report import final_model
from snakeras.workflow.job import job

with job(snakemake):
    final_model.write(
        metrics=Path(snakemake.input.metrics),
        mistakes_file=Path(snakemake.input.mistakes),
        layers=Path(snakemake.input.layers),
        templates={name: Path(snakemake.input[f"{name}_text"]) for name in final_model.NAMES},
        folder=Path(snakemake.output.confusion).parent,
    )
