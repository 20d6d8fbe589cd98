"""Draw the pictures of the search."""

from pathlib import Path

from snakeras import captions, course, files, hyperparameters, importance, pictures, timeline
from snakeras.job import job

DRAWN = {
    "validation": course.validation,
    "curves": course.curves,
    "hyperparameters": hyperparameters.hyperparameters,
    "importance": importance.importance,
    "timeline": timeline.timeline,
}

with job(snakemake):
    search = files.read_json(Path(snakemake.input.search))
    with pictures.style():
        drawn = {name: draw(search) for name, draw in DRAWN.items()}
    captions.save(drawn, snakemake.input, snakemake.output)
