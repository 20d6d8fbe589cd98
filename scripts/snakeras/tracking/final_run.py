"""Publish what a search found into its run, and register the final model."""

from pathlib import Path
from typing import TYPE_CHECKING

from snakeras.core import files
from snakeras.core.settings import TrackingSettings
from snakeras.search import trial_records
from snakeras.tracking import connection, logged_models, mflux, run_content, runs, saved_model, search_run, trial_run

if TYPE_CHECKING:
    from mlflow import MlflowClient

FINALS = "snakeras.finals"  # tag of the search's run and of versions of the model: digests of final models
CHAMPION = "champion"


def publish_final(
    tracking: TrackingSettings,
    parent: dict,
    name: str,
    best: Path,
    winner: Path,
    table: Path,
    metrics: Path,
    folder: Path,
    example: Path,
    run_record: Path,
    trials: Path,
    manifest: Path | None,
    config: dict,
    finalists: Path | None = None,
) -> dict:
    """Publish what a search found into its run, and register the final model.

    ``parent`` is what ``publish_search`` returned, and ``name``, ``trials``, ``manifest`` and ``config`` are as there.
    ``best``, ``winner``, ``table`` and ``finalists`` are ``best.json``, ``winner.json``, ``trials.csv`` and, where
    there are finalists, ``finalists.csv``; ``metrics``, ``example`` and ``run_record`` are files of the final model,
    which itself is in ``folder``. A final model of the same winner is no new version.

    Returns:
        dict: ``run_id``; ``model_id`` and ``model_uri`` (None without a model); ``best_run_id``, of the best trial;
            ``mflux_best_run_id`` if a model group is named.
    """
    found, ran, final = (files.read_json(path) for path in (best, run_record, metrics))
    # A script may train no model.
    model = final["model"] and folder / final["model"]
    client = connection.connect(tracking)
    run_id = parent["run_id"]
    with connection.explained(tracking), connection.locked(client.tracking_uri, run_id):
        digest = files.sha256_of([files.sha256_of_file(path) for path in (model, metrics, winner) if path])
        _log_values(client, parent, name, digest, found, final, ran)
        for path in filter(None, (best, table, finalists, metrics)):
            client.log_artifact(run_id, str(path))
        client.log_dict(run_id, config, "config.json")
        end = run_content.milliseconds(ran["finished"])
        model_id = model_uri = None
        if model:
            run = client.get_run(run_id)
            described = None if example.read_text().strip() == "null" else files.read_json(example)
            packages, estimator = found["provenance"]["packages"], ran.get("estimator")
            model_id = saved_model.log(client, run, model, packages, end, estimator, described, digest)
            registered, source = tracking.registered_model or name, f"models:/{model_id}"
            tags, key = {FINALS: digest}, "tracking.registered_model"
            version = logged_models.register(client, registered, source, run_id, model_id, FINALS, tags, key=key)
            client.set_registered_model_alias(registered, CHAMPION, str(version))
            model_uri = f"models:/{registered}/{version}"
        client.set_terminated(run_id, "FINISHED", end)
    if tracking.models == "best":
        tracking = tracking.model_copy(update={"models": "all"})
    number = trial_records.name(found["trial"])
    record, run_record, folder = trials / f"{number}.json", trials / f"{number}.run.json", trials / number
    best_run = trial_run.publish_trial(tracking, parent, name, record, run_record, folder, manifest)["run_id"]
    published = {"run_id": run_id, "model_id": model_id, "model_uri": model_uri, "best_run_id": best_run}
    group = tracking.mflux_model_group
    return published | ({"mflux_best_run_id": mflux.best_run(group)} if group else {})


def _log_values(
    client: "MlflowClient", parent: dict, name: str, digest: str, best: dict, final: dict, ran: dict
) -> None:
    """Log metrics and tags of the final model to the run of the search.

    MLflow cannot remove metrics: those of the second final model of a search are step 1 and have curves of their own.
    """
    run = search_run.existing(client, parent, name)
    published = run.data.tags.get(FINALS, "").split()
    if digest not in published:
        step, end = len(published), run_content.milliseconds(ran["finished"])
        single = {
            "test_accuracy": final["test_accuracy"],
            "test_loss": final["test_loss"],
            "final_objective": final["loss"],
            "best_val_acc": best["val_accuracy"],
            "best_objective": best["loss"],
        }
        single |= {f"finalists_{key}": best.get("chosen", {}).get(key) for key in ("mean", "std")}
        prefix = f"final {step + 1}/" if step else "final/"
        named = {run_content.valid_name(f"test_{name}"): value for name, value in final.get("test_metrics", {}).items()}
        single = named | {name: value for name, value in single.items() if value is not None}
        points = run_content.points(single, end, step)
        points += run_content.curves(final["fits"], ran.get("epochs_ended", []), end, prefix)
        runs.log_metrics(client, run, points)
        published.append(digest)
    tags = run_content.as_tags(run_content.hyperparameters(best["hyperparameters"])) | {
        "snakeras.best_trial": str(best["trial"]),
        "snakeras.status": "completed",
        "snakeras.skipped_trials": str(best["trials"].get("skipped", 0)),
        FINALS: " ".join(published),
        **run_content.commit(ran),
    }
    runs.log_values(client, run.info.run_id, {}, tags)
