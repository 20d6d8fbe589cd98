"""Publish the final model to MLflow."""

from pathlib import Path

from snakeras import files, tracking
from snakeras.job import job
from snakeras.worker import call

with job(snakemake) as terminal:
    answer = call(
        tracking.log_final,
        {
            "name": snakemake.params.name,
            "tracking": snakemake.params.tracking,
            "model": snakemake.input.model,
            "metrics": snakemake.input.metrics,
            "best": snakemake.input.best,
            "table": snakemake.input.table,
        },
        log=Path(snakemake.log[0]),
        threads=1,
    )
    files.write_json(Path(snakemake.output.run), answer)
