from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.core.settings import Settings, TrackingSettings
from snakeras.workflow import closing_lines
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles


def finished(folder: Path, best_point: dict, final_point: dict, accuracy: float | None = 0.99) -> None:
    files.write_json(folder / "best.json", {"trial": 3, "hyperparameters": best_point, "val_accuracy": accuracy})
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
    said = closing_lines.summary(str(tmp_path), TrackingSettings(uri="http://tracker:5000"))
    for part in ("(trial 0003): f1=8, kind=a", "search: 0.9900", "0.9900 (95 % interval 0.9800", "http://tracker:5000"):
        assert part in said
    assert str(tmp_path / "best.json") in said


def test_the_summary_of_a_model_without_accuracy_has_its_loss(tmp_path: Path) -> None:
    finished(tmp_path, {}, {}, accuracy=None)
    said = closing_lines.summary(str(tmp_path), TrackingSettings(uri=None))
    assert "Test loss of the final model: 0.25" in said
    assert "MLflow" not in said


def test_the_summary_says_when_there_was_no_test(tmp_path: Path) -> None:
    finished(tmp_path, {}, {}, accuracy=None)
    metrics = files.read_json(tmp_path / "final" / "metrics.json")
    files.write_json(tmp_path / "final" / "metrics.json", metrics | {"test_loss": None})
    assert "was not tested" in closing_lines.summary(str(tmp_path), TrackingSettings(uri=None))
    files.write_json(tmp_path / "final" / "metrics.json", metrics | {"test_loss": None, "model": None})
    assert "trains no model to keep; its loss with these: -0.9" in closing_lines.summary(str(tmp_path), None)


def test_an_older_final_model_is_not_the_bests(tmp_path: Path) -> None:
    finished(tmp_path, {"f1": 8.0}, {"f1": 16.0})
    assert closing_lines.summary(str(tmp_path), TrackingSettings(uri=None)) is None


def test_there_is_no_summary_before_the_end(tmp_path: Path) -> None:
    assert closing_lines.summary(str(tmp_path), TrackingSettings(uri=None)) is None


def test_when_only_publishing_is_missing_the_last_lines_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(name="x", data={"dataset": "model"}, search={"model": "model.py", "max_evals": 2})
    search_files, made_with = SearchFiles(settings), RuleParams(settings).made_with
    results = Path(search_files.results)
    finished(results, {"f1": 8.0}, {"f1": 8.0})
    Path("model.py").write_text("a model")
    provenance = {"config": made_with, "model_sha256": files.sha256_of_file(Path("model.py"))}
    best = files.read_json(results / "best.json") | {"provenance": provenance, "trials": {"completed": 1, "failed": 1}}
    files.write_json(results / "best.json", best)
    assert closing_lines.unpublished(search_files, made_with) is None
    first, *others = search_files.published
    for path in (*search_files.trials, first):
        files.write_json(Path(path), {})
    said = closing_lines.unpublished(search_files, made_with)
    assert "f1=8" in said
    assert said.endswith("Not all of it is published yet: see the lines above, then call again")
    assert "Tracked" not in said
    # What lies there is of something else.
    assert closing_lines.unpublished(search_files, made_with | {"search": {"seed": 2}}) is None
    more = Settings(**settings.model_dump() | {"search": settings.search.model_dump() | {"max_evals": 3}})
    assert closing_lines.unpublished(SearchFiles(more), made_with) is None
    Path("model.py").write_text("another")
    assert closing_lines.unpublished(search_files, made_with) is None
    Path("model.py").write_text("a model")
    assert closing_lines.unpublished(search_files, made_with)
    # All is there.
    for path in others:
        files.write_json(Path(path), {})
    assert closing_lines.unpublished(search_files, made_with) is None
