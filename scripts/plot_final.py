"""Draw the pictures of the final model."""

from pathlib import Path

from snakeras import captions, files, final_pictures, pictures
from snakeras.job import job

with job(snakemake):
    metrics = files.read_json(Path(snakemake.input.metrics))
    with pictures.style():
        drawn = {
            "confusion": final_pictures.confusion(metrics),
            "mistakes": final_pictures.mistakes(Path(snakemake.input.mistakes)),
            "training": final_pictures.training(metrics),
            "network": final_pictures.network(files.read_json(Path(snakemake.input.network))),
        }
    captions.save(drawn, snakemake.input, snakemake.output)
