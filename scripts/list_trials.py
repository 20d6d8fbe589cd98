"""Make the table of all trials."""

from pathlib import Path

from snakeras.core import files
from snakeras.report import captions, trial_table
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake):
    links = {}
    if snakemake.input.runs:
        links = trial_table.links(Path(snakemake.input.tracking[0]), [Path(path) for path in snakemake.input.runs])
    figures = trial_table.write(
        files.read_json(Path(snakemake.input.search)), html=Path(snakemake.output.page), links=links
    )
    captions.write(Path(snakemake.input.text), figures, Path(snakemake.output.caption))
