"""Publish what the search found, and the final model, to MLflow."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import connection, final_run, mflux
from snakeras.tracking.redaction import redacting
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal, redacting():
    params = snakemake.params
    tracking = connection.settings_of(params)
    published = final_run.publish_final(
        tracking=tracking,
        parent=files.read_json(Path(snakemake.input.search)),
        name=params.name,
        best=Path(snakemake.input.best),
        winner=Path(snakemake.input.winner),
        table=Path(snakemake.input.table),
        metrics=Path(snakemake.input.metrics),
        folder=Path(snakemake.input.model),
        example=Path(snakemake.input.example),
        run_record=Path(snakemake.input.run_record),
        trials=Path(params.trials),
        manifest=next(map(Path, snakemake.input.data), None),
        config=params.config,
        finalists=next(map(Path, snakemake.input.finalists), None),
    )
    if line := mflux.other_best_run(tracking.mflux_model_group, published):
        print(line, file=terminal)
    files.write_json(Path(snakemake.output.run), published)
