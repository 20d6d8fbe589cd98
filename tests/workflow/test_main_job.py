"""The main job, end to end, on 5,000 real digits."""

import csv
import json
import os
import re

import pytest
from snakeras.search import trial_records

pytestmark = pytest.mark.slow

NAMES = ["f1", "k1", "d1", "f2", "k2", "d2", "dense", "d3", "batch_size"]


def test_the_table_of_trials(finished) -> None:
    with (finished.results / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["trial", "status", "loss", "val_accuracy", "epochs", *NAMES]
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    # A trial that was pruned trained one epoch of two.
    assert {(row["status"], row["epochs"]) for row in rows} == {("completed", "2"), ("pruned", "1")}
    assert all(float(row["loss"]) == -float(row["val_accuracy"]) for row in rows)


def test_the_best_trial(finished) -> None:
    best = json.loads((finished.results / "best.json").read_text())
    with (finished.results / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    winner = min((row for row in rows if row["status"] == "completed"), key=lambda row: float(row["loss"]))
    assert best["name"] == "five"
    assert str(best["trial"]) == winner["trial"]
    assert list(best["hyperparameters"]) == NAMES
    assert best["hyperparameters"] == {name: float(winner[name]) for name in NAMES}
    assert best["provenance"]["seed"] == 1337
    assert set(best["provenance"]["packages"]) == {"tensorflow", "keras", "hyperas", "hyperopt", "numpy", "optuna"}


def test_results_hold_nothing_that_merely_happened(finished) -> None:
    time = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
    for path in [*finished.results.glob("*.*"), *finished.results.glob("trials/[0-9][0-9][0-9][0-9].json")]:
        text = path.read_text()
        assert str(finished.path) not in text
        assert os.uname().nodename not in re.findall(r"[\w.-]+", text)
        assert not time.search(text)
    record = (finished.results / "trials" / "0000.run.json").read_text()
    assert time.search(record)
    happened = json.loads(record)
    assert {"started", "finished", "host", "device", "cpu_seconds", "peak_memory_mb"} <= set(happened)
    assert happened["host"] == os.uname().nodename
    assert 100 < happened["peak_memory_mb"] < 20_000


def test_every_trial_keeps_its_curve_and_model(finished) -> None:
    for number in range(4):
        document = trial_records.read(finished.results / "trials" / f"{number:04d}.json")
        (fit,) = document["fits"]
        assert fit["epochs"] == (2 if document["status"] == "completed" else document["pruned"]["epoch"])
        assert set(fit["metrics"]) == {"accuracy", "loss", "val_accuracy", "val_loss"}
        assert fit["metrics"]["val_accuracy"][-1] == document["val_accuracy"] == -document["loss"]
        assert (finished.results / "trials" / f"{number:04d}" / "model.keras").stat().st_size > 10_000


def test_the_final_model_was_tested_once_on_the_test_set(finished) -> None:
    metrics = json.loads((finished.results / "final" / "metrics.json").read_text())
    matrix = metrics["confusion_matrix"]
    assert [sum(row) for row in matrix] == [100] * 10
    right = sum(matrix[number][number] for number in range(10))
    low, high = metrics["test_accuracy_interval"]
    assert low < metrics["test_accuracy"] == right / 1000 < high
    assert metrics["per_class_accuracy"] == [matrix[number][number] / 100 for number in range(10)]
    assert metrics["test_data_seen_by_search"] is False


def test_progress_and_the_last_lines(finished) -> None:
    said = finished.output
    for number in range(4):
        assert f"trial {number:04d} starts, one of 4" in said
    assert "4 of 4 done" in said
    assert "Best hyperparameters (trial " in said
    assert "Test accuracy of the final model:" in said
    assert "mlflow ui --backend-store-uri sqlite:///mlflow.db" in said
    # TensorFlow's own words are in the logs.
    assert "val_loss:" not in said
    assert "val_loss:" in (finished.results / "logs" / "trials" / "0000.log").read_text()
