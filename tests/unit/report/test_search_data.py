import math
from pathlib import Path

import pytest
from conftest import ROOT
from published import search as made
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import parser
from snakeras.report import search_data
from snakeras.search import trial_records


@pytest.fixture
def gather(tmp_path: Path, search: dict):
    """Gather a search whose trials came to these accuracies."""

    def run(accuracies: list[float | None]) -> dict:
        found = made(tmp_path, search, accuracies)
        trials = [found.trials / f"{trial_records.name(trial)}.json" for trial in range(len(accuracies))]
        documents = [trial_records.read(path) for path in trials]
        runs = [files.read_json(path.with_suffix(".run.json")) for path in trials]
        distributions = parser.read(found.script).distributions
        return search_data.describe("squares", documents, runs, distributions, search, {"dataset": "squares"})

    return run


def test_what_pictures_are_made_from(gather) -> None:
    found = gather([0.5, 0.75, 0.6, None])
    assert found["objective"] == {
        "key": "val_accuracy",
        "label": "Validation accuracy",
        "better": "higher",
        "curve_label": "Validation accuracy",
    }
    assert found["best"] == 1
    assert found["space"]["units"] == {"kind": "quniform", "arguments": [8, 64, 4]}
    assert [trial["status"] for trial in found["trials"]] == ["completed", "completed", "pruned", "failed"]
    assert [trial["value"] for trial in found["trials"]] == [0.5, 0.75, 0.6, None]
    assert found["trials"][1]["curve"] == [0.375, 0.75]
    assert found["trials"][1]["hyperparameters"] == {"units": 9.0, "optimizer": "adam"}
    assert found["trials"][2]["pruned"]["epoch"] == 1
    assert found["trials"][3]["failure"] == "ValueError: no"
    assert {"started", "finished", "seconds", "host", "device", "gpu"} <= set(found["trials"][0])


def test_a_search_without_accuracies_goes_by_its_loss() -> None:
    fits = [{"epochs": 2, "metrics": {"loss": [3.0, 2.0], "val_loss": [4.0, math.inf]}}]
    document = {
        "trial": 0,
        "status": "completed",
        "failure": None,
        "failed_at": None,
        "pruned": None,
        "epochs": 2,
        "loss": 0.25,
        "val_accuracy": None,
        "hyperparameters": {"rate": math.inf, "layers": [1, 2]},
        "fits": trial_records.encode(fits),
    }
    found = search_data.describe("s", [document], [{}], [None], {}, {})
    assert found["objective"] == {
        "key": "loss",
        "label": "Loss",
        "better": "lower",
        "curve_label": "Validation loss",
    }
    assert found["trials"][0]["value"] == 0.25
    assert found["trials"][0]["curve"] == [4.0, None]
    assert found["trials"][0]["hyperparameters"] == {"rate": "inf", "layers": "[1, 2]"}
    assert found["space"] == {"rate": None, "layers": None}


def record(loss: float, metrics: dict, status: str = "completed", pruned: dict | None = None) -> dict:
    epochs = len(next(iter(metrics.values())))
    return {
        "trial": 0,
        "status": status,
        "failure": None,
        "failed_at": None,
        "pruned": pruned,
        "epochs": epochs,
        "loss": loss,
        "val_accuracy": None,
        "hyperparameters": {},
        "fits": [{"epochs": epochs, "metrics": metrics}],
    }


def described(records: list[dict], **search: object) -> dict:
    return search_data.describe("s", records, [{} for _ in records], [], search, {})


def test_a_loss_that_is_a_metrics_negative_is_shown_as_that_metric() -> None:
    auc = {"val_loss": [0.5, 0.4], "val_auc": [0.8, 0.9]}
    found = described([record(-0.9, auc), record(-0.8, auc)])
    assert (found["objective"]["label"], found["objective"]["better"]) == ("Validation auc", "higher")
    assert [trial["value"] for trial in found["trials"]] == [0.9, 0.8]
    assert found["trials"][0]["curve"] == [0.8, 0.9]
    # One trial that is otherwise, and it is the script's own loss.
    found = described([record(-0.9, auc), record(-0.7, auc)])
    assert (found["objective"]["key"], found["trials"][0]["value"]) == ("loss", -0.9)


def test_a_pruned_trial_has_the_value_that_it_had_reached() -> None:
    metrics = {"val_loss": [0.5], "val_accuracy": [0.6]}
    pruned = {"epoch": 1, "monitor": "val_loss", "value": 0.5}
    found = described([record(-0.9, {"val_accuracy": [0.9]}), record(0.5, metrics, "pruned", pruned)])
    assert [trial["value"] for trial in found["trials"]] == [0.9, 0.6]
    # Without a completed trial, the pruned ones tell.
    accurate = {"epoch": 1, "monitor": "val_accuracy", "value": 0.6}
    assert described([record(-0.6, metrics, "pruned", accurate)])["objective"]["key"] == "val_accuracy"


def test_options_are_those_that_trials_had() -> None:
    first = record(1.0, {"val_loss": [1.0]}) | {"hyperparameters": {"x": [1, 2], "layer": "Dense(3)"}}
    first["hyperopt"] = {"misc": {"vals": {"x": [1], "layer": [0]}}}
    options = ["None", "(1, 2)", "10 ** -3", "'a'"]
    known = [{"kind": "choice", "arguments": options}, {"kind": "choice", "arguments": ["Dense(3)", "Dense(4)"]}]
    space = search_data.describe("s", [first], [{}], known, {}, {})["space"]
    assert space["x"]["arguments"] == [None, "[1, 2]", "10 ** -3", "a"]
    assert space["layer"]["arguments"] == ["Dense(3)", "Dense(4)"]


def test_without_a_completed_trial_the_best_is_a_pruned_one(gather) -> None:
    assert gather([None, None, 0.6])["best"] == 2
    assert search_data.describe("s", [], [], [], {}, {})["best"] is None


def test_a_trial_of_another_search_is_refused(tmp_path: Path, search: dict) -> None:
    found = made(tmp_path, search, [0.5])
    with pytest.raises(UserError, match="0000.json: .*mnist_cnn.py is new; to make it again"):
        search_data.gather(
            "squares",
            trials=[found.trials / "0000.json"],
            runs=[found.trials / "0000.run.json"],
            sources=[ROOT / "models" / "mnist_cnn.py"],
            search=search,
            data={"dataset": "squares"},
            manifest=found.manifest,
            result=tmp_path / "search.json",
        )
