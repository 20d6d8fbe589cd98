"""Publish one trial to MLflow."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import connection, trial_run
from snakeras.tracking.redaction import redacting
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake), redacting():
    published = trial_run.publish_trial(
        tracking=connection.settings_of(snakemake.params),
        parent=files.read_json(Path(snakemake.input.search)),
        name=snakemake.params.name,
        record=Path(snakemake.input.trial),
        run_record=Path(snakemake.input.run_record),
        folder=Path(snakemake.input.model),
        manifest=next(map(Path, snakemake.input.data), None),
    )
    files.write_json(Path(snakemake.output.run), published)
