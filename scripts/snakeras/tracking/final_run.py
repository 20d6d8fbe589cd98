"""Publish what a search found into its run, and register the final model."""

from pathlib import Path
from typing import TYPE_CHECKING

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.search import trial_records
from snakeras.tracking import connection, keras_model, mflux, run_values, runs, search_run, trial_run

if TYPE_CHECKING:
    from mlflow import MlflowClient

FINALS = "snakeras.finals"  # tag of the search's run and of versions of the model: digests of final models
CHAMPION = "champion"


def publish_final(
    tracking: TrackingSettings,
    parent: dict,
    name: str,
    best: Path,
    table: Path,
    metrics: Path,
    model: Path,
    example: Path,
    run_record: Path,
    trials: Path,
    manifest: Path | None,
    config: dict,
) -> dict:
    """Publish what a search found into its run, and register the final model.

    Parameters
    ----------
    parent, name, trials, manifest, config
        As for ``publish_search``, and what it returned.
    best, table
        ``best.json`` and ``trials.csv``.
    metrics, model, example, run_record
        Files of the final model.

    Returns
    -------
    dict
        ``run_id``; ``model_id`` and ``model_uri`` (None without a model); ``best_run_id``, of the best trial;
        ``mflux_best_run_id`` if a model group is named.
    """
    winner, ran = files.read_json(best), files.read_json(run_record)
    client = connection.connect(tracking)
    run_id = parent["run_id"]
    with connection.explained(tracking), connection.locked(client.tracking_uri, run_id):
        digest = files.sha256_of([files.sha256_of_file(path) for path in (model, metrics, best)])
        _log_values(client, parent, name, digest, winner, files.read_json(metrics), ran)
        for path in (best, table, metrics):
            client.log_artifact(run_id, str(path))
        runs.log_json(client, run_id, config, "config.json")
        end = run_values.milliseconds(ran["finished"])
        model_id = model_uri = None
        # A script may train no model.
        if files.read_json(metrics)["model"]:
            run = client.get_run(run_id)
            described = None if example.read_text().strip() == "null" else files.read_json(example)
            model_id = keras_model.log(client, run, model, winner["provenance"]["packages"], end, described, digest)
            model_uri = _register(client, tracking.registered_model or name, model_id, run_id, digest)
        client.set_terminated(run_id, "FINISHED", end)
    best_run = _publish_best(tracking, parent, name, trials, winner["trial"], manifest)
    published = {"run_id": run_id, "model_id": model_id, "model_uri": model_uri, "best_run_id": best_run}
    if tracking.mflux_model_group:
        published["mflux_best_run_id"] = mflux.best_run(tracking.mflux_model_group)
    return published


def _log_values(
    client: "MlflowClient", parent: dict, name: str, digest: str, winner: dict, final: dict, ran: dict
) -> None:
    """Log metrics and tags of the final model to the run of the search.

    MLflow cannot remove metrics: those of the second final model of a search are step 1 and have curves of their own.
    """
    from mlflow.entities import Metric

    run = search_run.existing(client, parent, name)
    published = run.data.tags.get(FINALS, "").split()
    if digest not in published:
        step, end = len(published), run_values.milliseconds(ran["finished"])
        single = {
            "test_accuracy": final["test_accuracy"],
            "test_loss": final["test_loss"],
            "final_objective": final["loss"],
            "best_val_acc": winner["val_accuracy"],
            "best_objective": winner["loss"],
        }
        prefix = f"final {step + 1}/" if step else "final/"
        points = run_values.points(single, end, step)
        points += run_values.curves(final["fits"], ran.get("epochs_ended", []), end, prefix)
        runs.log_metrics(client, run, [Metric(*point) for point in points])
        published.append(digest)
    tags = run_values.as_tags(run_values.hyperparameters(winner["hyperparameters"])) | {
        "snakeras.best_trial": str(winner["trial"]),
        "snakeras.status": "completed",
        FINALS: " ".join(published),
        **run_values.commit(ran),
    }
    runs.log_values(client, run.info.run_id, {}, tags)


def _publish_best(
    tracking: TrackingSettings, parent: dict, name: str, trials: Path, trial: int, manifest: Path | None
) -> str:
    """Return the id of the best trial's run, published with its model unless ``tracking.models`` is ``none``."""
    if tracking.models == "best":
        tracking = tracking.model_copy(update={"models": "all"})
    number = trial_records.name(trial)
    record, run_record, folder = trials / f"{number}.json", trials / f"{number}.run.json", trials / number
    return trial_run.publish_trial(tracking, parent, name, record, run_record, folder, manifest)["run_id"]


def _register(client: "MlflowClient", name: str, model_id: str, run_id: str, digest: str) -> str:
    """Register a final model once, make it the champion, and return the address of its version."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        # A prompt may have the name, which then is no model's.
        try:
            client.get_registered_model(name)
        except MlflowException as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise UserError(
                f"tracking.registered_model: {name} is on the tracker, but no model; expected another name"
            ) from None

    def find() -> str | None:
        # Not by name, which may contain quotes.
        versions = client.search_model_versions(f"run_id='{run_id}'")
        same = (found.version for found in versions if (found.name, found.tags.get(FINALS)) == (name, digest))
        return next(same, None)

    def create() -> str:
        tags = {FINALS: digest}
        return client.create_model_version(name, f"models:/{model_id}", run_id, tags=tags, model_id=model_id).version

    version = connection.created_once(find, create)
    client.set_registered_model_alias(name, CHAMPION, str(version))
    return f"models:/{name}/{version}"
