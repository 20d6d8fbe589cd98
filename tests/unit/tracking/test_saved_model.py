import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from snakeras.final import final_model
from snakeras.model_file import kept_models
from snakeras.tracking import saved_model

pytestmark = pytest.mark.slow

PACKAGES = {"keras": "3.15.1", "numpy": "2.4.6", "tensorflow": "2.21.0", "hyperas": "0.4.1"}
CREATED = "2026-11-24T10:00:00"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Path, np.ndarray]:
    import keras

    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    model.compile(loss="mse")
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model.save(path)
    return model, path, np.arange(6, dtype="float32").reshape(2, 3)


def test_mlflow_loads_it_and_knows_what_it_takes(saved: tuple) -> None:
    import mlflow

    model, path, x = saved
    example = json.loads(json.dumps(final_model.described(model, (x, x[:, :2]))))
    with saved_model.folder(path, PACKAGES, CREATED, "r" * 32, "m-1", example=example) as folder:
        assert np.array_equal(mlflow.keras.load_model(str(folder)).predict(x, verbose=0), model.predict(x, verbose=0))
        served = mlflow.pyfunc.load_model(str(folder))
        assert np.allclose(served.predict(served.input_example), example["prediction"][0])
        assert served.metadata.get_input_schema().inputs[0].shape == (-1, 3)
        assert (served.metadata.run_id, served.metadata.model_id) == ("r" * 32, "m-1")
        requirements = (folder / "requirements.txt").read_text().split()
        assert requirements[1:] == ["keras==3.15.1", "numpy==2.4.6", "tensorflow==2.21.0"]


def test_the_same_arguments_give_the_same_bytes(saved: tuple) -> None:
    def content() -> dict[str, bytes]:
        with saved_model.folder(saved[1], PACKAGES, CREATED, "r", "m") as folder:
            return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert content() == content()
    assert {"MLmodel", "data/model.keras", "conda.yaml", "python_env.yaml", "requirements.txt"} <= set(content())


def test_a_model_of_two_inputs_and_outputs_is_served_by_their_names(tmp_path: Path) -> None:
    import keras
    import mlflow

    left, right = keras.layers.Input((2,), name="left"), keras.layers.Input((3,), name="right")
    model = keras.Model([left, right], [keras.layers.Dense(1)(left), keras.layers.Dense(1)(right)])
    model.compile(loss="mse")
    model.save(tmp_path / "model.keras")
    x = [np.ones((4, 2)), np.ones((4, 3))]
    example = final_model.described(model, (x, np.ones(4)))
    assert [tensor["shape"] for tensor in example["inputs"]] == [[None, 2], [None, 3]]
    with saved_model.folder(tmp_path / "model.keras", PACKAGES, CREATED, "r", "m", example=example) as folder:
        served = mlflow.pyfunc.load_model(str(folder))
        assert set(served.input_example) == {"left", "right"}
        assert served.metadata.get_input_schema().input_names() == ["left", "right"]


def test_a_model_that_does_not_tell_has_no_signature(saved: tuple) -> None:
    import keras
    import mlflow

    class Mine(keras.Model):
        def call(self, x: object) -> object:
            return x

    assert final_model.described(Mine(), None) is None
    with saved_model.folder(saved[1], PACKAGES, CREATED, "r", "m") as folder:
        assert mlflow.models.Model.load(folder / "MLmodel").signature is None


@pytest.mark.parametrize("predicts", [True, False])
def test_mlflow_loads_an_estimator(tmp_path: Path, predicts: bool) -> None:
    import mlflow.sklearn
    from sklearn.linear_model import LinearRegression
    from sklearn.preprocessing import StandardScaler

    x = np.arange(6.0).reshape(3, 2)
    model = (LinearRegression() if predicts else StandardScaler()).fit(x, x[:, 0])
    path = tmp_path / kept_models.save(model, tmp_path, tmp_path / "script.py")
    example = json.loads(json.dumps(final_model.described(model, (x, x[:, 0]))))
    about = kept_models.about(model)["estimator"]
    with saved_model.folder(path, PACKAGES, CREATED, "r" * 32, "m-1", about, example) as folder:
        assert type(mlflow.sklearn.load_model(str(folder))) is type(model)
        requirements = [line.split("==")[0] for line in (folder / "requirements.txt").read_text().split()]
        assert requirements == ["mlflow", "cloudpickle", "numpy", "scikit-learn"]
        flavors = mlflow.models.Model.load(folder / "MLmodel").flavors
        assert ("python_function" in flavors) == predicts
        if predicts:
            served = mlflow.pyfunc.load_model(str(folder))
            assert np.allclose(served.predict(served.input_example), example["prediction"][0])
            assert served.metadata.get_input_schema().inputs[0].shape == (-1, 2)


WITHOUT = """
import sys
from pathlib import Path
sys.path.append("scripts")
from snakeras.tracking import saved_model
with saved_model.folder(Path(sys.argv[1]), {"keras": "3"}, "2026-11-24T10:00:00", "r", "m"):
    pass
print([name for name in ("tensorflow", "keras") if name in sys.modules])
"""


def test_it_needs_no_tensorflow(saved: tuple) -> None:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", WITHOUT, str(saved[1])]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout.strip()) == (0, "[]"), said.stderr
