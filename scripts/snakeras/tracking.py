"""MLflow: the final model with its hyperparameters, metrics and curves as one run, however often it is published."""

import os
from pathlib import Path

from snakeras import files, history
from snakeras.errors import UserError, flat

MODEL_TAG = "snakeras.model_uri"
DIGEST_TAG = "snakeras.digest"
# How MLflow's UI and the tutorial call what Keras calls accuracy and val_accuracy.
SHORT_NAMES = {"accuracy": "acc", "val_accuracy": "val_acc"}
TIMEOUT = "10"  # seconds for one HTTP request to a tracker


def connect(uri: str) -> object:
    """Import MLflow, made to give up soon on a tracker that is away, and point it to ``uri``."""
    # Set before the import, which reads them. By default a dead tracker costs 247 s a call.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", TIMEOUT)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    mlflow.set_tracking_uri(uri)
    return mlflow


def log_final(name: str, tracking: dict, model: str, metrics: str, best: str, table: str) -> dict:
    """Publish the final model and register it under ``name``.

    The run is found again by a tag with the digest of what it holds: publishing twice gives one run.

    Parameters
    ----------
    tracking
        ``uri`` and ``experiment``.
    model, metrics, best, table
        Paths of ``model.keras``, ``metrics.json``, ``best.json`` and ``trials.csv``.

    Returns
    -------
    dict
        Where it is: ``tracking_uri``, ``experiment_id``, ``run_id``, ``model_uri`` (None without a model).

    Raises
    ------
    UserError
        When the tracker cannot be reached or refuses.
    """
    mlflow = connect(tracking["uri"])
    try:
        return _log_final(mlflow, name, tracking, Path(model), Path(metrics), Path(best), Path(table))
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise UserError(f"tracking.uri: {tracking['uri']} took no run ({flat(error)}); call again later") from error


def _log_final(mlflow: object, name: str, tracking: dict, model: Path, metrics: Path, best: Path, table: Path) -> dict:
    found, winner = files.read_json(metrics), files.read_json(best)
    digest = files.sha256_of([files.sha256_of_file(path) for path in (model, metrics, best, table)])
    experiment = mlflow.set_experiment(tracking["experiment"])
    client = mlflow.MlflowClient()
    runs = client.search_runs([experiment.experiment_id], f"tags.`{DIGEST_TAG}` = '{digest}'")
    where = {"tracking_uri": tracking["uri"], "experiment_id": experiment.experiment_id}
    for run in runs:
        if run.info.status == "FINISHED":
            return where | {"run_id": run.info.run_id, "model_uri": run.data.tags.get(MODEL_TAG)}

    # A run that was cut off half-way is gone on with, from what it has already.
    start = {"run_id": runs[0].info.run_id} if runs else {"run_name": f"{name} final"}
    with mlflow.start_run(**start) as run:
        mlflow.set_tags({DIGEST_TAG: digest, "snakeras.search": name, "snakeras.trial": str(winner["trial"])})
        mlflow.set_tags({key: str(value) for key, value in winner["hyperparameters"].items()})
        mlflow.log_params(winner["hyperparameters"])
        for key, values in _curves(found, winner).items():
            logged = {point.step for point in client.get_metric_history(run.info.run_id, key)}
            for step in set(range(len(values))) - logged:
                # Some metrics are not of every epoch.
                if values[step] is not None:
                    mlflow.log_metric(key, values[step], step=step)
        for path in (best, metrics, table):
            mlflow.log_artifact(str(path))
        uri = None
        # A script may train no model.
        if found["model"]:
            versions = client.search_model_versions(f"name='{name}' and run_id='{run.info.run_id}'")
            version = versions[0].version if versions else _log_model(mlflow, name, model)
            uri = f"models:/{name}/{version}"
            mlflow.set_tag(MODEL_TAG, uri)
    return where | {"run_id": run.info.run_id, "model_uri": uri}


def _curves(found: dict, winner: dict) -> dict[str, list[float]]:
    """Every metric by its name in MLflow, a value per step: those of the last fit per epoch, the others once."""
    once = {
        "test_accuracy": found["test_accuracy"],
        "test_loss": found["test_loss"],
        "final_loss": found["loss"],
        "search_val_accuracy": winner["val_accuracy"],
        "search_loss": winner["loss"],
    }
    curves = {key: [value] for key, value in once.items() if value is not None}
    for fit in found["fits"][-1:]:
        curves |= {SHORT_NAMES.get(key, key): history.decode(values) for key, values in fit["metrics"].items()}
    return curves


def _log_model(mlflow: object, name: str, path: Path) -> str:
    """Log and register a Keras model; returns the version registered."""
    import keras
    import mlflow.keras
    import numpy as np
    import tensorflow as tf
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    model = keras.models.load_model(path)

    def schema(tensors: list) -> Schema:
        return Schema([TensorSpec(np.dtype(tensor.dtype), (-1, *tensor.shape[1:])) for tensor in tensors])

    signature = None
    if len(model.inputs) == 1 and len(model.outputs) == 1:
        signature = ModelSignature(schema(model.inputs), schema(model.outputs))
    info = mlflow.keras.log_model(
        model,
        name="model",
        registered_model_name=name,
        signature=signature,
        # Named here, since MLflow would start a process to find them out.
        pip_requirements=[f"tensorflow=={tf.__version__}", f"keras=={keras.__version__}"],
    )
    return info.registered_model_version
