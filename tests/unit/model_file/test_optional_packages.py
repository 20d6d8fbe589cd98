import subprocess
import sys
from pathlib import Path

import pytest
from snakeras.model_file import optional_packages

ROOT = Path(__file__).parents[3]
PLAIN = "import os\nimport numpy as np\nfrom tensorflow import keras\nfrom hyperas.distributions import uniform\n"


def test_the_default_model_is_spared_them() -> None:
    assert optional_packages.needless([ROOT / "models" / "mnist_cnn.py"]) == ["matplotlib", "pandas", "sklearn"]


@pytest.mark.parametrize(
    "more",
    [
        "import pandas as pd",
        "from sklearn.model_selection import KFold",
        "from keras.wrappers import SKLearnClassifier",
        "keras.visualization.plot_image_gallery(x)",
        # May bring DataFrames along.
        "import seaborn",
        "import importlib",
        "def broken(",
    ],
)
def test_a_script_that_may_need_them_is_not(more: str, tmp_path: Path) -> None:
    script = tmp_path / "model.py"
    script.write_text(PLAIN)
    assert optional_packages.needless([script])
    script.write_text(PLAIN + more)
    assert optional_packages.needless([script]) == []


def test_modules_beside_the_script_count(tmp_path: Path) -> None:
    script, beside = tmp_path / "model.py", tmp_path / "mine.py"
    script.write_text(PLAIN + "import mine\n")
    beside.write_text("import json\n")
    assert optional_packages.needless([script, beside])
    beside.write_text("from sklearn.datasets import load_iris\n")
    assert optional_packages.needless([script, beside]) == []


FOREST = '"""Keras is not needed here."""\nfrom hyperas import optim\nfrom sklearn.svm import SVC  # not tensorflow\n'


@pytest.mark.parametrize(
    ("more", "uses"),
    [
        ("print('no Keras here')\n", False),
        ("import matplotlib, statsmodels.api as sm\nimport mlflow.sklearn\n", False),
        ("def model():\n    frame.eval('a + b')\n", False),
        ("import keras\n", True),
        ("def data():\n    from tensorflow.keras.datasets import mnist\n", True),
        ("try:\n    import tensorflow.compat.v1 as tf\nexcept ImportError:\n    pass\n", True),
        ("from scikeras.wrappers import KerasClassifier\n", True),
        ("import mlflow.keras\n", True),
        ("importlib.import_module('keras.layers')\n", True),
        ("exec('import ' + 'keras as k')\n", True),
    ],
)
def test_a_script_uses_keras_if_it_names_it(more: str, uses: bool, tmp_path: Path) -> None:
    script, beside = tmp_path / "model.py", tmp_path / "old_keras_model.py"
    script.write_text(FOREST + more)
    assert optional_packages.uses_keras([script]) == uses
    # As does one of its own modules, whose own name is none of Keras's.
    script.write_text(FOREST + "import old_keras_model\n")
    beside.write_text(FOREST + more)
    assert optional_packages.uses_keras([script, beside]) == uses


KERAS = """
import sys
sys.path.append("scripts")
from snakeras.core.patching import absent
with absent(["matplotlib", "pandas", "sklearn"]):
    import keras
assert not {"matplotlib", "pandas", "sklearn"} & set(sys.modules)
import numpy as np, pandas
x = np.ones((4, 2), "float32")
model = keras.Sequential([keras.layers.Dense(1)])
model.compile(loss="mse")
model.fit(x, x[:, :1], validation_split=0.5, verbose=0)
print(model.predict(x, verbose=0).shape)
"""


@pytest.mark.slow
def test_keras_does_without_them() -> None:
    said = subprocess.run([sys.executable, "-c", KERAS], capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip() == "(4, 1)"
