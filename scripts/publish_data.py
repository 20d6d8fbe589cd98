"""Store the prepared arrays on MFlux.ai."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import connection, mflux
from snakeras.tracking.redaction import redacting
from snakeras.workflow.job import job, mflux_token_file, mnist_folder

with job(snakemake) as terminal, redacting():
    tracking = snakemake.params.tracking
    with connection.explained(tracking):
        mflux.connect(mflux.token(mflux_token_file(snakemake)), tracking["mflux_host"])
        stored = mflux.put_dataset(Path(snakemake.input.data[0]), mnist_folder(snakemake), terminal)
    files.write_json(Path(snakemake.output.dataset), stored)
