"""Store the prepared arrays on MFlux.ai."""

from pathlib import Path

from snakeras import files, mflux, trackers
from snakeras.job import job, mflux_token_file, mnist_folder
from snakeras.redaction import redacting

with job(snakemake) as terminal, redacting():
    tracking = snakemake.params.tracking
    with trackers.explained(tracking):
        mflux.connect(mflux.token(mflux_token_file(snakemake)), tracking["mflux_host"])
        stored = mflux.put_dataset(Path(snakemake.input.data[0]), mnist_folder(snakemake), terminal)
    files.write_json(Path(snakemake.output.dataset), stored)
