"""Draw the pictures of the search."""

from pathlib import Path

from snakeras.core import files
from snakeras.report import captions, hyperparameters, importance, optimization_history, style, timeline
from snakeras.workflow.job import job

DRAWN = {
    "validation": optimization_history.validation,
    "curves": optimization_history.curves,
    "hyperparameters": hyperparameters.hyperparameters,
    "importance": importance.importance,
    "timeline": timeline.timeline,
}

with job(snakemake):
    search = files.read_json(Path(snakemake.input.search))
    with style.style():
        drawn = {name: draw(search) for name, draw in DRAWN.items()}
    captions.save(drawn, snakemake.input, snakemake.output)
