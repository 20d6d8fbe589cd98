"""Publish one trial to MLflow, and with it those that wait too."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import connection, waiting_trials
from snakeras.tracking.redaction import redacting
from snakeras.workflow import stale_lock
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake), redacting():
    name = snakemake.params.name
    published = waiting_trials.publish_trial(
        tracking=connection.settings_of(snakemake.params),
        parent=files.read_json(Path(snakemake.input.search)),
        name=name,
        trial=snakemake.wildcards.trial,
        trials=Path(snakemake.input.trial).parent,
        manifest=next(map(Path, snakemake.input.data), None),
        waiting=stale_lock.waiting(name),
        published=stale_lock.published(name),
    )
    files.write_json(Path(snakemake.output.run), published)
