import csv
import importlib.metadata
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import published
import pytest
from published import ACCURACIES, Search, tracking, write_final
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings, TrialSettings
from snakeras.search import trial_records
from snakeras.tracking import connection, final_run, search_run, trial_run

pytestmark = pytest.mark.slow

SOON = 30.0  # seconds within which a broken tracker is given up


@pytest.fixture
def settings(local: TrackingSettings) -> TrackingSettings:
    return local


def client(settings: TrackingSettings) -> object:
    return connection.connect(settings)


def publish(
    found: Search, settings: TrackingSettings, trials: range = range(len(ACCURACIES)), final: bool = True
) -> dict:
    opened = search_run.publish_search(settings, **found.opening())
    for trial in trials:
        trial_run.publish_trial(settings, opened, **found.arguments(trial))
    if final:
        opened |= final_run.publish_final(settings, opened, **found.final())
    return opened


def refusal(settings: TrackingSettings, call: Callable, *args: object, **kwargs: object) -> str:
    """The one line of a call that a tracker fails, which comes soon."""
    begin = time.monotonic()
    with pytest.raises(UserError) as raised:
        call(settings, *args, **kwargs)
    assert time.monotonic() - begin < SOON
    line = str(raised.value)
    assert line.startswith(f"tracking.uri: {settings.uri} "), line
    assert "\n" not in line
    assert "call again to publish what is missing" in line
    return line


def content(settings: TrackingSettings, opened: dict) -> dict:
    """All that a tracker holds of a search, by the runs' names."""
    tracker = client(settings)
    runs = tracker.search_runs([opened["experiment_id"]], order_by=["attributes.start_time"])
    return {
        run.info.run_name: {
            "info": (run.info.run_id, run.info.status, run.info.start_time, run.info.end_time),
            "tags": run.data.tags,
            "params": run.data.params,
            "metrics": {
                key: [
                    (point.step, point.value, point.timestamp)
                    for point in tracker.get_metric_history(run.info.run_id, key)
                ]
                for key in run.data.metrics
            },
            "artifacts": [(file.path, file.file_size) for file in tracker.list_artifacts(run.info.run_id)],
            "datasets": [(item.dataset.name, item.dataset.digest) for item in run.inputs.dataset_inputs],
            "models": [output.model_id for output in run.outputs.model_outputs],
        }
        for run in runs
    }


def test_a_run_for_the_search_and_one_for_each_trial(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings)
    runs = content(settings, opened)
    assert list(runs) == [*(f"squares {trial:04d}" for trial in range(6)), "squares"] or "squares" in runs
    parent = runs.pop("squares")
    assert parent["info"][0] == opened["run_id"]
    assert {run["tags"]["mlflow.parentRunId"] for run in runs.values()} == {opened["run_id"]}
    assert [run["info"][1] for run in runs.values()] == ["FINISHED"] * 3 + ["FAILED"] + ["FINISHED"] * 2
    for trial, accuracy in enumerate(ACCURACIES):
        run = runs[f"squares {trial:04d}"]
        assert run["params"] == {"units": str(8.0 + trial), "optimizer": "adam"}
        assert run["params"].items() <= run["tags"].items()
        assert run["datasets"] == [("squares", "d" * 36)]
        curve = [point[:2] for point in run["metrics"].get("val_acc", [])]
        expected = [] if accuracy is None else [(0, accuracy)] if trial % 3 == 2 else [(0, accuracy / 2), (1, accuracy)]
        assert curve == expected
        assert len(run["models"]) == (accuracy is not None)
    assert runs["squares 0002"]["tags"]["snakeras.status"] == "pruned at epoch 1"
    assert runs["squares 0003"]["tags"]["snakeras.failure"] == "ValueError: no, at model.py, line 3"
    assert (parent["tags"]["units"], parent["tags"]["snakeras.best_trial"]) == ("12.0", "4")
    assert parent["metrics"]["test_accuracy"][0][:2] == (0, 0.9)
    assert parent["metrics"]["test_auc"][0][:2] == (0, 0.75)
    assert {name for name, _ in parent["artifacts"]} == {"best.json", "config.json", "metrics.json", "trials.csv"}


