"""What is in the tracker: each trial once, in order, with its model, whatever happened."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import servers
from processes import wait_for
from snakeras.search import trial_records
from tracked_runs import client_of, complaints, runs
from workflow_folder import Folder, environment, new_folder

pytestmark = pytest.mark.slow

FAILED = 1  # the trial of the scenario "tracked" that fails


def assert_each_is_there_once(folder: Folder, uri: str) -> None:
    """Every trial has one run, which has ended as the trial did, and the final model is registered."""
    search, nested = runs(uri, folder.name)
    table = folder.rows()
    assert [run.info.run_name for run in nested] == [f"{folder.name} {int(row['trial']):04d}" for row in table]
    assert [run.info.status for run in nested] == [
        "FAILED" if row["status"] == "failed" else "FINISHED" for row in table
    ]
    assert search.info.status == "FINISHED"
    assert [version.version for version in client_of(uri).search_model_versions()] in (["1"], [1])
    for run, row in zip(nested, table, strict=True):
        if row["status"] != "failed":
            assert run.data.metrics["val_acc"] == float(row["val_accuracy"])
            points = client_of(uri).get_metric_history(run.info.run_id, "val_acc")
            assert [point.step for point in points] == [0, 1]


# The main job: what is in MLflow


@pytest.fixture(scope="module")
def checked(finished: Folder, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a user's own program finds in the tracker of the finished job."""
    output = tmp_path_factory.mktemp("checked") / "found.json"
    subprocess.run(
        [sys.executable, "-c", CHECK, output],
        cwd=finished.path,
        env=environment() | {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"},
        check=True,
    )
    return json.loads(output.read_text())


CHECK = """
import json, sys
from pathlib import Path
import mlflow, numpy as np
(folder,) = Path("resources/prepared").iterdir()
x, y = (np.load(folder / f"{name}_test.npy") for name in "xy")
held_out, classes = (np.load(folder / f"{name}_validation.npy") for name in "xy")
table = mlflow.search_runs(experiment_names=["test"], order_by=["metrics.val_acc DESC"])
nested = table[table["tags.mlflow.parentRunId"].notna()]
first = mlflow.keras.load_model(f"runs:/{nested.iloc[0].run_id}/model").predict(held_out, verbose=0)
final = mlflow.keras.load_model("models:/five@champion").predict(x, verbose=0)
found = {
    "runs": table.to_dict("records"),
    "first_accuracy": float(np.mean(first.argmax(1) == classes.argmax(1))),
    "accuracy": float(np.mean(final.argmax(1) == y.argmax(1))),
    "digits": x[:5].tolist(),
    "classes": final[:5].argmax(1).tolist(),
    "probabilities": final[:5].tolist(),
}
Path(sys.argv[1]).write_text(json.dumps(found, default=str))
"""


def test_the_runs_sorted_by_validation_accuracy_are_the_table(finished: Folder, checked: dict) -> None:
    nested = [run for run in checked["runs"] if isinstance(run["tags.mlflow.parentRunId"], str)]
    (search,) = [run for run in checked["runs"] if run not in nested]
    assert {run["tags.mlflow.parentRunId"] for run in nested} == {search["run_id"]}
    # Runs without the metric are last.
    assert checked["runs"][-1] == search
    table = sorted(finished.rows(), key=lambda row: -float(row["val_accuracy"]))
    assert len({row["val_accuracy"] for row in table}) == len(table)
    assert [run["tags.mlflow.runName"] for run in nested] == [f"five {int(row['trial']):04d}" for row in table]
    assert [run["metrics.val_acc"] for run in nested] == [float(row["val_accuracy"]) for row in table]
    for run, row in zip(nested, table, strict=True):
        for name in list(row)[5:]:
            assert float(run[f"params.{name}"]) == float(run[f"tags.{name}"]) == float(row[name])
    metrics = json.loads((finished.results / "final" / "metrics.json").read_text())
    assert search["metrics.test_accuracy"] == metrics["test_accuracy"]
    assert search["status"] == "FINISHED"


def test_a_trial_has_its_curve_and_its_data(finished: Folder) -> None:
    uri = f"sqlite:///{finished.path}/mlflow.db"
    data = json.loads((finished.results / "data.json").read_text())
    _, nested = runs(uri, "test")
    for number, run in enumerate(nested):
        document = trial_records.read(finished.results / "trials" / f"{number:04d}.json")
        points = client_of(uri).get_metric_history(run.info.run_id, "val_acc")
        assert [point.step for point in points] == list(range(document["epochs"]))
        assert [point.value for point in points] == document["fits"][0]["metrics"]["val_accuracy"]
        times = [point.timestamp for point in points]
        assert times == sorted(set(times))
        assert run.info.start_time < times[0] <= times[-1] <= run.info.end_time
        (used,) = run.inputs.dataset_inputs
        assert used.dataset.name == "mnist-5k"
        assert used.dataset.digest == data["digest"][:36]
        shapes = json.loads(used.dataset.profile)["features_shape"]
        assert shapes == {name: array["shape"] for name, array in data["arrays"].items() if "test" not in name}


def test_models_are_loaded_by_their_addresses(finished: Folder, checked: dict) -> None:
    assert checked["first_accuracy"] == pytest.approx(max(float(row["val_accuracy"]) for row in finished.rows()))
    metrics = json.loads((finished.results / "final" / "metrics.json").read_text())
    assert checked["accuracy"] == metrics["test_accuracy"]


def test_the_champion_is_served(finished: Folder, checked: dict, tmp_path: Path) -> None:
    port = servers.free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/five@champion"]
    with (tmp_path / "serve.log").open("w") as log:
        serving = subprocess.Popen(
            [*command, "--env-manager", "local", "--host", servers.HOST, "--port", str(port)],
            cwd=tmp_path,
            env=environment() | {"MLFLOW_TRACKING_URI": f"sqlite:///{finished.path}/mlflow.db"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def asked(path: str, body: dict | None = None) -> bytes:
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"http://{servers.HOST}:{port}{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def up() -> bool:
        assert serving.poll() is None, (tmp_path / "serve.log").read_text()
        try:
            asked("/ping")
        except OSError:
            return False
        return True

    try:
        wait_for(up)
        predictions = json.loads(asked("/invocations", {"inputs": checked["digits"]}))["predictions"]
    finally:
        os.killpg(serving.pid, signal.SIGKILL)
        serving.wait(30)
    assert [row.index(max(row)) for row in predictions] == checked["classes"]
    for given, expected in zip(predictions, checked["probabilities"], strict=True):
        assert given == pytest.approx(expected, abs=1e-5)


def test_the_interface_shows_the_trials_from_best_to_worst(finished: Folder, tmp_path: Path) -> None:
    shutil.copy(finished.path / "mlflow.db", tmp_path)
    table = sorted(finished.rows(), key=lambda row: -float(row["val_accuracy"]))
    names = [f"five {int(row['trial']):04d}" for row in table]
    with servers.mlflow_server(tmp_path) as server, servers.browser() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        # As the documentation tells.
        page.goto(server.uri)
        page.get_by_text("Model training", exact=True).first.click()
        page.get_by_role("link", name="test", exact=True).first.click()
        page.get_by_text("Sort: Created").first.click()
        page.get_by_role("menuitemcheckbox", name="val_acc", exact=True).click()

        def shown() -> list[str]:
            places = [
                (box["y"], name)
                for name in [*names, "five"]
                for found in page.get_by_text(name, exact=True).all()
                if (box := found.bounding_box())
            ]
            return [name for _, name in sorted(places)]

        # The table first shows what it has, then what the server sorts.
        page.get_by_text("Sort: val_acc").wait_for()
        wait_for(lambda: shown() == [*names, "five"])


# A tracker that comes and goes


@dataclass
class Tracked:
    """The scenario ``tracked``: run from nothing with a tracker that is away, then published to one that is there."""

    folder: Folder
    uri: str = ""
    away: str = ""  # what was printed
    there: str = ""


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracked]:
    path = tmp_path_factory.mktemp("tracked")
    found = Tracked(new_folder(path / "search", "tracked"))
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@here"]
    for command in ("init -q", "add tracked.py", "commit -qm first"):
        subprocess.run([*git, *command.split()], cwd=found.folder.path, check=True, capture_output=True)
    found.away = found.folder.run("--config", "tracking={uri: 'http://127.0.0.1:9'}", fails=True)
    assert not list(found.folder.results.glob("tracking/*"))
    with servers.mlflow_server(path / "server") as server:
        found.uri = server.uri
        found.there = found.folder.run("--config", f"tracking={{uri: '{server.uri}'}}")
        yield found


def test_a_tracker_that_is_away_hurts_nothing_but_publishing(tracked: Tracked) -> None:
    (line,) = complaints(tracked.away)
    assert line.startswith("publish_search: tracking.uri: http://127.0.0.1:9 cannot be reached (")
    assert tracked.away.count("starts, one of 3") == 3
    for name in ("best.json", "trials.csv", "final/metrics.json", "final/model.keras"):
        assert (tracked.folder.results / name).stat().st_size
    metrics = json.loads((tracked.folder.results / "final" / "metrics.json").read_text())
    assert (metrics["test_samples"], metrics["test_data_seen_by_search"]) == (400, True)


def test_the_next_call_publishes_what_is_missing_and_runs_no_trial(tracked: Tracked) -> None:
    assert set(re.findall(r"^(?:local)?rule (\w+):$", tracked.there, re.MULTILINE)) == {
        "publish_search",
        "publish_trial",
        "publish_final",
        "list_trials",
        "all",
    }
    assert_each_is_there_once(tracked.folder, tracked.uri)
    table = (tracked.folder.results / "plots" / "table.html").read_text()
    search, nested = runs(tracked.uri, "tracked")
    for run in nested:
        assert f"{tracked.uri}/#/experiments/{search.info.experiment_id}/runs/{run.info.run_id}" in table
    assert tracked.folder.rows()[FAILED]["status"] == "failed"


def test_a_trial_that_failed_says_why(tracked: Tracked) -> None:
    _, nested = runs(tracked.uri, "tracked")
    run = nested[FAILED]
    assert run.data.tags["snakeras.failure"].startswith("ValueError: the rate is too high, at line ")
    assert "val_acc" not in run.data.metrics
    assert float(run.data.params["rate"]) > 0.85
    assert run.outputs is None or not run.outputs.model_outputs


def test_a_trial_knows_its_commit_and_its_data_function(tracked: Tracked) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tracked.folder.path, capture_output=True, text=True, check=True
    ).stdout.strip()
    search, nested = runs(tracked.uri, "tracked")
    for run in [search, *nested]:
        assert run.data.tags["mlflow.source.git.commit"] == commit
        assert run.data.tags["snakeras.git.changed"] == "false"
    for run in nested:
        (used,) = run.inputs.dataset_inputs
        assert used.dataset.name == "data function"
        assert json.loads(used.dataset.profile)["features_shape"]["x_train"] == [80, 2]


def test_what_the_script_logs_itself_is_a_run_below_that_of_the_trial(tracked: Tracked, tmp_path: Path) -> None:
    client = client_of(tracked.uri)
    _, trials = runs(tracked.uri, "tracked")
    # As the documentation tells to find them.
    found = client.search_runs([trials[0].info.experiment_id], "tags.`snakeras.script_run` != ''", max_results=1000)
    assert len(found) == len(trials) - 1
    for number, trial in enumerate(trials):
        own = f"tags.`mlflow.parentRunId` = '{trial.info.run_id}'"
        below = client.search_runs([trial.info.experiment_id], own)
        if number == FAILED:
            assert below == []
            continue
        (run,) = below
        document = trial_records.read(tracked.folder.results / "trials" / f"{number:04d}.json")
        units = int(trial.data.params["units"])
        assert (run.info.run_name, run.info.status) == ("by the script", "FINISHED")
        assert trial.info.start_time <= run.info.start_time <= run.info.end_time <= trial.info.end_time
        assert (run.data.tags["purpose"], run.data.tags["snakeras.script_run"]) == ("to be seen", "1")
        assert run.data.params == {"weights": str(3 * units + 2 * units + 2)}
        assert run.data.metrics.keys() == {"own_loss"}
        points = client.get_metric_history(run.info.run_id, "own_loss")
        assert [point.step for point in points] == [0, 10]
        assert [point.value for point in points] == pytest.approx(document["fits"][0]["metrics"]["loss"])
        note = Path(client.download_artifacts(run.info.run_id, "notes/note.txt", str(tmp_path)))
        assert note.read_text() == f"{units} units"
        # Nothing of it is in the run of the trial.
        assert not {"purpose", "weights"} & {*trial.data.tags, *trial.data.params}
        assert "own_loss" not in trial.data.metrics


def test_a_tracker_that_is_killed_in_the_middle_of_a_search(tracked: Tracked, tmp_path: Path) -> None:
    twin = tracked.folder.copy(tmp_path / "search")
    gone = [twin.results / "tracking", twin.results / "final", twin.results / "trials" / "0002"]
    for path in gone:
        shutil.rmtree(path)
    for path in [*twin.results.glob("*.*"), *twin.results.glob("trials/0002.*")]:
        path.unlink()
    with servers.mlflow_server(tmp_path / "server") as server:
        options = ["--config", f"tracking={{uri: '{server.uri}'}}"]
        assert twin.planned(*options)["trial"] == 1
        output = tmp_path / "output.txt"
        with output.open("w") as file:
            run = subprocess.Popen(twin.command(*options), cwd=twin.path, stdout=file, stderr=file, env=environment())
        wait_for((twin.results / "tracking" / "0000.json").exists)
        server.kill()
        # On a busy machine the trials may be done before the first is published.
        assert not (twin.results / "tracking" / "final.json").exists()
        assert run.wait(300) == 1
    said = output.read_text()
    assert "Traceback" not in said
    assert complaints(said)
    for line in complaints(said):
        assert re.match(rf"publish_\w+: tracking.uri: {server.uri} (cannot be reached|did not take it) \(", line), line
    assert twin.outcome() == tracked.folder.outcome()
    assert (twin.results / "final" / "metrics.json").exists()
    with servers.mlflow_server(tmp_path / "server", port=server.port):
        assert {"trial", "best", "retrain", "publish_search"}.isdisjoint(twin.planned(*options))
        twin.run(*options)
        assert_each_is_there_once(twin, server.uri)
