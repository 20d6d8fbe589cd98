"""The run of a search: the parent of its trials' runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings, TrialSettings
from snakeras.search import provenance, trial_records
from snakeras.search.samplers import algorithms
from snakeras.tracking import connection, run_content, runs
from snakeras.tracking.redaction import redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# The settings that the run shows as parameters.
PARAMETERS = (
    "algo",
    "startup_trials",
    "startup",
    "parallelism",
    "seed",
    "epochs",
    "train_samples",
    "threads",
    "precision",
)


def publish_search(
    tracking: TrackingSettings,
    name: str,
    sources: list[Path],
    search: TrialSettings,
    data: dict,
    manifest: Path | None,
    trials: Path,
    began: float,
    config: dict,
) -> dict:
    """Create the run of a search, or find it; return ``tracking_uri``, ``experiment_id`` and ``run_id``.

    Raise UserError if the tracker cannot be reached, refuses, or is older than MLflow 3.

    Args:
        sources, search, data, manifest: What determines the search, as for ``provenance.determined_by``: another of
            these is another search.
        trials: Folder of the trials, some of which may have ended before.
        began: When this call of the workflow began, in seconds since 1970.
        config: The whole configuration, kept as an artifact.
    """
    determined_by = provenance.determined_by(sources, search.model_dump(mode="json"), data, manifest)
    digest = files.sha256_of([name, determined_by])
    client = connection.connect(tracking)
    with connection.explained(tracking), connection.locked(client.tracking_uri, digest):
        experiment_id = _experiment(client, tracking.experiment or name)
        # A tracker older than MLflow 3 does not know this call: so this job fails, and not each of the trials' too.
        client.search_logged_models([experiment_id], max_results=1)
        start = _start(trials, search.parallelism, began)
        run_id = runs.find_or_create(client, experiment_id, name, {runs.SEARCH_DIGEST: digest}, start).info.run_id
        tags = {
            "snakeras.search": name,
            "snakeras.model": str(sources[0]),
            "snakeras.status": "search",
            "mlflow.source.name": str(sources[0]),
            "mlflow.note.content": f"Hyperas search {name} of {sources[0]}. Its trials are the runs below.",
        }
        settings = {key: getattr(search, key) for key in PARAMETERS}
        parameters = {key: str(value) for key, value in settings.items() if value is not None}
        if search.algo_options:
            parameters["algo_options"] = json.dumps(search.algo_options, sort_keys=True)
        tags |= {f"snakeras.packages.{name}": version for name, version in algorithms.versions(search).items()}
        runs.log_values(client, run_id, parameters, tags)
        client.log_dict(run_id, config, "config.json")
    return {"tracking_uri": redacted(client.tracking_uri), "experiment_id": experiment_id, "run_id": run_id}


def existing(client: "MlflowClient", search_run: dict, name: str) -> "Run":
    """Return the run of a search. Raise UserError if it, its experiment or the database was deleted meanwhile."""
    from mlflow.exceptions import MlflowException

    run = None
    try:
        run = client.get_run(search_run["run_id"])
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    if run is None or run.info.lifecycle_stage == "deleted":
        raise UserError(
            f"results/{name}/tracking: the run of the search, {search_run['run_id']}, is no longer on the tracker; "
            "delete this folder to publish the search anew"
        )
    return run


def _start(trials: Path, parallelism: int, began: float) -> int:
    """Return when a search started, in milliseconds since 1970.

    That is just before the first of the trials that wait for no other, so that a list by time begins with the search.
    """
    paths = [trials / f"{trial_records.name(trial)}.run.json" for trial in range(parallelism)]
    starts = [run_content.milliseconds(files.read_json(path)["started"]) for path in paths if path.exists()]
    return min([round(1000 * began), *(start - 1 for start in starts)])


def _experiment(client: "MlflowClient", name: str) -> str:
    """Return the id of an experiment, created if need be."""

    def find() -> str | None:
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            return None
        if experiment.lifecycle_stage == "deleted":
            raise UserError(
                f"tracking.experiment: {name} is deleted on the tracker, expected one that is not; restore it (mlflow "
                f"experiments restore -x {experiment.experiment_id}) or name another"
            )
        if lost := _lost_artifacts(client.tracking_uri, experiment.artifact_location):
            raise UserError(
                f"tracking.uri: {client.tracking_uri} has its artifacts in {lost}, which is not there: MLflow keeps "
                "absolute addresses, so a folder that was moved has to be published anew; delete the database, then "
                "give snakemake --forcerun publish_search"
            )
        return experiment.experiment_id

    location = _artifact_location(client.tracking_uri, name)
    return connection.created_once(find, lambda: client.create_experiment(name, location))


def _artifact_location(uri: str, experiment: str) -> str | None:
    """Return where to keep artifacts: beside an SQLite database, None (the tracker's choice) for another tracker."""
    database = uri.removeprefix("sqlite:///")
    if database == uri:
        return None
    folder = Path(database.partition("?")[0]).absolute().parent / "mlruns" / quote(experiment, safe=" ")
    return folder.as_uri()


def _lost_artifacts(uri: str, location: str) -> Path | None:
    """Return the artifact folder of an SQLite database if it is missing and not beside the database, else None."""
    beside = _artifact_location(uri, "")
    if beside is None or urlsplit(location).scheme not in ("", "file"):
        return None
    expected, folder = (Path(unquote(urlsplit(address).path)) for address in (beside, location))
    return None if folder.is_relative_to(expected) or folder.exists() else folder
