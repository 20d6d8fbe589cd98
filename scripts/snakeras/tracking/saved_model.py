"""Log a saved model to MLflow, as a folder that MLflow loads and serves, without importing TensorFlow.

``mlflow.keras.save_model`` imports TensorFlow, and takes 6 s to find the packages that the model needs; they are known.
The file of a scikit-learn estimator need not be loaded either.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from snakeras.search import trial_records
from snakeras.tracking import logged_models

if TYPE_CHECKING:
    import numpy as np
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.models import Model, ModelSignature

# As mlflow.sklearn names it.
PICKLE = "model.pkl"
# Of a Keras model.
NEEDED = ("keras", "numpy", "tensorflow")
ENVIRONMENTS = {"conda_env": "conda.yaml", "python_env": "python_env.yaml"}
NAME = "model"  # of a run's trained model: runs:/<run_id>/model
KERAS, _ = FILES = ("model.keras", "model.joblib")  # by ``kept_models``


def log(
    client: "MlflowClient",
    run: "Run",
    model: Path,
    packages: dict[str, str],
    created: int,
    estimator: dict | None = None,
    example: dict | None = None,
    version: str = "",
) -> str:
    """Log a file of a model as the model of a run, unless it is there, and return the model's id.

    ``packages``, ``estimator`` and ``example`` are as for ``folder``, ``created`` in milliseconds since 1970. A run's
    model of another ``version`` is another model.
    """
    utc = datetime.datetime.fromtimestamp(created / 1000, datetime.UTC).replace(tzinfo=None).isoformat()
    return logged_models.log_model(
        client,
        run,
        NAME,
        lambda model_id: folder(model, packages, utc, run.info.run_id, model_id, estimator, example),
        version=version,
    )


@contextmanager
def folder(
    model: Path,
    packages: dict[str, str],
    created: str,
    run_id: str,
    model_id: str,
    estimator: dict | None = None,
    example: dict | None = None,
) -> Iterator[Path]:
    """Yield a temporary folder in the form of ``save_model`` of ``mlflow.keras`` or ``mlflow.sklearn``.

    The same arguments give the same files.

    Args:
        model: One of ``FILES``.
        packages: Versions by name, at least of Keras.
        created: When the model was made, in ISO 8601.
        estimator: Of an estimator, as the run record has it: ``packages`` and ``predicts``.
        example: What the model takes and gives, as in ``final/example.json``; None: no signature and no example.
    """
    import mlflow
    import mlflow.models
    import yaml
    from mlflow.models.utils import _save_example
    from mlflow.utils.environment import _mlflow_conda_env, _PythonEnv

    document = mlflow.models.Model(
        run_id=run_id,
        utc_time_created=created,
        model_id=model_id,
        model_uuid=model_id,
        artifact_path=f"models:/{model_id}",
    )
    needed = estimator["packages"] if estimator else {name: packages[name] for name in NEEDED if name in packages}
    requirements = [f"mlflow=={mlflow.__version__}", *(f"{name}=={version}" for name, version in needed.items())]
    with TemporaryDirectory(prefix="snakeras-") as name:
        path = Path(name)
        if estimator:
            _add_estimator(document, path, model, estimator)
        else:
            _add_keras(document, path, model, packages)
        if example:
            document.signature = _signature(example)
            if example["example"] is not None:
                _save_example(document, _arrays(example), str(path))
        document.model_size_bytes = model.stat().st_size
        document.save(path / "MLmodel")
        conda = _mlflow_conda_env(additional_pip_deps=requirements, install_mlflow=False)
        (path / "conda.yaml").write_text(yaml.safe_dump(conda, default_flow_style=False))
        (path / "requirements.txt").write_text("\n".join(requirements))
        _PythonEnv.current().to_yaml(path / "python_env.yaml")
        yield path


def _add_keras(document: "Model", path: Path, model: Path, packages: dict[str, str]) -> None:
    from mlflow import pyfunc

    data = path / "data"
    data.mkdir()
    (data / KERAS).symlink_to(model.absolute())
    (data / "keras_module.txt").write_text("keras")
    keras = {"keras_version": packages["keras"], "keras_backend": "tensorflow"}
    document.add_flavor("keras", data=data.name, save_exported_model=False, **keras)
    pyfunc.add_to_model(document, loader_module="mlflow.keras", **ENVIRONMENTS)


def _add_estimator(document: "Model", path: Path, model: Path, estimator: dict) -> None:
    from mlflow import pyfunc

    (path / PICKLE).symlink_to(model.absolute())
    version = estimator["packages"]["scikit-learn"]
    document.add_flavor("sklearn", pickled_model=PICKLE, sklearn_version=version, serialization_format="cloudpickle")
    if estimator["predicts"]:
        more = {"model_path": PICKLE, "predict_fn": "predict"}
        pyfunc.add_to_model(document, loader_module="mlflow.sklearn", **more, **ENVIRONMENTS)


def _signature(example: dict) -> "ModelSignature":
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(tensors: list[dict]) -> Schema:
        specs = []
        for tensor in tensors:
            shape = (-1, *(-1 if size is None else size for size in tensor["shape"][1:]))
            # MLflow wants a name for each of several tensors; a single one is served without its name.
            specs.append(TensorSpec(_dtype(tensor), shape, tensor["name"] if len(tensors) > 1 else None))
        return Schema(specs)

    return ModelSignature(schema(example["inputs"]), schema(example["outputs"]))


def _dtype(tensor: dict) -> "np.dtype":
    import numpy as np

    # TensorFlow converts what a model takes and gives.
    return np.dtype({"bfloat16": "float32", "string": "str"}.get(tensor["dtype"], tensor["dtype"]))


def _arrays(example: dict) -> "np.ndarray | dict[str, np.ndarray]":
    """Return the example of what a model takes: an array, or several by name."""
    import numpy as np

    arrays = {
        tensor["name"]: np.array(trial_records.decode(rows), dtype=_dtype(tensor))
        for tensor, rows in zip(example["inputs"], example["example"], strict=True)
    }
    return arrays if len(arrays) > 1 else next(iter(arrays.values()))
