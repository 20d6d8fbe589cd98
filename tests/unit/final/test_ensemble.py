"""An ensemble of estimators that are trained on data of the file's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import FinalSettings, TrialSettings
from snakeras.final import finalist, held_out, retraining
from snakeras.search import finalists, trial_records

SCRIPT = """
import random
import numpy as np
from hyperas.distributions import uniform
from sklearn.linear_model import LogisticRegression

def data():
    x = np.random.rand(90, 4)
    y = (x[:, 0] > 0.5).astype(int)
    return x[:60], x[60:], y[:60], y[60:]

def create_model(x_train, x_test, y_train, y_test):
    if FAILS:
        raise ValueError("out of luck")
    model = LogisticRegression(C={{uniform(0.1, 1)}} * random.random(), max_iter=3).fit(x_train, y_train)
    return {"loss": -model.score(x_test, y_test), "status": "ok", "model": model}
"""
TEST = """
def test_data():
    return np.zeros((7, 4)), [0, 1, 0, 1, 0, 1, 0]
"""


@pytest.fixture
def made(tmp_path: Path, search: dict, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict]:
    """Trains two trials twice and averages these; returns ``metrics.json``."""
    monkeypatch.chdir(tmp_path)
    settings = TrialSettings(**search)

    def make(fails: str, test: str = "") -> dict:
        sources = [Path("model.py")]
        sources[0].write_text(SCRIPT.replace("FAILS", fails) + test)
        members = []
        for number, c in ((0, 0.5), (1, 0.5), (0, 0.25), (1, 0.25)):
            trial = {"trial": int(c * 4), "hyperparameters": {"C": c}, "point": {"C": c}, "seed": 7, "digest": ""}
            trial |= {"hyperopt": {"misc": {"vals": {"C": [c]}}}, "checksum": ""}
            folder = Path("members", f"000{trial['trial']}_{number}")
            folder.mkdir(parents=True, exist_ok=True)
            found = finalist.train(trial, number, sources, settings, None, "train", None, None, folder).record
            record = {key: value for key, value in found.items() if key != "files"}
            determined_by = finalists.determined_by(trial, number, None)
            files.write_json(
                folder.with_suffix(".json"), trial_records.sealed(record | {"determined_by": determined_by})
            )
            members.append(folder.with_suffix(".json"))
        files.write_json(Path("winner.json"), {"trial": 2, "hyperparameters": {"C": 0.5}})
        given = {"folder": Path("final"), "mistakes": Path("mistakes.npz"), "mnist_folder": None, "manifest": None}
        result = retraining.retrain(Path("winner.json"), sources, settings, FinalSettings(), members=members, **given)
        return result.metrics | {"notes": result.notes}

    return make


def test_members_are_tested_and_averaged(made: Callable[..., dict]) -> None:
    import joblib

    metrics = made("False")
    assert (metrics["model"], metrics["trial"], metrics["test_samples"]) == ("model.joblib", 2, 30)
    members = metrics["members"]
    assert [(member["trial"], member["number"]) for member in members] == [(2, 0), (2, 1), (1, 0), (1, 1)]
    assert len({member["seed"] for member in members}) == 4
    x = np.random.default_rng(0).random((5, 4))
    models = [joblib.load(path) for path in sorted(Path("members").glob("*/model.joblib"))]
    mean = np.mean([model.predict_proba(x) for model in models], axis=0)
    np.testing.assert_allclose(joblib.load("final/model.joblib").predict_proba(x), mean)
    test = held_out.kept([Path("members/0001_0")])
    for member, model in zip(members, models[2:] + models[:2], strict=True):
        assert member["test_accuracy"] == model.score(test.x, test.y)


def test_a_member_that_fails_is_left_out(made: Callable[..., dict]) -> None:
    metrics = made("random.random() < 0.5", TEST)
    failed = [member for member in metrics["members"] if "failure" in member]
    assert 0 < len(failed) < 4
    assert failed[0]["failure"].startswith("model.py: the model function failed: ValueError: out of luck")
    assert metrics["notes"].count("is left out: model.py") == len(failed)
    assert metrics["test_samples"] == 7


def test_without_any_member_there_is_no_ensemble(made: Callable[..., dict]) -> None:
    with pytest.raises(UserError, match=r"^final.ensemble: all 4 members failed, the first: model.py: .*out of luck"):
        made("True")
