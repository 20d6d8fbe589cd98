import itertools
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from snakeras.model_file import mlflow_capture
from snakeras.tracking import script_runs
from test_uploads import Cut, Interrupted, Tracker, tracker

__all__ = ["tracker"]
# Ours, which a trial's run has before.
OURS = {"val_acc": [0.5, 0.75], "loss": [2.0, 1.0]}
VALUES = {"f1": "8", "snakeras.search": "mine"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def logged(folder: Path, script: Callable[[], None]) -> Path:
    """A trial's folder with what a script logged, moved since."""
    with mlflow_capture.captured(folder / "before", {"snakeras.trial": "3"}):
        script()
    shutil.move(folder / "before", folder / "trial")
    return folder / "trial"


def trial(tracker: Tracker) -> str:
    run = tracker.run()
    for key, values in OURS.items():
        for step, value in enumerate(values):
            tracker.client.log_metric(run, key, value, 1000 + step, step)
    for key, value in VALUES.items():
        tracker.client.set_tag(run, key, value)
        tracker.client.log_param(run, key, value)
    return run


def publish(tracker: Tracker, run: str, folder: Path, client: object = None, **more: object) -> None:
    script_runs.publish(client or tracker.client, tracker.experiment, run, folder, set(OURS), VALUES, **more)


def points(tracker: Tracker, run: str, key: str) -> list[tuple]:
    history = tracker.client.get_metric_history(run, key)
    return sorted((point.step, "nan" if math.isnan(point.value) else point.value, point.timestamp) for point in history)


def described(tracker: Tracker, run: str) -> dict:
    """All that is in a run and is not ours, without the ids that each has for itself."""
    client, found = tracker.client, tracker.client.get_run(run)
    models = {model.model_id: model for model in tracker.models() if model.source_run_id == run}

    def plain(content: bytes) -> str:
        text = content.decode(errors="replace").replace(run, "RUN")
        return re.sub("m-[0-9a-f]{32}", lambda match: models[match[0]].name, text)

    return {
        "metrics": {key: points(tracker, run, key) for key in found.data.metrics if key not in OURS},
        "params": {key: value for key, value in found.data.params.items() if key not in VALUES},
        "tags": {
            key: value
            for key, value in found.data.tags.items()
            if key not in VALUES and (key == script_runs.NOTE or not key.startswith("mlflow."))
        },
        "artifacts": {path: plain(content) for path, content in tracker.artifacts(run).items()},
        "datasets": sorted(
            (given.dataset.name, given.dataset.digest, [(tag.key, tag.value) for tag in given.tags])
            for given in found.inputs.dataset_inputs
        ),
        "models": {
            model.name: (
                str(model.status),
                model.params,
                {key: value for key, value in model.tags.items() if not key.startswith("mlflow.")},
                {path: plain(content) for path, content in tracker.model_files(model.model_id).items()},
                [(metric.key, metric.value) for metric in model.metrics or []],
            )
            for model in models.values()
        },
        "outputs": sorted((models[output.model_id].name, output.step) for output in found.outputs.model_outputs),
        "versions": sorted(
            (version.name, plain(version.source.encode()).split("RUN")[-1], version.description, str(version.tags))
            for version in client.search_model_versions(f"run_id='{run}'")
        ),
    }


def everything() -> None:
    import mlflow
    import numpy as np

    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context: object, model_input: list[str]) -> list[str]:
            return model_input

    with mlflow.start_run():
        mlflow.log_params({"a": 1, "f1": 9, "long": "x" * 6000})
        mlflow.set_tags({"who": "me", "snakeras.search": "theirs", "f1": "8", script_runs.NOTE: "a note"})
        for step, value in enumerate((0.5, float("nan"), float("inf"))):
            mlflow.log_metric("theirs", value, step=step)
        for step in range(2):
            mlflow.log_metric("val_acc", OURS["val_acc"][step], step=step)
            mlflow.log_metric("loss", 7 + step, step=step)
        mlflow.log_text("one", "a.txt")
        mlflow.log_text("two", "deep/er/b.txt")
        mlflow.log_text("the same", "same.txt")
        mlflow.log_text("not a model", "model/c.txt")
        mlflow.log_input(mlflow.data.from_numpy(np.ones((3, 2)), name="d"), context="training")
        mlflow.pyfunc.log_model(
            name="model", python_model=Model(), pip_requirements=["mlflow"], registered_model_name="theirs"
        )
        with mlflow.start_run(nested=True):
            mlflow.log_param("a", 2)
            mlflow.set_tags({"who": "me", script_runs.NOTE: "another note"})
            mlflow.log_metric("theirs", 3, step=1)
            mlflow.log_metric("loss", 9)
            mlflow.log_text("three", "a.txt")
            mlflow.log_text("the same", "same.txt")
            mlflow.log_text("four", "deep/er")
    client = mlflow.MlflowClient()
    model = mlflow.search_logged_models(output_format="list")[0]
    client.update_model_version("theirs", 1, "described")
    client.set_model_version_tag("theirs", 1, "kind", "good")
    # Of a model without files, and one among the artifacts of a run
    second = client.create_logged_model(model.experiment_id, "second", model.source_run_id, {"t": "v"}, {"p": "1"})
    client.log_metric(model.source_run_id, "about", 5.0, model_id=second.model_id)
    client.create_registered_model("of a folder")
    uri = client.get_run(model.source_run_id).info.artifact_uri
    client.create_model_version("of a folder", f"{uri}/deep", model.source_run_id)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        return logged(tmp_path_factory.mktemp("full"), everything)


