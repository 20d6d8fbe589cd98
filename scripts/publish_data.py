"""Store the prepared arrays on MFlux.ai."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import connection, mflux
from snakeras.tracking.redaction import redacting
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal, redacting():
    tracking = connection.settings_of(snakemake.params)
    with connection.explained(tracking):
        mflux.connect(mflux.token(tracking.mflux_token_file), tracking.mflux_host)
        mnist_folder = snakemake.params.job["mnist_folder"]
        stored = mflux.put_dataset(Path(snakemake.input.data[0]), mnist_folder, terminal)
    files.write_json(Path(snakemake.output.dataset), stored)
