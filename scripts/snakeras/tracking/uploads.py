"""Uploading to a tracker so that a second call completes what an earlier one left unfinished, and repeats nothing."""

import functools
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from snakeras.tracking import connection

if TYPE_CHECKING:
    from mlflow.entities import FileInfo, LoggedModel
    from mlflow.tracking import MlflowClient

# A model is found again by its name in this tag: what a script logs under the same name is another.
MODEL_TAG, KEY_TAG = "snakeras.model", "snakeras.key"


def upload_missing(
    list_: Callable[[str | None], "list[FileInfo]"],
    log: Callable[[Path, str | None], None],
    local: Path,
    to: str = "",
) -> None:
    """Upload each file below a folder that is not at its destination with the same size yet.

    Parameters
    ----------
    list_
        Lists a folder of the destination (None: its root), an absent one as empty. Called once a folder.
    log
        Uploads a file into a folder of the destination (None: its root), over one that is there.
    local
        The folder; empty folders in it are left out.
    to
        The folder of the destination that stands for ``local``.
    """
    folders: dict[str, list[Path]] = {}
    for file in sorted(Path(local).rglob("*")):
        if file.is_file():
            folder = file.parent.relative_to(local).as_posix()
            folders.setdefault("/".join(part for part in (to, folder) if part not in ("", ".")), []).append(file)
    for folder, files in folders.items():
        there = {Path(found.path).name: found.file_size for found in list_(folder or None) if not found.is_dir}
        for file in files:
            if there.get(file.name) != file.stat().st_size:
                log(file, folder or None)


def run_artifacts(client: "MlflowClient", run_id: str, local: Path, to: str = "") -> None:
    """Upload what is missing of a folder into the artifacts of a run.

    Parameters
    ----------
    client
        Of the tracker.
    run_id
        The run's.
    local, to
        As in ``upload_missing``.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # Not client.list_artifacts, which shows models of the run as if they were its artifacts, and looks for these in
    # the tracker of mlflow.set_tracking_uri.
    repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri, tracking_uri=client.tracking_uri)
    upload_missing(repository.list_artifacts, functools.partial(client.log_artifact, run_id), local, to)


def logged_model(
    client: "MlflowClient",
    experiment_id: str,
    run_id: str,
    name: str,
    local: Path | Callable[[str], Path],
    tags: dict[str, str],
    params: dict[str, str],
    model_type: str | None = None,
    step: int = 0,
    key: str = "",
    artifacts: str | None = None,
) -> str:
    """Have a run's model of this name on the tracker, whole, ready, and an output of the run.

    Parameters
    ----------
    client
        Of the tracker.
    experiment_id, run_id
        Where the model belongs.
    name
        The model's: ``runs:/<run_id>/<name>`` loads it, the newest of several.
    local
        Its folder, uploaded as it is; or a function that gives the folder for the id of the model ("": see below). The
        function is called only if something may be missing.
    tags, params, model_type
        Given to a model that is not there yet.
    step
        Of the output of the run.
    key
        Tells models of one name apart; if the newest has another, one more is made.
    artifacts
        The folder of the run's artifacts for an old tracker; None: ``name``.

    Returns
    -------
    str
        The model's id. "" where the tracker is older than MLflow 3, which has no such models: the folder then is among
        the run's artifacts, and ``runs:/<run_id>/<name>`` loads it too.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.exceptions import MlflowException

    give = local if callable(local) else lambda _model_id: local
    try:
        model = connection.made_once(
            lambda: _found(client, experiment_id, run_id, name, key),
            lambda: client.create_logged_model(
                experiment_id,
                name,
                run_id,
                {**tags, MODEL_TAG: name, **({KEY_TAG: key} if key else {})},
                params,
                model_type,
            ),
        )
    except MlflowException as error:
        if not unknown_endpoint(error):
            raise
        run_artifacts(client, run_id, give(""), artifacts or name)
        return ""
    if model.status == LoggedModelStatus.READY:
        return model.model_id
    upload_missing(
        functools.partial(client.list_logged_model_artifacts, model.model_id),
        functools.partial(client.log_model_artifact, model.model_id),
        give(model.model_id),
    )
    # Before the model is ready, since a ready one is looked at no more. SQL stores refuse the same output twice.
    connection.made_once(
        lambda: _is_output(client, run_id, model.model_id),
        lambda: client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step)]),
    )
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return model.model_id


def _found(client: "MlflowClient", experiment_id: str, run_id: str, name: str, key: str) -> "LoggedModel | None":
    models: Iterable[LoggedModel] = client.search_logged_models(
        [experiment_id], f"source_run_id='{run_id}' AND name='{name}'"
    )
    ours = [model for model in models if model.tags.get(MODEL_TAG) == name]
    # Should two have been made at the same time, every call takes the same.
    newest = max(ours, key=lambda model: (model.creation_timestamp, model.model_id), default=None)
    return newest if newest and newest.tags.get(KEY_TAG, "") == key else None


def _is_output(client: "MlflowClient", run_id: str, model_id: str) -> bool:
    outputs = client.get_run(run_id).outputs
    return model_id in {output.model_id for output in (outputs.model_outputs if outputs else [])}


def unknown_endpoint(error: Exception) -> bool:
    """Whether a tracker refused a call because it is too old to know it.

    MLflow raises RestException for what a tracker answers in JSON, and plain MlflowException for the HTML page of an
    address that it does not have; both tell by their code.

    Parameters
    ----------
    error
        What the call raised.
    """
    return getattr(error, "error_code", None) == "ENDPOINT_NOT_FOUND"


def readdressed(folder: Path, into: Path, model_id: str, run_id: str) -> None:
    """Copy a model's folder for another model: its MLmodel names that, in the same bytes at each attempt.

    Parameters
    ----------
    folder
        The model's folder.
    into
        The copy, not there yet.
    model_id
        Of the other model; "" where it is an artifact of a run.
    run_id
        Of the other model's run.
    """
    import yaml

    shutil.copytree(folder, into)
    path = Path(into) / "MLmodel"
    if not path.exists():
        return
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    # MLflow writes the last two beside the id: they are of the old place.
    for key in ("model_id", "model_uuid", "artifact_path"):
        document.pop(key, None)
    document["run_id"] = run_id
    if model_id:
        document |= {"model_id": model_id, "model_uuid": model_id, "artifact_path": f"models:/{model_id}"}
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
