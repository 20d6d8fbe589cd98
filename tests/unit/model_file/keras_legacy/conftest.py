import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from old_script import Script
from snakeras.model_file.keras_legacy import old_names, translation

START = """
import numpy as np
from keras.models import Sequential, Model
from keras.layers import *
from keras.callbacks import *
X = np.random.rand(20, 8).astype("float32")
Y = np.eye(3)[np.arange(20) % 3]
def network(metrics=["accuracy"], **compiled):
    model = Sequential([Input((8,)), Dense(4), Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=metrics, **compiled)
    return model
def batches():
    while True:
        yield X[:5], Y[:5]
"""


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Runs an old script within the block; gives its names and the warnings about old ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(translation, "_warned", set())

    def run(code: str) -> tuple[dict, list[str]]:
        names: dict = {"__name__": "script"}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(compile(START, "start.py", "exec"), names)
            exec(compile(code, "script.py", "exec"), names)
        own = [warning for warning in caught if issubclass(warning.category, translation.OldName)]
        assert {warning.filename for warning in own} <= {"start.py", "script.py", str(request.path)}
        return names, [str(warning.message) for warning in own]

    with old_names.old_names():
        yield run
