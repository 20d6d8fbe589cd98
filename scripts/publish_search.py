"""Make the MLflow run of the search."""

from pathlib import Path

from snakeras.core import files
from snakeras.process import lifetime
from snakeras.tracking import publishing
from snakeras.tracking.redaction import redacting
from snakeras.workflow.job import job, mflux_token_file

with job(snakemake), redacting():
    opened = publishing.open_search(
        settings=snakemake.params.tracking,
        token_file=mflux_token_file(snakemake),
        name=snakemake.params.name,
        sources=[Path(source) for source in snakemake.input.model],
        search=snakemake.params.search,
        data=snakemake.params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        config=snakemake.config,
        trials=Path(snakemake.params.trials),
        began=lifetime.snakemake_started(),
    )
    files.write_json(Path(snakemake.output.search), opened)
