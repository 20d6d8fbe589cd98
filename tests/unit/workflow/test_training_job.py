"""Real trainings, each in a process of its own as in the workflow."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import MODELS, ROOT
from sklearn.ensemble import RandomForestClassifier
from snakeras.core import seeds
from snakeras.core.errors import UserError
from snakeras.data import datasets
from snakeras.final import final_model, retraining
from snakeras.process import child_process, lifetime
from snakeras.search import run_trial, trial_records
from snakeras.workflow import training_job

pytestmark = pytest.mark.slow


# What the tests call in a computing process.
def one_step(script: str, search: dict, trial: int, documents: list[dict]) -> dict:
    return reference.record(Path(script), search, trial, documents)


def whole_search(script: str, search: dict, count: int) -> dict:
    return {"found": trial_records.encode(reference.uninterrupted(Path(script), search, count))}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'tests'}:{ROOT / 'tests/support'}")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    datasets.prepare("mnist-5k", 0.25, seeds.of_split(1337), None, folder / "prepared", folder / "data.json")
    return folder / "data.json"


def test_three_trainings_are_one_uninterrupted_search(
    tmp_path: Path, manifest: Path, search: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arrays, _ = datasets.read(manifest, "train", "validation")
    cut = {name.replace("validation", "test"): array[:400] for name, array in arrays.items()}
    np.savez("digits.npz", **cut)
    script = tmp_path / "tiny.py"
    script.write_text((MODELS / "tiny.py").read_text())
    search |= {"startup_trials": 1}
    log = tmp_path.parent / "log"

    documents = []
    for trial in range(3):
        arguments = {"script": str(script), "search": search, "trial": trial, "documents": documents}
        documents.append(child_process.call(one_step, arguments, log, threads=2))
    arguments = {"script": str(script), "search": search, "count": 3}
    found = child_process.call(whole_search, arguments, log, threads=2)["found"]
    assert reference.proposals(documents) == trial_records.decode(found)
    assert len({document["loss"] for document in documents}) == 3
    assert documents[0]["fits"][0]["epochs"] == 2


@pytest.fixture
def retrain(tmp_path: Path, manifest: Path, search: dict):
    """Retrain tests/models/spoiled.py, told to expect so many training images."""

    def run(expected: int, spoil: str = "", **final_settings: object) -> final_model.FinalResult:
        arrays, _ = datasets.read(manifest, "validation")
        script = tmp_path / "spoiled.py"
        text = (MODELS / "spoiled.py").read_text().replace("SUM", str(float(arrays["x_validation"].sum())))
        script.write_text(text.replace("    network.set_weights", f"    {spoil}\n    network.set_weights"))
        best = {"trial": 0, "seed": 5, "hyperparameters": {"size": expected}}
        (tmp_path / "best.json").write_text(json.dumps(best | {"point": {"size": [3000, 4000].index(expected)}}))
        return child_process.call(
            retraining.retrain,
            {
                "best": str(tmp_path / "best.json"),
                "sources": [str(script)],
                "search": search,
                "final": {"epochs": None, "train_on": "all"} | final_settings,
                "manifest": str(manifest),
                "mnist_folder": None,
                "folder": str(tmp_path),
                "mistakes": str(tmp_path / "mistakes.npz"),
            },
            tmp_path / "log",
            threads=1,
        )

    return run


@pytest.mark.parametrize(("train_on", "expected"), [("all", 4000), ("train", 3000)])
def test_the_final_model_is_what_the_last_fit_trained(
    tmp_path: Path, manifest: Path, retrain, train_on: str, expected: int
) -> None:
    import keras

    metrics = retrain(expected, train_on=train_on).metrics
    # The script set all weights to 0 and failed; that came after the last fit.
    assert metrics["test_accuracy"] > 0.7
    assert "ignored, after the last fit: IndexError" in (tmp_path / "log").read_text()
    assert [fit["epochs"] for fit in metrics["fits"]] == [1]
    assert metrics["parameters"] == 7850
    test, _ = datasets.read(manifest, "test")
    predicted = keras.models.load_model(tmp_path / "model.keras").predict(test["x_test"], verbose=0).argmax(axis=1)
    assert np.mean(predicted == test["y_test"].argmax(axis=1)) == metrics["test_accuracy"]


def test_final_epochs_override_the_scripts(retrain) -> None:
    assert [fit["epochs"] for fit in retrain(4000, epochs=2).metrics["fits"]] == [2]


def test_a_fit_that_fails_is_no_end_of_the_script(tmp_path: Path, retrain) -> None:
    with pytest.raises(UserError, match="the model function failed: ValueError"):
        retrain(4000, spoil="network.fit(x_train, y_train[:5])")
    assert not (tmp_path / "model.keras").exists()


def test_a_script_without_a_model_has_none(tmp_path: Path, search: dict) -> None:
    best = {"trial": 0, "seed": 5, "hyperparameters": {}, "point": {"x": 1.5, "n": 7.0, "rate": 0.25, "kind": 0}}
    (tmp_path / "best.json").write_text(json.dumps(best))
    arguments = {
        "best": str(tmp_path / "best.json"),
        "sources": [str(MODELS / "quadratic.py")],
        "search": search,
        "final": {"epochs": None, "train_on": "all"},
        "manifest": None,
        "mnist_folder": None,
        "folder": str(tmp_path),
        "mistakes": str(tmp_path / "mistakes.npz"),
    }
    metrics = child_process.call(retraining.retrain, arguments, tmp_path / "log", threads=1).metrics
    assert metrics["model"] is None
    assert 1.25 <= metrics["loss"] < 1.26
    assert metrics["test_data_seen_by_search"] is True
    assert not list(tmp_path.glob("model.*"))


FOREST = """
import random
import sys
import numpy as np
from hyperas import optim
from hyperas.distributions import choice, quniform
from sklearn.ensemble import RandomForestClassifier


