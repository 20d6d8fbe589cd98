"""Publish what the search found, and the final model, to MLflow."""

from pathlib import Path

from snakeras.core import files
from snakeras.tracking import mflux, publishing
from snakeras.tracking.redaction import redacting
from snakeras.workflow.job import job, mflux_token_file

with job(snakemake) as terminal, redacting():
    tracking = snakemake.params.tracking
    published = publishing.publish_final(
        settings=tracking,
        token_file=mflux_token_file(snakemake),
        opened=files.read_json(Path(snakemake.input.search)),
        name=snakemake.params.name,
        best=Path(snakemake.input.best),
        table=Path(snakemake.input.table),
        metrics=Path(snakemake.input.metrics),
        model=Path(snakemake.input.model),
        example=Path(snakemake.input.example),
        happened=Path(snakemake.input.happened),
        trials=Path(snakemake.params.trials),
        manifest=next(map(Path, snakemake.input.data), None),
        config=snakemake.config,
    )
    if tracking["mflux_model_group"]:
        published["mflux_best_run_id"] = mflux.best_run(tracking["mflux_model_group"])
        if published["mflux_best_run_id"] != published["best_run_id"]:
            there = published["mflux_best_run_id"] or "not known yet"
            print(
                f"tracking.mflux_model_group: the best run of {tracking['mflux_model_group']!r} on MFlux.ai is "
                f"{there}, the best trial of this search is run {published['best_run_id']}",
                file=terminal,
            )
    files.write_json(Path(snakemake.output.run), published)
