"""A saved Keras model as a folder that MLflow loads and serves, made without TensorFlow.

``mlflow.keras.save_model`` would import it, and find out for 6 s which packages the model needs; they are known.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from snakeras.search import trial_records

DATA = "data"
# As mlflow.keras names them.
FLAVOR, MODEL_FILE, MODULE_FILE = "keras", "model.keras", "keras_module.txt"


@contextmanager
def folder(
    model: Path, packages: dict[str, str], created: str, run_id: str, model_id: str, example: dict | None = None
) -> Iterator[Path]:
    """A temporary folder in the form of ``mlflow.keras.save_model``. The same arguments give the same files.

    Parameters
    ----------
    model
        A ``.keras`` file.
    packages
        Versions by name, at least of keras, numpy and tensorflow.
    created
        When the model was made, in ISO 8601.
    run_id, model_id
        Of the MLflow run and logged model that it belongs to; a tracker may know no such models ("").
    example
        What the model takes and gives, by ``final.described``; None: no signature and no example.
    """
    import mlflow
    import mlflow.models
    import yaml
    from mlflow import pyfunc
    from mlflow.utils.environment import _mlflow_conda_env, _PythonEnv

    own = {"model_id": model_id, "model_uuid": model_id, "artifact_path": f"models:/{model_id}"} if model_id else {}
    document = mlflow.models.Model(run_id=run_id, utc_time_created=created, **({"model_uuid": run_id} | own))
    requirements = [f"{name}=={packages[name]}" for name in ("keras", "numpy", "tensorflow") if name in packages]
    requirements.insert(0, f"mlflow=={mlflow.__version__}")
    with TemporaryDirectory(prefix="snakeras-") as name:
        path = Path(name)
        (path / DATA).mkdir()
        _link(model, path / DATA / MODEL_FILE)
        (path / DATA / MODULE_FILE).write_text("keras")
        if example:
            document.signature = _signature(example)
            _add_example(document, example, path)
        document.add_flavor(
            FLAVOR,
            data=DATA,
            keras_version=packages["keras"],
            keras_backend="tensorflow",
            save_exported_model=False,
        )
        pyfunc.add_to_model(
            document, loader_module="mlflow.keras", conda_env="conda.yaml", python_env="python_env.yaml"
        )
        document.model_size_bytes = model.stat().st_size
        document.save(path / "MLmodel")
        conda = _mlflow_conda_env(additional_pip_deps=requirements, install_mlflow=False)
        (path / "conda.yaml").write_text(yaml.safe_dump(conda, default_flow_style=False))
        (path / "requirements.txt").write_text("\n".join(requirements))
        _PythonEnv.current().to_yaml(path / "python_env.yaml")
        yield path


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    # Another file system, or one without links.
    except OSError:
        shutil.copyfile(source, target)


def _signature(example: dict) -> object:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    def schema(tensors: list[dict]) -> Schema:
        specs = []
        for tensor in tensors:
            shape = (-1, *(-1 if size is None else size for size in tensor["shape"][1:]))
            # MLflow wants names of all or, if there is one only, of none: it is then served without one.
            name = tensor["name"] if len(tensors) > 1 else None
            specs.append(TensorSpec(_dtype(np, tensor["dtype"]), shape, name))
        return Schema(specs)

    return ModelSignature(schema(example["inputs"]), schema(example["outputs"]))


def _dtype(np: object, name: str) -> object:
    # What models computed in it take and give is converted by TensorFlow.
    return np.dtype("float32" if name == "bfloat16" else "str" if name == "string" else name)


def _add_example(document: object, example: dict, path: Path) -> None:
    import numpy as np
    from mlflow.models.utils import _save_example

    if example["example"] is None:
        return
    arrays = {
        tensor["name"]: np.array(trial_records.decode(rows), dtype=_dtype(np, tensor["dtype"]))
        for tensor, rows in zip(example["inputs"], example["example"], strict=True)
    }
    _save_example(document, arrays if len(arrays) > 1 else next(iter(arrays.values())), str(path))
