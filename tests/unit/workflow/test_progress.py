import datetime
from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.process import lifetime
from snakeras.workflow import progress


def record(number: int, **changes: object) -> dict:
    made = {"trial": number, "status": "completed", "failure": None, "loss": -0.5, "pruned": None}
    made |= {"fits": fits(val_accuracy=[0.1, 0.5]), "determined_by": {"model": "m", "trial": number}}
    return made | changes


def fits(**metrics: list) -> list[dict]:
    return [{"epochs": 2, "metrics": metrics}]


def finish(folder: Path, number: int, start: str, end: str, **changes: object) -> None:
    document = record(number, **changes)
    files.write_json(folder / f"{number:04d}.json", document)
    files.write_json(
        folder / f"{number:04d}.run.json",
        {"started": f"2026-01-01T{start}+00:00", "finished": f"2026-01-01T{end}+00:00"},
    )


def test_a_line_tells_how_far_the_search_is(tmp_path: Path) -> None:
    finish(tmp_path, 0, "10:00:00", "10:01:00", loss=0.1, fits=fits(val_accuracy=[0.9, 0.4]))
    finish(tmp_path, 1, "10:00:30", "10:02:00", loss=0.25, fits=fits(val_accuracy=[0.7]))
    (tmp_path / "0002.json").write_text("{")
    # Left from another configuration.
    finish(tmp_path, 3, "09:00:00", "09:30:00", loss=-0.99, determined_by={"model": "other", "trial": 3})
    # The search goes by the loss, whatever else is higher.
    assert progress.ends(1, 6, tmp_path, parallelism=2, earlier=[]) == (
        "trial 0001: loss 0.25, val_accuracy 0.7000; best so far loss 0.1, val_accuracy 0.4000 (trial 0000); "
        "2 of 6 done; about 4 min left"
    )


def test_only_trials_that_may_have_run_beside_it_are_read(tmp_path: Path) -> None:
    # All before them are finished, and what is to be known of these is handed over.
    for number in range(90, 101):
        finish(tmp_path, number, "10:00:00", "10:00:10")
    earlier = [record(number) for number in range(97)]
    earlier[7] |= {"loss": -0.75}
    earlier[8] |= {"status": "pruned", "loss": -0.8}
    earlier[9] |= {"status": "failed", "loss": None}
    earlier[10] |= {"status": "failed", "loss": None}
    assert progress.ends(100, 200, tmp_path, 4, earlier) == (
        "trial 0100: loss -0.5, val_accuracy 0.5000; best so far loss -0.75, val_accuracy 0.5000 (trial 0007); "
        "101 of 200 done (1 pruned, 2 failed); about 2 min left"
    )


def test_a_pruned_trial_says_where(tmp_path: Path) -> None:
    pruned = {"epoch": 3, "monitor": "val_loss", "value": 0.5}
    finish(tmp_path, 0, "10:00:00", "10:01:00", status="pruned", pruned=pruned)
    assert progress.ends(0, 1, tmp_path, 1, []) == (
        "trial 0000: pruned after epoch 3 (val_loss 0.5000); 1 of 1 done (1 pruned)"
    )


def test_a_failed_trial_says_where_but_the_same_only_once(tmp_path: Path) -> None:
    failed = {"status": "failed", "failure": "ValueError: x", "failed_at": "line 3: raise x", "loss": None}
    for number in range(3):
        finish(tmp_path, number, "10:00:00", "10:01:00", val_accuracy=None, **failed)
        failed["failed_at"] = "line 3: raise x" if number == 0 else "line 4: raise x"
    records = [progress.read(tmp_path, number)[0] for number in range(3)]
    lines = [progress.ends(number, 3, tmp_path, 1, records[:number], Path("mine.py")) for number in range(3)]
    assert [line.split(";")[0] for line in lines] == [
        "trial 0000: failed (ValueError: x (mine.py, line 3: raise x))",
        "trial 0001: failed in the same way as trial 0000",
        "trial 0002: failed (ValueError: x (mine.py, line 4: raise x))",
    ]


def test_a_failed_trial_says_why(tmp_path: Path) -> None:
    finish(tmp_path, 0, "10:00:00", "10:01:00", status="failed", failure="ValueError: x", loss=None, fits=[])
    assert progress.ends(0, 1, tmp_path, 1, []) == "trial 0000: failed (ValueError: x); 1 of 1 done (1 failed)"


@pytest.mark.parametrize(
    ("monitor", "metrics", "shown"),
    [
        ("auto", {"val_acc": [0.25], "val_loss": [1.0]}, ["val_acc 0.2500"]),
        ("auto", {"val_f1": [0.5], "val_loss": [1.5]}, ["val_loss 1.5000"]),
        ("val_f1", {"val_accuracy": [0.75], "val_f1": [0.5]}, ["val_f1 0.5000"]),
        ("auto", {"loss": [0.5]}, []),
        ("auto", {}, []),
        # It is the loss already, or was none of JSON's numbers.
        ("auto", {"val_loss": [2.0, 0.75]}, []),
        ("auto", {"val_loss": [{"$python": "float", "value": "nan"}]}, []),
    ],
)
def test_the_monitored_metric_has_its_own_name(monitor: str, metrics: dict, shown: list[str]) -> None:
    determined_by = {"search": {"pruner": {"type": "median", "monitor": monitor}}}
    fit = record(0, loss=0.75, fits=fits(**metrics), determined_by=determined_by)
    assert progress.monitored(fit) == shown
    # Of several fits it is the last that has it.
    several = [*fits(val_acc=[0.125]), *fits(val_acc=[0.375]), *fits(loss=[1.0])]
    assert progress.monitored(record(0, fits=several)) == ["val_acc 0.3750"]


def test_skipped_trials_take_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = {"status": "skipped", "skipped": "epochs: 9 up to trial 0001 reached search.stop.epochs, 8", "loss": None}
    for number in range(3):
        finish(tmp_path, number, "10:00:00", "10:01:00")
    for number in (4, 5):
        finish(tmp_path, number, "10:01:00", "10:01:00", **skipped, fits=[])
    seen = [progress.read(tmp_path, number)[0] for number in range(3)]
    # Of trials 3 to 99, only 3 is still to be trained.
    assert progress.ends(4, 100, tmp_path, 3, seen[:2]) == (
        "trial 0004: skipped (epochs: 9 up to trial 0001 reached search.stop.epochs, 8); best so far loss -0.5, "
        "val_accuracy 0.5000 (trial 0000); 5 of 100 done (2 skipped); about 20 s left"
    )
    assert progress.ends(5, 6, tmp_path, 3, seen) == "trial 0005: skipped; 5 of 6 done (2 skipped); about 20 s left"
    # Beside one that has run, they count unless they are of an earlier run of Snakemake: perhaps they run again.
    finish(tmp_path, 3, "11:00:00", "11:01:00")
    start = datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.UTC).timestamp()
    monkeypatch.setattr(lifetime, "snakemake_started", lambda: start)
    assert progress.ends(3, 6, tmp_path, 3, seen[:1]).endswith("; 6 of 6 done (2 skipped)")
    monkeypatch.setattr(lifetime, "snakemake_started", lambda: start + 3600)
    assert "; 4 of 6 done; about 60 s left" in progress.ends(3, 6, tmp_path, 3, seen[:1])
