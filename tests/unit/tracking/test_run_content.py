import math

import pytest
from snakeras.search import trial_records
from snakeras.tracking import run_content

FITS = [
    {
        "epochs": 2,
        "metrics": {"accuracy": [0.5, 0.6], "loss": [1.0, 0.9], "val_accuracy": [0.4, 0.7], "val_loss": [2, 1]},
    }
]
RAN = {
    "started": "2026-11-24T10:00:00.000+00:00",
    "finished": "2026-11-24T10:00:30.000+00:00",
    "seconds": 30.0,
    "host": "here",
    "device": "CPU",
    "peak_memory_mb": 800.5,
    "epochs_ended": [["2026-11-24T10:00:10.000+00:00", "2026-11-24T10:00:20.250+00:00"]],
    "git": {"commit": "a" * 40, "changed": True},
}
START = 1795514400000


@pytest.fixture
def document() -> dict:
    return {
        "trial": 7,
        "status": "completed",
        "failure": None,
        "failed_at": None,
        "pruned": None,
        "loss": -0.7,
        "val_accuracy": 0.7,
        "epochs": 2,
        "seed": 99,
        "hyperparameters": {"f1": 64.0, "optimizer": "adam", "Dense[0]": None},
        "fits": trial_records.encode(FITS),
        "determined_by": {"packages": {"keras": "3.15.1"}},
    }


def test_a_trial_as_a_run(document: dict) -> None:
    run = run_content.of_trial("mnist", document, RAN)
    assert (run.name, run.status, run.start, run.end) == ("mnist 0007", "FINISHED", START, START + 30_000)
    assert run.parameters == {"f1": "64.0", "optimizer": "adam", "Dense_0_": "None"}
    assert run.parameters.items() <= run.tags.items()
    assert run.tags["snakeras.status"] == "completed"
    assert run.tags["snakeras.packages.keras"] == "3.15.1"
    assert run.tags["mlflow.source.git.commit"] == "a" * 40
    assert run.tags["snakeras.git.changed"] == "true"
    points = {(key, step): (value, time - START) for key, value, time, step in run.metrics}
    assert points == {
        ("objective", 0): (-0.7, 30_000),
        ("epochs", 0): (2.0, 30_000),
        ("duration_seconds", 0): (30.0, 30_000),
        ("peak_memory_mb", 0): (800.5, 30_000),
        ("acc", 0): (0.5, 10_000),
        ("acc", 1): (0.6, 20_250),
        ("loss", 0): (1.0, 10_000),
        ("loss", 1): (0.9, 20_250),
        ("val_acc", 0): (0.4, 10_000),
        ("val_acc", 1): (0.7, 20_250),
        ("val_loss", 0): (2.0, 10_000),
        ("val_loss", 1): (1.0, 20_250),
    }


def test_pruned_and_failed_trials_say_so(document: dict) -> None:
    pruned = document | {"status": "pruned", "pruned": {"epoch": 3, "monitor": "val_accuracy", "value": 0.1}}
    run = run_content.of_trial("mnist", pruned, RAN)
    assert (run.status, run.tags["snakeras.status"]) == ("FINISHED", "pruned at epoch 3")
    failed = document | {
        "status": "failed",
        "loss": None,
        "fits": [],
        "failure": "too\nlarge",
        "failed_at": "m.py, line 3",
    }
    run = run_content.of_trial("mnist", failed, {**RAN, "git": None, "epochs_ended": []})
    assert (run.status, run.tags["snakeras.status"]) == ("FAILED", "failed")
    assert run.tags["snakeras.failure"] == run.tags["mlflow.note.content"] == "too large, at m.py, line 3"
    assert {key for key, *_ in run.metrics} == {"epochs", "duration_seconds", "peak_memory_mb"}
    assert "mlflow.source.git.commit" not in run.tags


def test_of_several_fits_the_one_with_the_trials_accuracy_has_the_plain_names() -> None:
    fits = [
        {"metrics": {"val_accuracy": [0.1]}},
        {"metrics": {"val_accuracy": [0.2], "accuracy": [0.3]}},
        {"metrics": {"val_loss": [0.5]}},
    ]
    points = {key: value for key, value, *_ in run_content.curves(fits, [], 5)}
    assert points == {
        "val_acc": 0.2,
        "acc": 0.3,
        "fit 0/val_acc": 0.1,
        "fit 1/val_acc": 0.2,
        "fit 1/acc": 0.3,
        "fit 2/val_loss": 0.5,
    }


def test_every_kind_of_accuracy_has_the_same_name() -> None:
    metrics = {"val_categorical_accuracy": [0.2], "categorical_accuracy": [0.3], "auc": [0.4]}
    assert {key for key, *_ in run_content.curves([{"metrics": metrics}], [], 0)} == {"val_acc", "acc", "auc"}


def test_curves_with_gaps_and_without_numbers() -> None:
    fits = trial_records.encode([{"metrics": {"loss": [math.nan, 1.0], "val_loss": [None, 2.0]}}])
    points = list(run_content.curves(fits, [["2026-11-24T10:00:00+00:00"]], 5))
    assert [(key, step, time) for key, _, time, step in points] == [
        ("loss", 0, START),
        ("loss", 1, 5),
        ("val_loss", 1, 5),
    ]
    assert math.isnan(points[0][1])


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [("batch_size", "batch_size"), ("a b.c-d:e/f", "a b.c-d:e/f"), ("{{x}}", "__x__"), ("", "_"), ("/a/", "a")],
)
def test_names_in_mlflows_alphabet(name: str, cleaned: str) -> None:
    assert run_content.valid_name(name) == cleaned
    assert len(run_content.valid_name(name * 300)) <= 250
