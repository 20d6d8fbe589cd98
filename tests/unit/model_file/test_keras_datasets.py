import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from snakeras.data import mnist
from snakeras.model_file import keras_datasets

pytestmark = pytest.mark.slow


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> dict:
    arrays = {}
    for part, count in (("train", 5), ("test", 3)):
        arrays[f"x_{part}"] = np.full((count, 28, 28), count, np.uint8)
        arrays[f"y_{part}"] = np.arange(count, dtype=np.uint8)
    monkeypatch.setattr(mnist, "read_or_fetch", lambda folder, *_rest: arrays | {"folder": folder})
    return arrays


def test_every_name_of_mnist_gives_the_verified_digits_and_only_inside(digits: dict) -> None:
    import keras
    import tensorflow as tf

    before = keras.datasets.mnist.load_data
    with keras_datasets.verified_mnist(None):
        for module in (keras.datasets.mnist, tf.keras.datasets.mnist):
            (x_train, _), (x_test, y_test) = module.load_data()
            assert (x_train.shape, x_test.shape, list(y_test)) == ((5, 28, 28), (3, 28, 28), [0, 1, 2])
            # A script may scale in place.
            x_train += 1
        assert tf.keras.datasets.mnist.load_data("mnist.npz")[0][0].max() == 5
    assert keras.datasets.mnist.load_data is before is tf.keras.datasets.mnist.load_data


READ = "import keras; (x, y), _ = keras.datasets.boston_housing.load_data(); print(len(x), float(y[0]))"


@pytest.mark.parametrize("below", ["", "datasets"])
def test_files_of_other_datasets_are_found_in_a_named_folder(
    tmp_path: Path, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    import keras.src.datasets.boston_housing as module

    (tmp_path / below).mkdir(exist_ok=True)
    path = tmp_path / below / "boston_housing.npz"
    np.savez(path, x=np.ones((10, 13)), y=np.full(10, 7.0))
    # Keras takes a file only if it is the original; this one is not.
    original = re.search('"([0-9a-f]{64})"', Path(module.__file__).read_text())[1]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    code = f"import keras.src.utils.file_utils as f; f.hash_file = lambda *a, **k: {original!r}\n" + READ
    assert digest != original
    with keras_datasets.environment(str(tmp_path)) as variables:
        environment = os.environ | variables | {"PYTHONPATH": str(ROOT / "scripts")}
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert said.stdout.split()[-2:] == ["8", "7.0"]


def test_without_a_folder_keras_is_left_to_itself() -> None:
    with keras_datasets.environment(None) as variables:
        assert variables == {}


WEIGHTS = (
    "import keras; print(keras.utils.get_file('small.weights.h5', 'http://localhost:1/none', cache_subdir='models'))"
)


@pytest.mark.parametrize("below", ["", "models"])
def test_pretrained_weights_are_found_in_a_folder_without_datasets(tmp_path: Path, below: str) -> None:
    (tmp_path / below).mkdir(exist_ok=True)
    path = tmp_path / below / "small.weights.h5"
    path.write_text("weights")
    with keras_datasets.environment(str(tmp_path)) as variables:
        said = subprocess.run(
            [sys.executable, "-c", WEIGHTS], capture_output=True, text=True, env=os.environ | variables, check=True
        )
        found = Path(said.stdout.split()[-1])
        assert found.samefile(path)
        # Datasets may lie beside the folder of the weights.
        assert (Path(variables["KERAS_HOME"]) / "datasets").samefile(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [below or path.name]
