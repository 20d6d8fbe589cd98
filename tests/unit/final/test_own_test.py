"""The final model of files with data of their own: what it is tested on, and what is said of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from snakeras.core.errors import UserError
from snakeras.core.settings import FinalSettings, TrialSettings
from snakeras.final import retraining

pytestmark = pytest.mark.slow

START = """
from hyperas.distributions import choice
import keras
import numpy as np

def data():
    x, y = np.random.rand(90, 4).astype("float32"), np.arange(90) % 3
    return x[:60], x[60:], y[:60], y[60:]

def create_model(x_train, x_test, y_train, y_test):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense({{choice([5])}}), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""
END = """
    return {"loss": 0.5, "status": "ok", "model": model}
"""
TEST = """
def test_data():
    print("test data asked for")
    return np.zeros((7, 4)), [0, 1, 2, 0, 1, 2, 0]
"""


@pytest.fixture
def retrained(tmp_path: Path, search: dict, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def run(text: str, test_function: str | None = None) -> dict:
        Path("model.py").write_text(text)
        best = {"trial": 0, "seed": 5, "hyperparameters": {"Dense": 5}, "point": {"Dense": 0}}
        Path("best.json").write_text(json.dumps(best))
        files = {"folder": Path("final"), "mistakes": Path("mistakes.npz"), "mnist_folder": None}
        settings = TrialSettings(**search), FinalSettings()
        return retraining.retrain(
            Path("best.json"), [Path("model.py")], *settings, manifest=None, **files, test_function=test_function
        ).metrics

    return run


def test_what_no_model_saw_is_tested_as_unseen(retrained) -> None:
    metrics = retrained(START + "    model.fit(x_train, y_train, validation_split=0.2, verbose=0)" + END)
    assert (metrics["test_samples"], metrics["test_data_seen_by_search"]) == (30, False)
    assert np.sum(metrics["confusion_matrix"]) == 30
    assert "not_tested" not in metrics


@pytest.mark.parametrize(
    "code",
    [
        "model.fit(x_train, y_train, validation_data=(x_test, y_test), verbose=0)",
        "model.fit(x_train, y_train, verbose=0); model.evaluate(x_test, y_test.tolist(), verbose=0)",
        "model.fit(x_train * 2, y_train, verbose=0); model.predict(x_test * 2, verbose=0)",
        "model.fit(x_train.tolist(), y_train.tolist(), validation_data=[x_test.tolist(), y_test.tolist()], verbose=0)",
    ],
)
def test_what_a_model_saw_is_tested_as_seen(retrained, code: str) -> None:
    metrics = retrained(f"{START}    {code}{END}")
    assert (metrics["test_samples"], metrics["test_data_seen_by_search"]) == (30, True)
    assert len(metrics["confusion_matrix"]) == 3


@pytest.mark.parametrize("name", [None, "held_back"])
def test_a_test_function_is_called_once(retrained, capsys: pytest.CaptureFixture, name: str | None) -> None:
    text = START + "    model.fit(x_train, y_train, validation_data=(x_test, y_test), verbose=0)" + END
    metrics = retrained(text + TEST.replace("test_data", name or "test_data"), test_function=name)
    assert (metrics["test_samples"], metrics["test_data_seen_by_search"]) == (7, False)
    assert capsys.readouterr().out.splitlines().count("test data asked for") == 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('print("test data asked for")', "open('gone.npy')", "FileNotFoundError.*line \\d+: open"),
        ("np.zeros((7, 4)), ", "", "too many values"),
        ("test_data()", "test_data(path)", "missing 1 required positional argument"),
    ],
)
def test_a_test_function_that_fails_is_an_error(retrained, old: str, new: str, reason: str) -> None:
    with pytest.raises(UserError, match=rf"model.py: test_data\(\) failed: .*{reason}.*expected it to take no"):
        text = START + "    model.fit(x_train, y_train, verbose=0)" + END + TEST.replace(old, new)
        retrained(text, test_function="test_data")


def test_a_function_of_the_script_s_own_with_that_name_is_none(retrained) -> None:
    text = START + "    model.fit(x_train, y_train, validation_split=0.2, verbose=0)" + END
    assert retrained(text + TEST.replace("test_data()", "test_data(path)"))["test_samples"] == 30


OUTPUTS = """
    inputs = keras.Input((4,))
    kind = keras.layers.Dense(3, "softmax", name="kind")(inputs)
    size = keras.layers.Dense(1, name="a_size")(inputs)
    model = keras.Model(inputs, [kind, size])
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], metrics=["accuracy", "mae"])
    model.fit(x_train, [y_train, y_train / 2], validation_data=(x_test, [y_test, y_test / 2]), verbose=0)
"""


def test_several_outputs_are_tested_each(retrained) -> None:
    metrics = retrained(START + OUTPUTS + END)
    assert list(metrics["outputs"]) == ["kind", "a_size"]
    assert np.sum(metrics["outputs"]["kind"]["confusion_matrix"]) == 30
    assert set(metrics["outputs"]["a_size"]["metrics"]) == {"accuracy", "mae"}
    losses = [output["test_loss"] for output in metrics["outputs"].values()]
    assert metrics["test_loss"] == pytest.approx(sum(losses), rel=1e-3)
    assert metrics["test_data_seen_by_search"] is True


BATCHES = """
    def batches():
        while True:
            yield x_test, y_test
    model.fit(x_train / 2, y_train, validation_data=batches(), validation_steps=1, verbose=0)
"""


def test_the_reason_for_no_test_is_the_real_one(retrained) -> None:
    metrics = retrained(START + BATCHES + END)
    assert metrics["not_tested"].startswith("its fit validated on batches, not on arrays; a function test_data()")
    text = START + BATCHES.replace("batches(), validation_steps=1", "(x_test[:, :3], y_test)") + END
    with pytest.raises(UserError, match="the model function failed"):
        retrained(text)
