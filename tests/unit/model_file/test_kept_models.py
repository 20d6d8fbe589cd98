import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from snakeras.model_file import kept_models

X, Y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
BESIDE = """
from sklearn.base import BaseEstimator, ClassifierMixin

class Threshold(ClassifierMixin, BaseEstimator):
    def fit(self, x, y):
        self.classes_ = [0, 1]
        return self

    def predict(self, x):
        return above(x)

def above(x):
    return (x[:, 0] > 1.5).astype(int)
"""
LOAD = "import joblib, sys, numpy; print(joblib.load(sys.argv[1]).predict(numpy.array([[1.0], [2.0]])).tolist())"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script with a module beside it."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    (folder / "thresholds.py").write_text(BESIDE)
    path = folder / "model.py"
    path.write_text("import thresholds\n")
    monkeypatch.syspath_prepend(str(folder))
    yield path
    sys.modules.pop("thresholds", None)


def of_the_module_beside() -> BaseEstimator:
    import thresholds

    return thresholds.Threshold()


def with_a_lambda() -> BaseEstimator:
    return make_pipeline(FunctionTransformer(lambda x: 2 * x), StandardScaler(), LogisticRegression(C=100))


def of_a_function() -> BaseEstimator:
    class Inner(ClassifierMixin, BaseEstimator):
        def fit(self, x: np.ndarray, y: np.ndarray) -> BaseEstimator:
            return self

        def predict(self, x: np.ndarray) -> np.ndarray:
            return (x[:, 0] > 1.5).astype(int)

    return Inner()


@pytest.mark.parametrize("make", [LogisticRegression, with_a_lambda, of_a_function, of_the_module_beside])
def test_an_estimator_is_loaded_without_its_script(script: Path, tmp_path: Path, make: object) -> None:
    model = make().fit(X, Y)
    assert kept_models.returned({"model": model}) is model
    name = kept_models.save(model, tmp_path, script)
    assert name == "model.joblib"
    command = [sys.executable, "-c", LOAD, str(tmp_path / name)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    assert said.stdout.strip() == "[0, 1]", said.stderr


def test_an_estimator_that_cannot_be_pickled_is_not_kept(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    model = LogisticRegression(random_state=threading.Lock())
    assert kept_models.save(model, tmp_path, tmp_path / "model.py") is None
    assert "the model is not kept: TypeError: cannot pickle" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", [{"a": 1}, "a model", np.ones(3)])
def test_what_is_no_model_is_not_kept(model: object, capsys: pytest.CaptureFixture) -> None:
    assert kept_models.returned({"model": model}) is None
    assert "the returned model is not kept: it is a" in capsys.readouterr().out


def test_no_model_is_nothing_to_tell_of(capsys: pytest.CaptureFixture) -> None:
    assert kept_models.returned({"loss": 1.0}) is None
    assert capsys.readouterr().out == ""


def test_the_record_has_the_packages_that_it_needs() -> None:
    about = kept_models.about(with_a_lambda())["estimator"]
    assert set(about["packages"]) == {"cloudpickle", "numpy", "scikit-learn"}
    assert about["predicts"] is True
    assert kept_models.about(StandardScaler())["estimator"]["predicts"] is False
    assert kept_models.about(None) == {}
