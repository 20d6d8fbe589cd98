from pathlib import Path

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


def test_a_failed_trial_says_where_but_the_same_only_once(tmp_path: Path) -> None:
    failed = {"status": "failed", "failure": "ValueError: x", "failed_at": "line 3: raise x", "loss": None}
    for number in range(3):
        finish(tmp_path, number, "10:00:00", "10:01:00", val_accuracy=None, **failed)
        failed["failed_at"] = "line 3: raise x" if number == 0 else "line 4: raise x"
    lines = [progress.ends(number, 3, tmp_path, 1, model=Path("mine.py")) for number in range(3)]
    assert [line.split(";")[0] for line in lines] == [
        "trial 0000: failed (ValueError: x (mine.py, line 3: raise x))",
        "trial 0001: failed in the same way as trial 0000",
        "trial 0002: failed (ValueError: x (mine.py, line 4: raise x))",
    ]


def test_a_failed_trial_says_why(tmp_path: Path) -> None:
    finish(tmp_path, 0, "10:00:00", "10:01:00", status="failed", failure="ValueError: x", loss=None, val_accuracy=None)
    assert progress.ends(0, 1, tmp_path, 1) == "trial 0000: failed (ValueError: x); 1 of 1 done"
