"""Draw the pictures of the final model."""

from pathlib import Path

from snakeras.core import files
from snakeras.report import captions, final_model, style
from snakeras.workflow.job import job

with job(snakemake):
    metrics = files.read_json(Path(snakemake.input.metrics))
    with style.style():
        drawn = {
            "confusion": final_model.confusion(metrics),
            "mistakes": final_model.mistakes(Path(snakemake.input.mistakes)),
            "training": final_model.training(metrics),
            "network": final_model.network(files.read_json(Path(snakemake.input.network))),
        }
    captions.save(drawn, snakemake.input, snakemake.output)
