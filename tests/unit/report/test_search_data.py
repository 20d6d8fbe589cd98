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
        found.script.write_text("def model():\n    units = {{quniform(8, 64, 4)}}\n    return units\n")
        trials = [found.trials / f"{trial_records.name(trial)}.json" for trial in range(len(accuracies))]
        # The made-up trials were made with another script.
        fixed = files.read_json(trials[0])["determined_by"]["model"]
        documents = [trial_records.read(path, {"model": fixed}) for path in trials]
        runs = [files.read_json(path.with_suffix(".run.json")) for path in trials]
        distributions = parser.read(found.script).distributions
        return search_data.described("squares", documents, runs, distributions, search, {"dataset": "squares"})

    return run


def test_what_pictures_are_made_from(gather) -> None:
    found = gather([0.5, 0.75, 0.6, None])
    assert found["objective"] == {"key": "val_accuracy", "label": "Validation accuracy", "better": "higher"}
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
    found = search_data.described("s", [document], [{}], [None], {}, {})
    assert found["objective"] == {"key": "loss", "label": "Loss", "better": "lower"}
    assert found["trials"][0]["value"] == 0.25
    assert found["trials"][0]["curve"] == [4.0, None]
    assert found["trials"][0]["hyperparameters"] == {"rate": "inf", "layers": "[1, 2]"}
    assert found["space"] == {"rate": None}


def test_without_a_completed_trial_the_best_is_a_pruned_one(gather) -> None:
    assert gather([None, None, 0.6])["best"] == 2
    assert search_data.described("s", [], [], [], {}, {})["best"] is None


def test_a_trial_of_another_search_is_refused(tmp_path: Path, search: dict) -> None:
    found = made(tmp_path, search, [0.5])
    with pytest.raises(UserError, match="was made with model"):
        search_data.gather(
            "squares",
            trials=[found.trials / "0000.json"],
            happened=[found.trials / "0000.run.json"],
            sources=[ROOT / "models" / "mnist_cnn.py"],
            search=search,
            data={"dataset": "squares"},
            manifest=found.manifest,
            result=tmp_path / "search.json",
        )
