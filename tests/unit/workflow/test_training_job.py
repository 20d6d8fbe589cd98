"""Real trainings, each in a process of its own as in the workflow."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import reference
from conftest import MODELS, ROOT, SEARCH
from pydantic import validate_call
from sklearn.ensemble import RandomForestClassifier
from snakeras.core import seeds
from snakeras.core.errors import UserError
from snakeras.data import datasets
from snakeras.final import retraining
from snakeras.process import child_process, lifetime
from snakeras.search import run_trial, trial_records
from snakeras.workflow import training_job

pytestmark = pytest.mark.slow

PYTHONPATH = f"{ROOT}:{ROOT / 'tests'}:{ROOT / 'tests/support'}"


# What the tests call in a computing process.
def one_step(script: str, search: dict, trial: int, documents: list[dict]) -> dict:
    return reference.record(Path(script), search, trial, documents)


def whole_search(script: str, search: dict, count: int) -> dict:
    return {"found": trial_records.encode(reference.uninterrupted(Path(script), search, count))}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    datasets.prepare("mnist-5k", 0.25, seeds.of_split(1337), None, folder / "prepared", folder / "data.json")
    return folder / "data.json"


def test_two_trainings_are_one_uninterrupted_search(
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
    for trial in range(2):
        arguments = {"script": str(script), "search": search, "trial": trial, "documents": documents}
        documents.append(child_process.call(one_step, arguments, log, threads=2))
    arguments = {"script": str(script), "search": search, "count": 2}
    found = child_process.call(whole_search, arguments, log, threads=2)["found"]
    assert reference.proposals(documents) == trial_records.decode(found)
    assert len({document["loss"] for document in documents}) == 2
    assert documents[0]["fits"][0]["epochs"] == 2


SPOILS = "network.fit(x_train, y_train[:5])"
# What a final model is told (its settings, how many images the script expects, what that does after its fit).
TOLD = {
    "all": ({}, 4000, ""),
    "train": ({"train_on": "train"}, 3000, ""),
    "two epochs": ({"epochs": 2}, 4000, ""),
    "fails in a fit": ({}, 4000, SPOILS),
    "fails before its fit": ({"train_on": "train"}, 4000, ""),
}


def retrain_each(calls: dict[str, dict]) -> dict:
    """The metrics of each final model, or why there is none."""
    found = {}
    for name, arguments in calls.items():
        try:
            found[name] = validate_call(retraining.retrain)(**arguments).metrics
        except UserError as error:
            found[name] = str(error)
    return found


@dataclass
class Retrained:
    """What became of ``TOLD``, in one process; each has a folder of its own."""

    folder: Path
    found: dict[str, dict | str]
    log: str


@pytest.fixture(scope="module")
def retrained(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Retrained:
    """Final models of tests/models/spoiled.py."""
    top, calls = tmp_path_factory.mktemp("retrained"), {}
    arrays, _ = datasets.read(manifest, "validation")
    text = (MODELS / "spoiled.py").read_text().replace("SUM", str(float(arrays["x_validation"].sum())))
    for name, (settings, expected, spoil) in TOLD.items():
        folder = top / name
        folder.mkdir()
        script = folder / "spoiled.py"
        script.write_text(text.replace("    network.set_weights", f"    {spoil}\n    network.set_weights"))
        best = {"trial": 0, "seed": 5, "hyperparameters": {"size": expected}}
        (folder / "best.json").write_text(json.dumps(best | {"point": {"size": [3000, 4000].index(expected)}}))
        calls[name] = {
            "best": str(folder / "best.json"),
            "sources": [str(script)],
            "search": SEARCH,
            "final": {"epochs": None, "train_on": "all"} | settings,
            "manifest": str(manifest),
            "mnist_folder": None,
            "folder": str(folder),
            "mistakes": str(folder / "mistakes.npz"),
        }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", PYTHONPATH)
        found = child_process.call(retrain_each, {"calls": calls}, top / "log", threads=1)
    return Retrained(top, found, (top / "log").read_text())


@pytest.mark.parametrize("name", ["all", "train"])
def test_the_final_model_is_what_the_last_fit_trained(manifest: Path, retrained: Retrained, name: str) -> None:
    import keras

    metrics = retrained.found[name]
    # The script set all weights to 0 and failed; that came after the last fit.
    assert metrics["test_accuracy"] > 0.7
    assert retrained.log.count("ignored, after the last fit: IndexError") == len(["all", "train", "two epochs"])
    assert [fit["epochs"] for fit in metrics["fits"]] == [1]
    assert metrics["parameters"] == 7850
    test, _ = datasets.read(manifest, "test")
    model = keras.models.load_model(retrained.folder / name / "model.keras")
    predicted = model.predict(test["x_test"], verbose=0).argmax(axis=1)
    assert np.mean(predicted == test["y_test"].argmax(axis=1)) == metrics["test_accuracy"]


def test_final_epochs_override_the_scripts(retrained: Retrained) -> None:
    assert [fit["epochs"] for fit in retrained.found["two epochs"]["fits"]] == [2]


@pytest.mark.parametrize(
    ("name", "error"), [("fails in a fit", "ValueError"), ("fails before its fit", "AssertionError")]
)
def test_a_model_that_fails_before_the_end_of_its_last_fit_is_an_error(
    retrained: Retrained, name: str, error: str
) -> None:
    assert f": the model function failed: {error}" in retrained.found[name]
    assert not (retrained.folder / name / "model.keras").exists()


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
    result = child_process.call(retraining.retrain, arguments, tmp_path / "log", threads=1, tensorflow=False)
    metrics = result.metrics
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


@pytest.mark.parametrize(("minutes", "seconds"), [(1, 40), (30, 1710), (240, 14280)])
def test_a_job_ends_before_the_scheduler_ends_it(minutes: int, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    started = time.time() - 7
    monkeypatch.setattr(lifetime, "job_started", lambda: started)
    (limit,) = training_job._runtime(minutes)
    assert limit.seconds == pytest.approx(seconds - 7, abs=1)
    assert f"resources.runtime allows ({minutes} minutes)" in str(limit.error)
    assert training_job._runtime(None) == []