def data():
    x = np.random.rand(90, 3)
    y = np.where(x[:, 0] + 0.3 * np.random.rand(90) > 0.6, "high", "low")
    return x[:60], y[:60], x[60:], y[60:]


def forest(x_train, y_train, x_test, y_test):
    imported = "tensor" + "flow" in sys.modules
    trees = np.int({{quniform(3, 9, 1)}})
    model = RandomForestClassifier(trees, max_depth={{choice([1, 2, None])}})
    model.fit(x_train, y_train)
    return {"loss": random.random() - model.score(x_test, y_test), "imported": imported, "model": model}
"""


def test_without_keras_a_trial_is_the_same_and_an_estimator_is_kept(tmp_path: Path, search: dict) -> None:
    import joblib

    script, found = tmp_path / "forest.py", []
    script.write_text(FOREST)
    shared = {"sources": [str(script)], "search": search, "manifest": None, "mnist_folder": None}
    for tensorflow in (False, True):
        arguments = {"trial": 0, "earlier": [], "model_folder": str(tmp_path / "0000")} | shared
        log = tmp_path / "log"
        record = child_process.call(run_trial.run, arguments, log, threads=1, tensorflow=tensorflow).record
        # The old name of NumPy is known all the same.
        assert record["status"] == "completed", record["failure"]
        assert record["hyperopt"]["result"].pop("imported") == tensorflow
        found.append(record)
    assert found[0] == found[1]
    assert isinstance(joblib.load(tmp_path / "0000" / "model.joblib"), RandomForestClassifier)

    values = trial_records.decode(found[0]["hyperopt"]["misc"]["vals"])
    point = {label: trial_records.plain(value) for label, (value,) in values.items()}
    best = {key: found[0][key] for key in ("trial", "seed", "hyperparameters")} | {"point": point}
    (tmp_path / "best.json").write_text(json.dumps(best))
    final = {"epochs": None, "train_on": "all"}
    more = {"best": str(tmp_path / "best.json"), "final": final, "folder": str(tmp_path / "final")}
    arguments = shared | more | {"mistakes": str(tmp_path / "mistakes.npz")}
    result = child_process.call(retraining.retrain, arguments, tmp_path / "log", threads=1, tensorflow=False)
    metrics = result.metrics
    assert (metrics["model"], metrics["loss"], metrics["classes"]) == (
        "model.joblib",
        found[0]["loss"],
        ["high", "low"],
    )
    assert metrics["test_accuracy"] > 0.5
    assert metrics["test_samples"] == 30
    assert "RandomForestClassifier(" in result.layers
    assert [path.name for path in (tmp_path / "final").iterdir()] == ["model.joblib"]


def test_a_model_that_fails_before_its_fit_is_an_error(retrain) -> None:
    with pytest.raises(UserError, match="the model function failed: AssertionError"):
        retrain(4000, train_on="train")


@pytest.mark.parametrize(("minutes", "seconds"), [(1, 40), (30, 1710), (240, 14280)])
def test_a_job_ends_before_the_scheduler_ends_it(minutes: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.time() - 7
    monkeypatch.setattr(lifetime, "job_started", lambda: started)
    (limit,) = training_job._runtime(minutes)
    assert limit.seconds == pytest.approx(seconds - 7, abs=1)
    assert f"resources.runtime allows ({minutes} minutes)" in str(limit.error)
    assert training_job._runtime(None) == []
