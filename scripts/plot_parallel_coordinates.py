"""Draw the parallel coordinates, interactive and not."""

from pathlib import Path

from snakeras.core import files
from snakeras.report import captions, parallel_coordinates
from snakeras.workflow.job import job

with job(snakemake):
    figures = parallel_coordinates.write(
        files.read_json(Path(snakemake.input.search)),
        html=Path(snakemake.output.page),
        svg=Path(snakemake.output.svg),
        png=Path(snakemake.output.png),
    )
    captions.write(Path(snakemake.input.text), figures, Path(snakemake.output.caption))
