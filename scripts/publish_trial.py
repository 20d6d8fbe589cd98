"""Publish one trial to MLflow."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import publishing
from snakeras.tracking.redaction import redacting
from snakeras.workflow.job import job, mflux_token_file

with job(snakemake), redacting():
    run = publishing.publish_trial(
        settings=snakemake.params.tracking,
        token_file=mflux_token_file(snakemake),
        opened=files.read_json(Path(snakemake.input.search)),
        name=snakemake.params.name,
        document=Path(snakemake.input.trial),
        happened=Path(snakemake.input.happened),
        folder=Path(snakemake.input.model),
        manifest=next(map(Path, snakemake.input.data), None),
    )
    files.write_json(Path(snakemake.output.run), run)
