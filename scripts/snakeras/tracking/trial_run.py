"""Publish a trial as one run below the run of its search, from the trial's files alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from snakeras.core import files
from snakeras.core.settings import TrackingSettings
from snakeras.search import trial_records
from snakeras.tracking import connection, run_content, runs, saved_model, script_runs, search_run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

DIGEST_LENGTH = 36  # MLflow's limit for the digest of a dataset


def publish_trial(
    tracking: TrackingSettings,
    parent: dict,
    name: str,
    record: Path,
    run_record: Path,
    folder: Path,
    manifest: Path | None,
) -> dict:
    """Publish a trial as one run, and below it the runs that its script logged; raise UserError as ``connection`` does.

    ``parent`` is what ``publish_search`` returned. ``record`` and ``run_record`` are the trial's two JSON files;
    ``folder`` has the trained model and what the script logged. Return ``run_id`` (None for a skipped trial, which gets
    no run), and ``model_id`` (None without a model).
    """
    trial, ran = trial_records.read(record), files.read_json(run_record)
    if trial["status"] == "skipped":
        return {"run_id": None, "model_id": None}
    client = connection.connect(tracking)
    with connection.explained(tracking), connection.locked(client.tracking_uri, trial["digest"]):
        search_run.existing(client, parent, name)
        values = run_content.of_trial(name, trial, ran)
        run = _find_or_create(client, parent, trial, ran, values)
        run_id = run.info.run_id
        # A run that has ended has them.
        if run.info.status == "RUNNING":
            runs.log_metrics(client, run, values.metrics)
        runs.log_values(client, run_id, values.parameters, values.tags)
        runs.log_datasets(client, run_id, [_dataset(trial, ran, manifest)])
        client.log_artifact(run_id, str(record))
        script_runs.publish(client, run, folder)
        model_id, model = None, next((folder / name for name in saved_model.FILES if (folder / name).is_file()), None)
        if tracking.models == "all" and model:
            packages = trial["determined_by"]["packages"]
            model_id = saved_model.log(client, run, model, packages, values.end, ran.get("estimator"))
        client.set_terminated(run_id, values.status, values.end)
    return {"run_id": run_id, "model_id": model_id}


def _find_or_create(
    client: "MlflowClient", parent: dict, trial: dict, ran: dict, values: run_content.RunValues
) -> "Run":
    """Return the run of a trial; one of the same trial with another outcome or other times is deleted."""
    experiment_id = parent["experiment_id"]
    tags = {runs.TRIAL_DIGEST: trial["digest"], runs.PARENT: parent["run_id"]}
    content = files.sha256_of([trial["checksum"], ran])
    run = runs.find(client, experiment_id, tags)
    if run and run.data.tags.get(runs.CONTENT) == content:
        return run
    if run:
        client.delete_run(run.info.run_id)
    return runs.find_or_create(client, experiment_id, values.name, tags | {runs.CONTENT: content}, values.start)


def _dataset(trial: dict, ran: dict, manifest: Path | None) -> "DatasetInput":
    """Return the data of a trial as MLflow's input of a run: name, digest, shapes and types; no array is read."""
    import mlflow.data
    import numpy as np
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.entities import DatasetInput, InputTag

    if manifest:
        prepared = files.read_json(manifest)
        name, digest, source = prepared["dataset"], prepared["digest"], prepared["folder"]
        entries = {key: entry for key, entry in prepared["arrays"].items() if "test" not in key}
    else:
        name, digest, source = "data function", files.sha256_of(trial["determined_by"]["model"]), "the model file"
        entries = ran.get("data") or {}
    # Arrays of any shape that take no memory.
    arrays = {key: np.broadcast_to(np.zeros((), entry["dtype"]), entry["shape"]) for key, entry in entries.items()}
    source = CodeDatasetSource({"mlflow.source.name": source})
    dataset = mlflow.data.from_numpy(arrays, source=source, name=name, digest=digest[:DIGEST_LENGTH])
    return DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", "search")])