def test_a_script_that_logged_nothing(tracker: Tracker, tmp_path: Path) -> None:
    publish(tracker, "no such run", tmp_path)


def test_everything_comes_along(tracker: Tracker, full: Path) -> None:
    import mlflow

    run, sent = trial(tracker), []
    client = Cut(tracker.client, 0)
    client.log_batch = lambda run, **batch: sent.append(batch) or tracker.client.log_batch(run, **batch)
    publish(tracker, run, full, client)
    metrics = [(point.key, point.step, point.timestamp) for batch in sent for point in batch.get("metrics", [])]
    assert len(metrics) == len(set(metrics)) == 8
    found = described(tracker, run)
    steps = {key: [point[:2] for point in curve] for key, curve in found["metrics"].items()}
    assert steps == {
        "theirs": [(0, 0.5), (1, "nan"), (2, 1.7976931348623157e308)],
        "script/loss": [(0, 7.0), (1, 8.0)],
        "run 2/theirs": [(1, 3.0)],
        "run 2/loss": [(0, 9.0)],
        "about": [(0, 5.0)],
    }
    assert points(tracker, run, "val_acc") == [(0, 0.5, 1000), (1, 0.75, 1001)]
    assert found["params"] == {"a": "1", "script.f1": "9", "long": "x" * 6000, "run 2.a": "2"}
    assert found["tags"] == {
        "who": "me",
        "script.snakeras.search": "theirs",
        script_runs.NOTE: "a note",
        "run 2.note": "another note",
    }
    assert found["artifacts"] == {
        "a.txt": "one",
        "deep/er/b.txt": "two",
        "same.txt": "the same",
        "script/model/c.txt": "not a model",
        "run 2/a.txt": "three",
        "run 2/deep/er": "four",
    }
    [dataset] = found["datasets"]
    assert (dataset[0], dataset[2]) == ("d", [("mlflow.data.context", "training")])
    assert found["models"].keys() == {"script model", "second"}
    assert found["models"]["second"][:3] == ("READY", {"p": "1"}, {"t": "v", "snakeras.model": "second"})
    assert found["models"]["second"][4] == [("about", 5.0)]
    assert found["outputs"] == [("script model", 0), ("second", 0)]
    (folder, source, *_), (name, _, description, tags) = found["versions"]
    assert (folder, source) == ("of a folder", "/artifacts/deep")
    assert (name, description) == ("theirs", "described")
    assert tags == str({"kind": "good", "snakeras.version": "1"})

    # It is the model that was logged.
    mlflow.set_tracking_uri(tracker.uri)
    for uri in ("models:/theirs/1", f"runs:/{run}/script model"):
        assert mlflow.pyfunc.load_model(uri).predict(["a"]) == ["a"]
        information = mlflow.models.get_model_info(uri)
        assert information.run_id == run


def test_once_more_changes_nothing(tracker: Tracker, full: Path) -> None:
    run = trial(tracker)
    publish(tracker, run, full)
    before = described(tracker, run)
    client = Cut(tracker.client, 0)
    publish(tracker, run, full, client)
    assert described(tracker, run) == before
    # Parameters, tags and datasets are sent again, a batch each.
    assert client.calls == 3


@pytest.mark.slow
def test_cut_off_anywhere_it_is_completed(tracker: Tracker, full: Path) -> None:
    whole, run = Cut(tracker.client, 0), trial(tracker)
    publish(tracker, run, full, whole)
    expected = described(tracker, run)
    assert whole.calls > 15
    for at, after in itertools.product(range(1, whole.calls + 1), (False, True)):
        run = trial(tracker)
        with pytest.raises(Interrupted):
            publish(tracker, run, full, Cut(tracker.client, at, after))
        publish(tracker, run, full)
        assert described(tracker, run) == expected, (at, after)