def test_a_skipped_trial_is_counted_and_has_no_run(found: Search, settings: TrackingSettings) -> None:
    path = found.trials / "0005.json"
    record = {key: value for key, value in files.read_json(path).items() if key not in ("digest", "checksum")}
    files.write_json(path, trial_records.sealed(record | {"status": "skipped", "skipped": "epochs: ..."}))
    best = files.read_json(found.folder / "best.json")
    files.write_json(found.folder / "best.json", best | {"trials": {"completed": 5, "skipped": 1}})
    opened = publish(found, settings)
    assert trial_run.publish_trial(settings, opened, **found.arguments(5)) == {"run_id": None, "model_id": None}
    runs = content(settings, opened)
    assert "squares 0005" not in runs and len(runs) == 6
    assert runs["squares"]["tags"]["snakeras.skipped_trials"] == "1"


def test_the_order_by_validation_accuracy_is_that_of_the_table(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings)
    runs = client(settings).search_runs([opened["experiment_id"]], order_by=["metrics.val_acc DESC"])
    with (found.folder / "trials.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if row["val_accuracy"]]
    rows.sort(key=lambda row: -float(row["val_accuracy"]))
    assert [run.data.tags["snakeras.trial"] for run in runs[: len(rows)]] == [row["trial"] for row in rows]


def test_twice_is_once(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings)
    before = content(settings, opened)
    assert publish(found, settings) == opened
    assert content(settings, opened) == before
    assert len(client(settings).search_model_versions("name='squares'")) == 1


def test_the_order_of_publishing_does_not_matter(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings, trials=[4, 0, 5, 1, 2, 3])
    runs = [name for name in content(settings, opened) if name != "squares"]
    assert runs == [f"squares {trial:04d}" for trial in range(6)]


CALLS = ("log_batch", "log_inputs", "log_artifact", "create_logged_model", "finalize_logged_model", "set_terminated")


@pytest.mark.parametrize("call", CALLS)
def test_what_was_cut_off_is_gone_on_with(
    found: Search, settings: TrackingSettings, call: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import mlflow

    whole = tracking(uri=f"sqlite:///{tmp_path}/other.db")
    shutil.copy(tmp_path / "mlflow.db", tmp_path / "other.db")
    trials = range(2)
    expected = content(whole, publish(found, whole, trials))

    original = getattr(mlflow.MlflowClient, call)
    # Before the third call did anything, then after the next one did.
    for before, after in ((2, False), (0, True)):
        calls = iter([*[True] * before, after])

        def cut(*args: object, calls: Iterator[bool] = calls, last: int = before, **kwargs: object) -> object:
            done = next(calls)
            result = original(*args, **kwargs) if done else None
            if not done or last == 0:
                raise ConnectionResetError("cut off")
            return result

        with monkeypatch.context() as patch:
            patch.setattr(mlflow.MlflowClient, call, cut)
            with pytest.raises(UserError, match="did not take it.*cut off"):
                publish(found, settings, trials)
    got = content(settings, publish(found, settings, trials))
    assert list(got) == list(expected)
    for name, run in got.items():
        same = ("params", "metrics", "artifacts", "datasets")
        assert {key: run[key] for key in same} == {key: expected[name][key] for key in same}
        assert run["info"][1:2] == expected[name]["info"][1:2]
        assert len(run["models"]) == len(expected[name]["models"])


def test_another_result_of_a_trial_takes_the_place_of_its_run(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings, final=False)
    path = found.trials / "0001.json"
    document = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("digest", "checksum")}
    from snakeras.search import trial_records

    document["fits"][0]["metrics"]["val_accuracy"] = document["fits"][0]["metrics"]["accuracy"] = [0.1, 0.2]
    files.write_json(path, trial_records.sealed(document | {"val_accuracy": 0.2, "loss": -0.2}))
    trial_run.publish_trial(settings, opened, **found.arguments(1))
    runs = content(settings, opened)
    assert len(runs) == 7
    assert [point[1] for point in runs["squares 0001"]["metrics"]["val_acc"]] == [0.1, 0.2]


def test_a_trial_run_again_at_another_time_has_one_curve(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings, trials=range(2), final=False)
    happened = found.trials / "0001.run.json"
    again = files.read_json(found.trials / "0000.run.json")
    files.write_json(happened, again)
    trial_run.publish_trial(settings, opened, **found.arguments(1))
    runs = content(settings, opened)
    assert len(runs) == 3
    assert [point[0] for point in runs["squares 0001"]["metrics"]["val_acc"]] == [0, 1]
    assert runs["squares 0001"]["info"][2] == runs["squares 0000"]["info"][2]


def test_a_new_final_model_is_the_next_version(found: Search, settings: TrackingSettings) -> None:
    first = publish(found, settings)
    write_final(found, 0.95)
    second = publish(found, settings)
    assert (first["model_uri"], second["model_uri"]) == ("models:/squares/1", "models:/squares/2")
    tracker = client(settings)
    assert str(tracker.get_model_version_by_alias("squares", "champion").version) == "2"
    metrics = content(settings, first)["squares"]["metrics"]
    assert [point[:2] for point in metrics["test_accuracy"]] == [(0, 0.9), (1, 0.95)]
    assert [point[:2] for point in metrics["final 2/val_acc"]] == [(0, 0.4), (1, 0.95)]
    # By the run's address one gets the newest.
    models = tracker.search_logged_models(
        [first["experiment_id"]], f"source_run_id='{first['run_id']}' AND name='model'"
    )
    assert [model.model_id for model in models] == [second["model_id"], first["model_id"]]
    # The old one, published again, is no third.
    write_final(found, 0.9)
    assert publish(found, settings)["model_uri"] == "models:/squares/1"
    assert len(tracker.search_model_versions("name='squares'")) == 2


def test_the_experiment_is_called_as_the_search_unless_it_has_a_name(found: Search, settings: TrackingSettings) -> None:
    for given, name in ((None, "squares"), ("mine", "mine")):
        opened = search_run.publish_search(settings.model_copy(update={"experiment": given}), **found.opening())
        assert client(settings).get_experiment(opened["experiment_id"]).name == name


def test_more_trials_that_find_nothing_better_are_no_new_version(found: Search, settings: TrackingSettings) -> None:
    first = publish(found, settings)
    best = files.read_json(found.folder / "best.json")
    files.write_json(found.folder / "best.json", best | {"trials": {"completed": 9, "failed": 1, "pruned": 2}})
    assert publish(found, settings)["model_uri"] == first["model_uri"] == "models:/squares/1"
    assert len(client(settings).search_model_versions("name='squares'")) == 1
    assert len(content(settings, first)["squares"]["metrics"]["test_accuracy"]) == 1


@pytest.mark.parametrize(("models", "logged"), [("all", 5), ("best", 1), ("none", 0)])
def test_whose_models_are_logged(found: Search, settings: TrackingSettings, models: str, logged: int) -> None:
    opened = publish(found, settings.model_copy(update={"models": models, "registered_model": "mine"}))
    runs = content(settings, opened)
    assert sum(len(run["models"]) for name, run in runs.items() if name != "squares") == logged
    if models == "best":
        assert runs["squares 0004"]["models"]
    assert len(runs["squares"]["models"]) == 1
    assert client(settings).get_model_version_by_alias("mine", "champion").run_id == opened["run_id"]


def test_the_same_trials_in_another_search_are_runs_of_their_own(
    tmp_path: Path, search: dict, settings: TrackingSettings
) -> None:
    first = publish(published.search(tmp_path / "a", search, ACCURACIES), settings, final=False)

    other = published.search(tmp_path / "b", search, ACCURACIES, name="other")
    second = publish(other, settings, final=False)
    assert first["run_id"] != second["run_id"]
    assert len(content(settings, first)) == 14


PUBLISH = """
import json, sys
sys.path[:0] = ["scripts", "tests/support"]
from pathlib import Path
from published import Search
from snakeras.core.settings import TrackingSettings, TrialSettings
from snakeras.tracking import search_run, trial_run
given = json.loads(sys.argv[1])
found = Search(Path(given["folder"]), "squares", given["search"])
settings = TrackingSettings(**given["settings"])
opened = search_run.publish_search(settings, **found.opening())
for trial in given["trials"]:
    trial_run.publish_trial(settings, opened, **found.arguments(trial))
"""


def in_processes(found: Search, settings: TrackingSettings, shares: list[list[int]]) -> None:
    """Publish trials from as many processes at once as there are shares."""

    def run(trials: list[int]) -> subprocess.CompletedProcess:
        given = {"folder": str(found.folder), "search": found.settings, "trials": trials}
        given["settings"] = settings.model_dump()
        command = [sys.executable, "-c", PUBLISH, json.dumps(given)]
        root = Path(__file__).parents[3]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(len(shares)) as pool:
        for ended in pool.map(run, shares):
            assert ended.returncode == 0, ended.stderr


def test_five_publishers_at_once_on_sqlite(tmp_path: Path, search: dict) -> None:

    found = published.search(tmp_path / "results", search, [0.5 + trial / 100 for trial in range(5)])
    # No store yet: one of them makes it. Each trial is published by two processes.
    settings = tracking(uri=f"sqlite:///{tmp_path}/mlflow.db")
    in_processes(found, settings, [[trial, (trial + 2) % 5] for trial in range(5)])
    opened = search_run.publish_search(settings, **found.opening())
    before = content(settings, opened)
    assert sorted(before) == ["squares", *(f"squares {trial:04d}" for trial in range(5))]
    assert all(len(run["models"]) == 1 for name, run in before.items() if name != "squares")


def test_a_folder_that_was_moved_is_told(found: Search, settings: TrackingSettings, tmp_path: Path) -> None:
    publish(found, settings)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("mlflow.db", "mlruns"):
        (tmp_path / name).rename(moved / name)
    with pytest.raises(UserError, match=r"^tracking.uri: .* has its artifacts in .*/mlruns/tests, which is not there"):
        publish(found, tracking(uri=f"sqlite:///{moved}/mlflow.db"))
    assert not (tmp_path / "mlruns").exists()


def test_the_search_starts_before_its_trials(
    found: Search, settings: TrackingSettings, empty_store: Path, tmp_path: Path
) -> None:
    opened = publish(found, settings, trials=range(1), final=False)
    runs = content(settings, opened)
    assert list(runs) == ["squares", "squares 0000"]
    assert runs["squares"]["info"][2] == runs["squares 0000"]["info"][2] - 1
    # Live: no trial has ended yet.
    other = tracking(uri=f"sqlite:///{tmp_path}/other.db")
    shutil.copy(empty_store, tmp_path / "other.db")
    opened = search_run.publish_search(other, **(found.opening() | {"trials": tmp_path / "none", "began": 7.5}))
    assert client(other).get_run(opened["run_id"]).info.start_time == 7500


def test_the_searcher_its_options_and_its_library_stand_in_the_search(
    found: Search, settings: TrackingSettings
) -> None:
    chosen = TrialSettings(**found.settings | {"algo": "optuna-tpe", "algo_options": {"multivariate": False}})
    opened = search_run.publish_search(settings, **(found.opening() | {"search": chosen}))
    run = client(settings).get_run(opened["run_id"])
    assert run.data.params["algo"] == "optuna-tpe"
    assert run.data.params["algo_options"] == '{"multivariate": false}'
    assert run.data.tags["snakeras.packages.optuna"] == importlib.metadata.version("optuna")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "postgresql://nobody@127.0.0.1:9/x", "nonsense://x"])
def test_a_tracker_that_cannot_be_used_is_one_line(found: Search, uri: str) -> None:
    refusal(tracking(uri=uri), search_run.publish_search, **found.opening())
