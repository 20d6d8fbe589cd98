"""Upload models and artifacts so that a repeated call completes what is missing and sends nothing twice."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from snakeras.core.errors import UserError
from snakeras.tracking import connection, runs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo, LoggedModel, Run

# A model is found again by the first tag. The second tells its newest version from an earlier one.
MODEL_TAG, VERSION_TAG = "snakeras.model", "snakeras.key"


def upload_missing(
    list_folder: Callable[[str | None], "list[FileInfo]"], upload: Callable[[Path, str | None], None], local: Path
) -> None:
    """Upload each file below ``local`` whose copy is missing or has another size.

    ``list_folder`` returns the content of a folder of the destination (None: its root), nothing if it is not there.
    ``upload`` puts a file into such a folder, in place of one that is there.
    """
    for path, _, names in os.walk(local):
        if names:
            folder = None if Path(path) == local else Path(path).relative_to(local).as_posix()
            sizes = {Path(entry.path).name: entry.file_size for entry in list_folder(folder) if not entry.is_dir}
            for file in sorted(Path(path, name) for name in names):
                if sizes.get(file.name) != file.stat().st_size:
                    upload(file, folder)


def upload_artifacts(client: "MlflowClient", run_id: str, local: Path) -> None:
    """Upload the missing files of a folder as artifacts of a run."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    # client.list_artifacts shows the run's models as artifacts too, and looks for these in the global tracker.
    repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri, tracking_uri=client.tracking_uri)
    upload_missing(repository.list_artifacts, functools.partial(client.log_artifact, run_id), local)


def log_model(
    client: "MlflowClient",
    run: "Run",
    name: str,
    folder_for: Callable[[str], AbstractContextManager[Path]],
    *,
    identity: str | None = None,
    version: str = "",
    step: int = 0,
    tags: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
    model_type: str | None = None,
) -> str:
    """Create a model as an output of a run, or complete it, and return its id.

    Args:
        name: ``runs:/<run_id>/<name>`` is the newest model of this name.
        folder_for: Makes the folder to upload, given the id of the model; only called if something may be missing.
        identity: What the model is found again by: several of a run may have one name. None: the name.
        version: If the newest model of this identity is of another version, a new one is created.
        step: Of the model as an output of the run.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    run_id = run.info.run_id
    own_tags = {MODEL_TAG: identity or name, **({VERSION_TAG: version} if version else {})}
    model = connection.created_once(
        lambda: _newest(client, run, name, own_tags),
        lambda: client.create_logged_model(
            run.info.experiment_id, name, run_id, (tags or {}) | own_tags, params or {}, model_type
        ),
    )
    if model.status == LoggedModelStatus.READY:
        return model.model_id
    model_id = model.model_id
    list_folder, upload = client.list_logged_model_artifacts, client.log_model_artifact
    with folder_for(model_id) as local:
        upload_missing(functools.partial(list_folder, model_id), functools.partial(upload, model_id), local)
    # Before the model is ready: from then on it is left alone. SQL stores refuse the same output twice.
    connection.created_once(
        lambda: _is_output(client, run_id, model_id),
        lambda: client.log_outputs(run_id, [LoggedModelOutput(model_id, step)]),
    )
    client.finalize_logged_model(model_id, LoggedModelStatus.READY)
    return model_id


def _newest(client: "MlflowClient", run: "Run", name: str, tags: dict[str, str]) -> "LoggedModel | None":
    """Return the newest model of a run with this name and identity, if it is of this version."""
    experiments, condition = [run.info.experiment_id], f"source_run_id='{run.info.run_id}' AND name='{name}'"
    found = runs.pages(lambda token: client.search_logged_models(experiments, condition, page_token=token))
    same = [model for model in found if model.tags.get(MODEL_TAG) == tags[MODEL_TAG]]
    # By the id too: should two be created at the same moment, every call has to take the same one.
    newest = max(same, key=lambda model: (model.creation_timestamp, model.model_id), default=None)
    return newest if newest and newest.tags.get(VERSION_TAG) == tags.get(VERSION_TAG) else None


def _is_output(client: "MlflowClient", run_id: str, model_id: str) -> bool:
    outputs = client.get_run(run_id).outputs
    return model_id in {output.model_id for output in (outputs.model_outputs if outputs else [])}


def register(
    client: "MlflowClient",
    name: str,
    source: str,
    run_id: str,
    model_id: str | None,
    identity: str,
    tags: dict[str, str],
    description: str | None = None,
    key: str = "registered_model_name",
) -> str:
    """Register the files at ``source`` as a version of a model, once, and return the version's number.

    A version of the run is found again by its value of the tag ``identity``. Raise UserError, which begins with
    ``key``, if the name is not that of a model.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        # Another trial may have been faster.
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
        # A prompt may have the name, which then is no model's.
        try:
            client.get_registered_model(name)
        except MlflowException as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise UserError(f"{key}: {name} is on the tracker, but no model; expected another name") from None

    def find() -> str | None:
        # Not by name, which may contain quotes.
        versions = runs.pages(lambda token: client.search_model_versions(f"run_id='{run_id}'", page_token=token))
        same = (other for other in versions if (other.name, other.tags.get(identity)) == (name, tags[identity]))
        return next((other.version for other in same), None)

    def create() -> str:
        more = {"tags": tags, "description": description, "model_id": model_id, "await_creation_for": None}
        return client.create_model_version(name, source, run_id, **more).version

    return connection.created_once(find, create)


@contextmanager
def copied(folder: Path, model_id: str, run_id: str) -> Iterator[Path]:
    """Yield a copy of a model's folder whose MLmodel names another logged model, in the same bytes each time."""
    import yaml

    with TemporaryDirectory(prefix="snakeras-") as temporary:
        copy = Path(temporary, "model")
        if folder.is_dir():
            shutil.copytree(folder, copy)
        path = copy / "MLmodel"
        if path.exists():
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            document |= {"run_id": run_id, "model_id": model_id, "model_uuid": model_id}
            document["artifact_path"] = f"models:/{model_id}"
            path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        yield copy
