from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.core.settings import Settings, TrackingSettings
from snakeras.search import trial_records
from snakeras.workflow import closing_message, unpublished
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles

MODEL = "def model(x):\n    y = {{uniform(0, 1)}}\n    return x + y\n"


def finished(folder: Path, best_point: dict, final_point: dict, accuracy: float | None = 0.99) -> None:
    best = {
        "trial": 3,
        "hyperparameters": best_point,
        "loss": 0.125,
        "trials": {"completed": 3, "failed": 1, "pruned": 2},
    }
    files.write_json(folder / "best.json", best)
    metrics = {
        "model": "model.keras",
        "loss": -0.9,
        "test_accuracy": accuracy,
        "test_accuracy_interval": [0.98, 0.995],
        "test_loss": 0.25,
    }
    files.write_json(folder / "final" / "metrics.json", metrics | {"hyperparameters": final_point})


def test_the_summary_says_what_was_found_and_where(tmp_path: Path) -> None:
    finished(tmp_path, {"f1": 8.0, "kind": "a"}, {"f1": 8.0, "kind": "a"})
    said = closing_message.summary(tmp_path, TrackingSettings(uri="http://tracker:5000"))
    for part in (
        "(trial 0003): f1=8, kind=a",
        "Best loss of the search: 0.125\n",
        "0.9900 (95 % interval 0.9800",
        "http://tracker:5000",
    ):
        assert part in said
    assert str(tmp_path / "best.json") in said


def test_the_summary_of_an_ensemble(tmp_path: Path) -> None:
    finished(tmp_path, {}, {})
    path = tmp_path / "final" / "metrics.json"
    members = [{"test_accuracy": 0.75}, {"test_accuracy": 0.5}, {"failure": "out of luck"}]
    files.write_json(path, files.read_json(path) | {"members": members})
    lines = closing_message.summary(tmp_path, None).splitlines()
    assert "The final model is the average of 2 models; 1 failed, see final/metrics.json" in lines
    assert "Test accuracy of a single member: 0.6250 on average, from 0.5000 to 0.7500" in lines
    files.write_json(path, files.read_json(path) | {"members": [{"test_accuracy": None}]})
    lines = closing_message.summary(tmp_path, None).splitlines()
    assert "The final model is the average of 1 model" in lines
    assert not [line for line in lines if "single member" in line]
    regression = [{"test_accuracy": None, "test_loss": loss} for loss in (0.5, 0.25)]
    files.write_json(path, files.read_json(path) | {"members": regression})
    lines = closing_message.summary(tmp_path, None).splitlines()
    assert "Test loss of a single member: 0.375 on average, from 0.25 to 0.5" in lines


def test_the_summary_has_what_the_search_went_by_and_how_its_trials_ended(tmp_path: Path) -> None:
    finished(tmp_path, {}, {})
    fits = [{"metrics": {"val_acc": [0.5, 0.75], "val_loss": [1.0, 2.0]}}]
    record = {"format": trial_records.FORMAT, "trial": 3, "loss": 0.125, "fits": fits, "determined_by": {}}
    files.write_json(tmp_path / "trials" / "0003.json", trial_records.sealed(record))
    lines = closing_message.summary(tmp_path, None).splitlines()
    assert lines[1] == "Best hyperparameters (trial 0003): "
    assert lines[2:4] == ["Best loss of the search: 0.125 (val_acc 0.7500)", "Trials: 6 (2 pruned, 1 failed)"]


def test_the_summary_says_how_many_trials_of_others_were_used(tmp_path: Path) -> None:
    finished(tmp_path, {}, {})
    best = files.read_json(tmp_path / "best.json")
    files.write_json(tmp_path / "best.json", best | {"warm_start": {"used": 8, "not_used": {"without k3": 2}}})
    line = closing_message.summary(tmp_path, None).splitlines()[3]
    assert line.startswith("Trials: 6 (2 pruned, 1 failed); warm start: 8 trials of other searches stand before the ")
    assert line.endswith("2 not used (2 without k3)")


def test_the_summary_of_one_of_several_searches_has_its_name(tmp_path: Path) -> None:
    finished(tmp_path, {"f1": 8.0}, {"f1": 8.0})
    lines = closing_message.summary(tmp_path, None, "reviews").splitlines()
    assert lines[1] == "Best hyperparameters of reviews (trial 0003): f1=8"


