"""Publish the runs that a trial's script logged to MLflow by itself, as child runs of the trial's run.

They are copied as they are: nothing is renamed or merged.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from snakeras.core import files
from snakeras.model_file import mlflow_capture
from snakeras.tracking import logged_models, runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion

# Tags of a child run: its number within the trial, from 1 by the time of its start; the id of the trial's run; a digest
# of trial and search, which also finds the children of an earlier run of the same trial.
SCRIPT_RUN, TRIAL_RUN, SCRIPT_DIGEST = "snakeras.script_run", "snakeras.trial_run", "snakeras.script_digest"
# Not copied to a child run: it has others of its own, and "snakeras.trial" marks the trial's run alone.
LEFT_OUT = {"snakeras.trial", "mlflow.runName", "mlflow.log-model.history", SCRIPT_RUN, TRIAL_RUN, SCRIPT_DIGEST}
VERSION = "snakeras.version"  # tag of a registered version: its number in the script's own registry


def publish(client: "MlflowClient", trial_run: "Run", folder: Path) -> None:
    """Publish each run that a trial's script logged, in the trial's ``folder``, as a child run of the trial's run.

    Models and versions that belong to no run of the script are given to the trial's run itself.
    """
    import mlflow

    trial_id, experiment_id = trial_run.info.run_id, trial_run.info.experiment_id
    digest = files.sha256_of([trial_run.data.tags[runs.TRIAL_DIGEST], trial_run.data.tags[runs.PARENT]])
    children = _published(client, trial_run, digest)
    if not (folder / "mlflow").is_dir():
        return
    uri = mlflow_capture.store_uri(folder)
    log = _Log(mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri), folder / "mlflow")
    # By the run's id in the script's store.
    copies = {}
    for number, run in enumerate(log.runs, 1):
        # A nested run gets its own parent when all runs are there.
        tags = {SCRIPT_DIGEST: digest, TRIAL_RUN: trial_id, SCRIPT_RUN: str(number), runs.PARENT: trial_id}
        copies[run.info.run_id] = children.get(str(number)) or runs.find_or_create(
            client, experiment_id, run.info.run_name, tags, run.info.start_time
        )
    unfinished = [run for run in log.runs if copies[run.info.run_id].info.status == "RUNNING"]
    if not unfinished and trial_run.info.status != "RUNNING":
        return
    model_ids = {
        model.model_id: _log_model(client, log, model, copies.get(model.source_run_id, trial_run))
        for model in log.models
    }
    owners = {model.model_id: model.source_run_id for model in log.models}
    for version in log.versions:
        source, model_id = _source(client, log, version, copies, model_ids)
        if not source:
            print(f"version {version.version} of {version.name} is not registered: {version.source} was not logged")
            continue
        owner = copies.get(version.run_id or owners.get(version.model_id), trial_run)
        tags = _own_tags(version.tags) | {VERSION: str(version.version)}
        logged_models.register(
            client, version.name, source, owner.info.run_id, model_id, VERSION, tags, version.description
        )
    for run in unfinished:
        parent = copies.get(run.data.tags.get(runs.PARENT), trial_run)
        _copy(client, log, run, copies[run.info.run_id], parent.info.run_id, model_ids)


class _Log:
    """What a script logged: its runs, models and registered versions, in the order they were made.

    Artifacts are read from the folder: their addresses in the store name the place where the trial was computed.
    """

    def __init__(self, source: "MlflowClient", root: Path) -> None:
        self.source, self.root = source, root
        experiments = [experiment.experiment_id for experiment in source.search_experiments()]
        self.runs: list[Run] = sorted(
            runs.pages(lambda token: source.search_runs(experiments, page_token=token)),
            # A nested run may start in the same millisecond as its parent.
            key=lambda run: (run.info.start_time, runs.PARENT in run.data.tags, run.info.run_id),
        )
        self.models: list[LoggedModel] = sorted(
            runs.pages(lambda token: source.search_logged_models(experiments, page_token=token)),
            key=lambda model: (model.creation_timestamp, model.model_id),
        )
        self.versions: list[ModelVersion] = sorted(
            runs.pages(lambda token: source.search_model_versions(page_token=token)),
            key=lambda version: (version.name, int(version.version)),
        )

    def artifacts(self, run: "Run") -> Path:
        return self.root / run.info.experiment_id / run.info.run_id / "artifacts"


def _published(client: "MlflowClient", trial_run: "Run", digest: str) -> dict[str, "Run"]:
    """Return the child runs of a trial's run by their numbers.

    Delete those of an earlier run of the same trial, and a second one that another machine may have created.
    """
    children: dict[str, Run] = {}
    for run in runs.search(client, trial_run.info.experiment_id, {SCRIPT_DIGEST: digest}):
        number = run.data.tags[SCRIPT_RUN]
        if run.data.tags[TRIAL_RUN] != trial_run.info.run_id or number in children:
            client.delete_run(run.info.run_id)
        else:
            children[number] = run
    return children


def _copy(
    client: "MlflowClient", log: _Log, run: "Run", copy: "Run", parent_id: str, model_ids: dict[str, str]
) -> None:
    """Copy what a run holds, then end the copy."""
    run_id = copy.info.run_id
    tags = {key: value for key, value in run.data.tags.items() if key not in LEFT_OUT}
    runs.log_values(client, run_id, run.data.params, tags | {runs.PARENT: parent_id})
    if run.inputs and run.inputs.dataset_inputs:
        runs.log_datasets(client, run_id, run.inputs.dataset_inputs)
    logged_models.upload_artifacts(client, run_id, log.artifacts(run))
    runs.log_metrics(client, copy, _metrics(log, run, model_ids))
    client.set_terminated(run_id, run.info.status, run.info.end_time)


def _metrics(log: _Log, run: "Run", model_ids: dict[str, str]) -> Iterator[tuple]:
    """Yield all points of a run's metrics; as in the store, the last of a metric about a model names the model."""
    of_models = [point for model in log.models for point in model.metrics or []]
    about = {runs.point_key(point): point for point in of_models if point.run_id == run.info.run_id}
    for key in run.data.metrics:
        for point in log.source.get_metric_history(run.info.run_id, key):
            model_point = about.get(runs.point_key(point), point)
            more = model_ids.get(model_point.model_id), model_point.dataset_name, model_point.dataset_digest
            yield key, point.value, point.timestamp, point.step, *more


