from pathlib import Path
from types import SimpleNamespace

import pytest
from snakeras.core import files
from snakeras.workflow import progress


def finish(folder: Path, number: int, start: str, end: str, **changes: object) -> None:
    document = {"trial": number, "status": "completed", "failure": None, "loss": -0.5, "val_accuracy": 0.5}
    document |= {"pruned": None} | changes
    document.setdefault("determined_by", {"model": "m", "trial": number})
    files.write_json(folder / f"{number:04d}.json", document)
    files.write_json(
        folder / f"{number:04d}.run.json",
        {"started": f"2026-01-01T{start}+00:00", "finished": f"2026-01-01T{end}+00:00"},
    )


def test_a_line_tells_how_far_the_search_is(tmp_path: Path) -> None:
    finish(tmp_path, 0, "10:00:00", "10:01:00", loss=-0.9, val_accuracy=0.9)
    finish(tmp_path, 1, "10:00:30", "10:02:00", loss=-0.25, val_accuracy=0.25)
    (tmp_path / "0002.json").write_text("{")
    # Left from another configuration.
    finish(tmp_path, 3, "09:00:00", "09:30:00", loss=-0.99, determined_by={"model": "other", "trial": 3})
    assert progress.ends(1, 6, tmp_path, parallelism=2) == (
        "trial 0001: val_accuracy 0.2500; best so far val_accuracy 0.9000 (trial 0000); 2 of 6 done; about 4 min left"
    )


def test_only_trials_that_may_have_run_beside_it_are_read(tmp_path: Path) -> None:
    # All before them are finished, and what is to be known of these is handed over.
    for number in range(90, 101):
        finish(tmp_path, number, "10:00:00", "10:00:10")
    best = {"trial": 7, "status": "completed", "failure": None, "pruned": None, "loss": -0.75, "val_accuracy": 0.75}
    assert progress.ends(100, 200, tmp_path, 4, best) == (
        "trial 0100: val_accuracy 0.5000; best so far val_accuracy 0.7500 (trial 0007); 101 of 200 done; "
        "about 2 min left"
    )


def test_a_pruned_trial_says_where(tmp_path: Path) -> None:
    pruned = {"epoch": 3, "monitor": "val_loss", "value": 0.5}
    finish(tmp_path, 0, "10:00:00", "10:01:00", status="pruned", pruned=pruned)
    assert progress.ends(0, 1, tmp_path, 1) == "trial 0000: pruned after epoch 3 (val_loss 0.5000); 1 of 1 done"


def test_a_failed_trial_says_why(tmp_path: Path) -> None:
    finish(tmp_path, 0, "10:00:00", "10:01:00", status="failed", failure="ValueError: x", loss=None, val_accuracy=None)
    assert progress.ends(0, 1, tmp_path, 1) == "trial 0000: failed (ValueError: x); 1 of 1 done"


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
    said = progress.summary(tmp_path, {"uri": "http://tracker:5000", "mflux": False})
    for part in ("(trial 0003): f1=8, kind=a", "search: 0.9900", "0.9900 (95 % interval 0.9800", "http://tracker:5000"):
        assert part in said
    assert str(tmp_path / "best.json") in said


def test_the_summary_of_a_model_without_accuracy_has_its_loss(tmp_path: Path) -> None:
    finished(tmp_path, {}, {}, accuracy=None)
    said = progress.summary(tmp_path, {"uri": None, "mflux": False})
    assert "Test loss of the final model: 0.25" in said
    assert "MLflow" not in said


def test_the_summary_says_when_there_was_no_test(tmp_path: Path) -> None:
    finished(tmp_path, {}, {}, accuracy=None)
    metrics = files.read_json(tmp_path / "final" / "metrics.json")
    files.write_json(tmp_path / "final" / "metrics.json", metrics | {"test_loss": None})
    assert "was not tested" in progress.summary(tmp_path, {"uri": None, "mflux": False})
    files.write_json(tmp_path / "final" / "metrics.json", metrics | {"test_loss": None, "model": None})
    assert "trains no model to keep; its loss with these: -0.9" in progress.summary(
        tmp_path, {"uri": None, "mflux": False}
    )


def test_an_older_final_model_is_not_the_bests(tmp_path: Path) -> None:
    finished(tmp_path, {"f1": 8.0}, {"f1": 16.0})
    assert progress.summary(tmp_path, {"uri": None, "mflux": False}) is None


def test_there_is_no_summary_before_the_end(tmp_path: Path) -> None:
    assert progress.summary(tmp_path, {"uri": None, "mflux": False}) is None


def test_when_only_publishing_is_missing_the_last_lines_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    results = Path("results/x")
    finished(results, {"f1": 8.0}, {"f1": 8.0})
    Path("model.py").write_text("a model")
    made_with = {"config": {"search": {"seed": 1}, "data": {}}, "model_sha256": files.sha256_of_file(Path("model.py"))}
    best = files.read_json(results / "best.json") | {"provenance": made_with, "trials": {"completed": 1, "failed": 1}}
    files.write_json(results / "best.json", best)
    plan = SimpleNamespace(
        results=str(results),
        search={"seed": 1},
        data={},
        model=["model.py"],
        max_evals=2,
        trials=["a.json", "b.json"],
        published=["c.json", "d.json"],
        tracking={"uri": "sqlite:///mlflow.db", "mflux": False},
    )
    assert progress.unpublished(plan) is None
    for name in ("a.json", "b.json", "c.json"):
        Path(name).write_text("{}")
    said = progress.unpublished(plan)
    assert "f1=8" in said
    assert said.endswith("Not all of it is published yet: see the lines above, then call again")
    assert "Tracked" not in said
    # What lies there is of something else, or all is there.
    for change in ({"search": {"seed": 2}}, {"max_evals": 3}, {"published": ["c.json"]}):
        assert progress.unpublished(SimpleNamespace(**(vars(plan) | change))) is None
    Path("model.py").write_text("another")
    assert progress.unpublished(plan) is None