def test_the_summary_of_a_model_without_accuracy_has_its_loss(tmp_path: Path) -> None:
    finished(tmp_path, {}, {}, accuracy=None)
    said = closing_message.summary(tmp_path, None)
    assert "Test loss of the final model: 0.25" in said
    assert "MLflow" not in said


def said_of(folder: Path, **metrics: object) -> str:
    finished(folder, {}, {}, accuracy=None)
    path = folder / "final" / "metrics.json"
    files.write_json(path, files.read_json(path) | metrics)
    return closing_message.summary(folder, None)


def test_the_metrics_of_the_test_have_their_names(tmp_path: Path) -> None:
    said = said_of(tmp_path, test_metrics={"mae": 0.125, "F_beta": 0.5, "broken": None})
    assert "Test mae of the final model: 0.125\nTest F_beta of the final model: 0.5\n" in said
    assert "broken" not in said and "validation data" not in said
    accurate = {"test_accuracy": 0.75, "test_accuracy_interval": [0.5, 0.9]}
    said = said_of(tmp_path, **accurate, test_metrics={"acc": 0.75000001, "auc": 0.9})
    assert "Test acc " not in said and "Test auc of the final model: 0.9" in said
    # An estimator has no loss.
    assert "not tested" not in said_of(tmp_path, test_loss=None, test_metrics={"r2": 0.5})


def test_a_test_on_the_validation_data_says_so(tmp_path: Path) -> None:
    assert "Tested on the validation data" in said_of(tmp_path, test_data_seen_by_search=True)
    assert "the validation data" not in said_of(tmp_path, test_data_seen_by_search=True, test_loss=None)
    said = said_of(tmp_path, test_data_seen_by_search=True, test_loss=None, model=None)
    assert "trains no model to keep" in said and "validation data" not in said


def test_the_summary_says_when_there_was_no_test(tmp_path: Path) -> None:
    finished(tmp_path, {}, {}, accuracy=None)
    metrics = files.read_json(tmp_path / "final" / "metrics.json")
    files.write_json(tmp_path / "final" / "metrics.json", metrics | {"test_loss": None})
    assert "was not tested: its loss on the test data is no" in closing_message.summary(tmp_path, None)
    reason = {"test_loss": None, "not_tested": "its fit had no validation data"}
    files.write_json(tmp_path / "final" / "metrics.json", metrics | reason)
    assert "was not tested: its fit had no validation data" in closing_message.summary(tmp_path, None)
    files.write_json(tmp_path / "final" / "metrics.json", metrics | {"test_loss": None, "model": None})
    assert "trains no model to keep; its loss with these: -0.9" in closing_message.summary(tmp_path, None)


def test_an_older_final_model_is_not_the_bests(tmp_path: Path) -> None:
    finished(tmp_path, {"f1": 8.0}, {"f1": 16.0})
    assert closing_message.summary(tmp_path, None) is None


def test_there_is_no_summary_before_the_end(tmp_path: Path) -> None:
    assert closing_message.summary(tmp_path, None) is None


def test_when_only_publishing_is_missing_the_last_lines_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(MODEL)

    def lines(**search: object) -> str | None:
        settings = Settings(name="x", search={"model": "model.py", "max_evals": 2} | search)
        return unpublished.message(settings, SearchFiles(settings), RuleParams(settings))

    params = RuleParams(Settings())
    results = Path("results/x")
    finished(results, {"f1": 8.0}, {"f1": 8.0})
    made_with = {
        "config": {"search": params.search, "data": params.data},
        "model_digest": files.sha256_of(SearchFiles(Settings(search={"model": "model.py"})).fingerprint),
    }
    best = files.read_json(results / "best.json") | {"provenance": made_with, "trials": {"completed": 1, "failed": 1}}
    files.write_json(results / "best.json", best)
    assert lines() is None
    for name in ("trials/0000.json", "trials/0001.json", "tracking/0000.json"):
        files.write_json(results / name, {})
    assert "f1=8" in lines()
    assert lines().endswith("Not all of it is published yet: see the lines above, then call again")
    assert "Tracked" not in lines()
    # What lies there is of another search.
    assert lines(seed=2) is None
    assert lines(max_evals=3) is None
    for name in ("tracking/0001.json", "tracking/final.json"):
        files.write_json(results / name, {})
    assert lines() is None
    (results / "tracking/final.json").unlink()
    assert lines() is not None
    Path("model.py").write_text(MODEL.replace("x +", "x *"))
    assert lines() is None