def test_several_runs_and_many_values(tracker: Tracker, tmp_path: Path) -> None:
    def script() -> None:
        import mlflow
        from mlflow.entities import Metric, Param, RunTag

        client = mlflow.MlflowClient()
        for number in range(3):
            run = client.create_run("0", start_time=1 + number).info.run_id
            client.log_batch(run, [Metric("m", value, value, value) for value in range(900)])
            client.log_batch(run, [Metric("n", number, 0, 0), Metric("run 3/n", 5, 0, 0)])
            client.log_batch(run, params=[Param(f"p{key}", "x") for key in range(60 * number, 60 * number + 90)])
            client.log_batch(run, tags=[RunTag(f"t{key}", "x" * 4900) for key in range(90)])
            client.log_batch(run, tags=[RunTag("own", str(number)), RunTag("same", "x")])

    folder, run = logged(tmp_path, script), trial(tracker)
    for _ in range(2):
        publish(tracker, run, folder)
        found = described(tracker, run)
        assert [point[0] for point in found["metrics"].pop("m")] == list(range(900))
        assert {key: curve[0][1] for key, curve in found["metrics"].items()} == {
            "n": 0.0,
            "run 3/n": 5.0,
            "run 2/n": 1.0,
            "run 3/2/n": 2.0,
        }
        assert found["params"].keys() == {f"p{key}" for key in range(210)}
        own = {key: value for key, value in found["tags"].items() if not re.fullmatch("t[0-9]+", key)}
        assert own == {"own": "0", "run 2.own": "1", "run 3.own": "2", "same": "x"}
        assert len(found["tags"]) == len(own) + 90


def test_models_of_one_name(tracker: Tracker, tmp_path: Path) -> None:
    def script() -> None:
        import mlflow

        client = mlflow.MlflowClient()
        runs = [client.create_run("0", start_time=1 + number).info.run_id for number in range(2)]
        for run in (runs[0], runs[0], runs[1], None):
            client.create_logged_model("0", "net", run)
        client.log_text(runs[0], "text", "same/a.txt")
        client.create_logged_model("0", "same", runs[0])

    folder, run = logged(tmp_path, script), trial(tracker)
    for _ in range(2):
        publish(tracker, run, folder)
        assert set(described(tracker, run)["models"]) == {"net", "net 2", "run 2 net", "net 3", "same 2"}


def test_our_files_and_our_note_stay(tracker: Tracker, tmp_path: Path) -> None:
    def script() -> None:
        import mlflow

        with mlflow.start_run():
            mlflow.set_tag(script_runs.NOTE, "theirs")
            for path in ("trial.json", "plots/a", "free"):
                mlflow.log_text("theirs", path)

    folder, run = logged(tmp_path, script), trial(tracker)
    tracker.client.set_tag(run, script_runs.NOTE, "ours")
    for _ in range(2):
        publish(tracker, run, folder, taken_files=["trial.json", "plots"])
        found = described(tracker, run)
        assert found["artifacts"].keys() == {"script/trial.json", "script/plots/a", "free"}
        assert found["tags"] == {script_runs.NOTE: "ours", "script.note": "theirs"}


def test_another_registers_the_same_name_meanwhile(tracker: Tracker, tmp_path: Path) -> None:
    def script() -> None:
        import mlflow

        client = mlflow.MlflowClient()
        model = client.create_logged_model("0", "net")
        client.create_registered_model("it's")
        client.create_model_version("it's", f"models:/{model.model_id}", model_id=model.model_id)
        client.create_model_version("it's", "elsewhere/lost")

    folder, run = logged(tmp_path, script), trial(tracker)
    tracker.client.create_registered_model("it's")
    for _ in range(2):
        publish(tracker, run, folder)
    [version] = tracker.client.search_model_versions(f"run_id='{run}'")
    assert (version.name, version.tags) == ("it's", {"snakeras.version": "1"})


def test_a_tracker_without_registry_and_datasets(tracker: Tracker, full: Path, capsys: pytest.CaptureFixture) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

    def unknown(*_: object, **__: object) -> None:
        raise MlflowException("no", error_code=ENDPOINT_NOT_FOUND)

    client = Cut(tracker.client, 0)
    client.search_model_versions = client.log_inputs = client.search_logged_models = unknown
    run = trial(tracker)
    publish(tracker, run, full, client)
    found = described(tracker, run)
    assert "script model/MLmodel" in found["artifacts"]
    assert "script/loss" in found["metrics"]
    assert (found["models"], found["versions"]) == ({}, [])
    said = capsys.readouterr().out
    assert "no model registry" in said
    assert "no datasets" in said
