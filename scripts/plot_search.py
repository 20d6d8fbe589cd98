"""Draw the pictures of the search."""

from pathlib import Path

from snakeras.core import files
from snakeras.report import captions, pictures
from snakeras.workflow.job import job

with job(snakemake):
    figures = pictures.write(files.read_json(Path(snakemake.input.search)), Path(snakemake.output.folder))
    captions.write(Path(snakemake.input.text), figures, Path(snakemake.output.caption))
