import base64
import datetime
import os
import platform
from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.workflow import stale_lock, watch

SETTINGS = {"search": {"seed": 1}, "data": {"dataset": "mnist"}}
NOW = datetime.datetime(2026, 11, 24, 10, 3, tzinfo=datetime.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a search of 6 trials that is at work."""
    note = {"host": platform.node(), "process": os.getpid(), "name": "mnist", "trials": 6, "made_with": SETTINGS}
    files.write_json(tmp_path / files.RUN_NOTES / "mnist.json", note)
    (tmp_path / stale_lock.LOCKS).mkdir(parents=True)
    (tmp_path / stale_lock.LOCKS / "0.input.lock").touch()
    return tmp_path


def finish(folder: Path, trial: int, minute: int, seed: int = 1, **changes: object) -> None:
    path = folder / "results" / "mnist" / "trials" / f"{trial:04d}.json"
    determined_by = {"search": {"seed": seed}, "data": {"dataset": "mnist", "digest": "d"}, "trial": trial}
    document = {"trial": trial, "status": "completed", "failure": None, "pruned": None, "loss": -trial / 10}
    document |= {"fits": [{"metrics": {"val_accuracy": [0.0, trial / 10]}}], "determined_by": determined_by}
    files.write_json(path, document | changes)
    times = {"started": f"2026-11-24T10:0{minute}:00+00:00", "finished": f"2026-11-24T10:0{minute + 1}:00+00:00"}
    files.write_json(path.with_suffix(".run.json"), times)


def hand_over(folder: Path, trial: int, starts: bool) -> None:
    output = f"results/mnist/trials/{trial:04d}.json"
    mark = folder / stale_lock.INCOMPLETE / base64.urlsafe_b64encode(output.encode()).decode()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    log = folder / "results" / "mnist" / "logs" / "trials" / f"{trial:04d}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    age = mark.stat().st_mtime + (1 if starts else -100)
    os.utime(log, (age, age))


def test_a_search_at_work(folder: Path) -> None:
    finish(folder, 0, 0)
    finish(folder, 1, 2, status="failed", failure="ValueError: x", loss=None, fits=[])
    finish(folder, 2, 1)
    # Of other settings: it is going to run again.
    finish(folder, 3, 1, seed=2)
    hand_over(folder, 3, starts=True)
    hand_over(folder, 4, starts=False)
    assert watch.Watch(folder).lines(NOW) == [
        "mnist: 3 of 6 trials done (2 completed, 0 pruned, 1 failed)",
        "  running: 0003; in the queue: 1",
        "  best so far: loss -0.2, val_accuracy 0.2000 (trial 0002)",
        "  last: trial 0001: failed (ValueError: x)",
        "  about 3 min left, until 10:06",
    ]


def test_a_search_that_was_killed(folder: Path) -> None:
    (note,) = stale_lock.notes(folder)
    files.write_json(folder / files.RUN_NOTES / "mnist.json", note | {"process": 2**22 + 1})
    hand_over(folder, 0, starts=True)
    assert watch.Watch(folder).lines(NOW) == [
        "mnist: 0 of 6 trials done (0 completed, 0 pruned, 0 failed)",
        "  it was killed while trials ran: 0000",
        "  nothing runs here now",
    ]


def test_what_changes_between_two_looks_is_seen(folder: Path) -> None:
    watched = watch.Watch(folder)
    finish(folder, 0, 0)
    assert "0 pruned" in watched.lines(NOW)[0]
    pruned = {"epoch": 1, "monitor": "val_loss", "value": 0.5}
    finish(folder, 0, 0, status="pruned", pruned=pruned)
    assert "1 pruned" in watched.lines(NOW)[0]


def test_a_folder_without_a_search_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no search was run here"):
        watch.Watch(tmp_path).lines(NOW)


def test_it_writes_nothing(folder: Path) -> None:
    finish(folder, 0, 0)
    before = sorted(folder.rglob("*"))
    watch.Watch(folder).lines(NOW)
    assert sorted(folder.rglob("*")) == before


def test_skipped_trials_are_counted_and_take_no_time(folder: Path) -> None:
    for trial in range(4):
        finish(folder, trial, trial)
    finish(folder, 4, 4, status="skipped", skipped="target: ...", loss=None, fits=[])
    lines = watch.Watch(folder).lines(NOW)
    assert lines[0] == "mnist: 5 of 6 trials done (4 completed, 0 pruned, 0 failed, 1 skipped)"
    assert lines[-1] == "  last: trial 0004: skipped (target: ...)"


def test_trials_that_run_again_are_not_counted_until_they_have(folder: Path) -> None:
    for trial in range(4):
        finish(folder, trial, trial)
    skipped = {"status": "skipped", "skipped": "target: ...", "loss": None, "fits": []}
    for trial in (4, 5):
        finish(folder, trial, trial, **skipped)
        os.utime(folder / "results" / "mnist" / "trials" / f"{trial:04d}.json", (1, 1))
    watched = watch.Watch(folder)
    assert watched.lines(NOW)[0].startswith("mnist: 6 of 6 trials done")
    # The rule was loosened.
    (note,) = stale_lock.notes(folder)
    files.write_json(folder / files.RUN_NOTES / "mnist.json", note | {"again": ["0004", "0005"]})
    assert watched.lines(NOW)[0] == "mnist: 4 of 6 trials done (4 completed, 0 pruned, 0 failed)"
    for trial, changes in ((4, {}), (5, skipped)):
        finish(folder, trial, trial, **changes)
    assert watched.lines(NOW)[0] == "mnist: 6 of 6 trials done (5 completed, 0 pruned, 0 failed, 1 skipped)"