def _log_model(client: "MlflowClient", log: _Log, model: "LoggedModel", owner: "Run") -> str:
    """Log a script's model as an output of ``owner``, and return the new model's id."""
    outputs = [output for run in log.runs if run.outputs for output in run.outputs.model_outputs]
    local = log.root / model.experiment_id / "models" / model.model_id / "artifacts"
    return logged_models.log_model(
        client,
        owner,
        model.name,
        lambda model_id: logged_models.copied(local, model_id, owner.info.run_id),
        identity=model.model_id,
        step=next((output.step for output in outputs if output.model_id == model.model_id), 0),
        tags=_own_tags(model.tags),
        params=model.params,
        model_type=model.model_type,
    )


def _own_tags(tags: dict[str, str]) -> dict[str, str]:
    """Return tags without MLflow's."""
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.")}


def _source(
    client: "MlflowClient", log: _Log, version: "ModelVersion", copies: dict[str, "Run"], model_ids: dict[str, str]
) -> tuple[str | None, str | None]:
    """Return the address on the tracker of a version's files, None if they were not logged, and its model's id."""
    address = urlsplit(version.source)
    parts = [part for part in unquote(address.path).split("/") if part]
    logged = version.model_id or next((part for part in reversed(parts) if part in model_ids), None)
    if logged in model_ids:
        # Not models:/<id>, which a SQL store looks up in the global tracker.
        return client.get_logged_model(model_ids[logged]).artifact_location, model_ids[logged]
    for run in log.runs:
        # file:///.../<run>/artifacts/<folder> or runs:/<run>/<folder>
        if run.info.run_id in parts:
            inside = [part for part in parts[parts.index(run.info.run_id) + 1 :] if part != "artifacts"]
            if log.artifacts(run).joinpath(*inside).exists():
                return "/".join([copies[run.info.run_id].info.artifact_uri, *inside]), None
    return (None if address.scheme in ("", "file", "runs", "models") else version.source), None
