"""Draw the pictures of the final model."""

from pathlib import Path

from snakeras.report import final_model_pictures
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    final_model_pictures.write(
        metrics=Path(snakemake.input.metrics),
        mistakes_file=Path(snakemake.input.mistakes),
        layers=Path(snakemake.input.layers),
        templates={name: Path(snakemake.input[f"{name}_text"]) for name in final_model_pictures.NAMES},
        folder=Path(snakemake.output.confusion).parent,
    )
