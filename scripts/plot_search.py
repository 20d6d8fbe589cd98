"""Draw the pictures of the search."""

from pathlib import Path

from snakeras.core import files
from snakeras.report import captions, search_pictures
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    figures = search_pictures.write(files.read_json(Path(snakemake.input.search)), Path(snakemake.output.folder))
    captions.write(Path(snakemake.input.text), figures, Path(snakemake.output.caption))
