import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Run
from snakeras.model_file import mlflow_capture
from snakeras.tracking import runs, script_runs
from trackers import Cut, Interrupted, Tracker

NOTE = "mlflow.note.content"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")


def logged(folder: Path, script: Callable[[], None]) -> Path:
    """A trial's folder with what a script logged, moved since."""
    with mlflow_capture.capture_runs(folder / "before", {"snakeras.trial": "3"}):
        script()
    shutil.move(folder / "before", folder / "trial")
    return folder / "trial"


def new_trial(tracker: Tracker, digest: str = "d") -> Run:
    tags = {runs.TRIAL_DIGEST: digest, runs.PARENT: "the search", "snakeras.trial": "3"}
    return tracker.client.create_run(tracker.experiment, 5, tags=tags)


def children(tracker: Tracker, trial: Run) -> dict[str, Run]:
    """The runs below a trial's, by their numbers."""
    found = tracker.client.search_runs(
        [tracker.experiment], f"tags.`{script_runs.TRIAL_RUN}` = '{trial.info.run_id}'", max_results=1000
    )
    by_number = {run.data.tags[script_runs.SCRIPT_RUN]: run for run in found}
    assert len(by_number) == len(found)
    return dict(sorted(by_number.items()))


def points(tracker: Tracker, run: str, key: str) -> list[tuple]:
    history = tracker.client.get_metric_history(run, key)
    return sorted((point.step, "nan" if math.isnan(point.value) else point.value) for point in history)


def described(tracker: Tracker, run: Run, names: dict[str, str]) -> dict:
    """All that a run holds, with names in place of the ids that each has for itself."""
    client, run_id = tracker.client, run.info.run_id
    models = {model.model_id: model for model in tracker.models() if model.source_run_id == run_id}
    names = names | {model_id: model.name for model_id, model in models.items()}

    def plain(content: str | bytes) -> str:
        text = content.decode(errors="replace") if isinstance(content, bytes) else content
        return re.sub("m-[0-9a-f]{32}|[0-9a-f]{32}", lambda match: names.get(match[0], match[0]), text)

    return {
        "info": (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time),
        "metrics": {key: points(tracker, run_id, key) for key in run.data.metrics},
        "params": run.data.params,
        "tags": {key: plain(value) for key, value in run.data.tags.items() if key != script_runs.SCRIPT_DIGEST},
        "artifacts": {path: plain(content) for path, content in tracker.artifacts(run_id).items()},
        "datasets": sorted(
            (given.dataset.name, given.dataset.digest, [(tag.key, tag.value) for tag in given.tags])
            for given in run.inputs.dataset_inputs
        ),
        "models": {
            model.name: (
                str(model.status),
                model.params,
                {key: value for key, value in model.tags.items() if not key.startswith(("mlflow.", "snakeras."))},
                {path: plain(content) for path, content in tracker.model_files(model.model_id).items()},
                [(metric.key, metric.value) for metric in model.metrics or []],
            )
            for model in models.values()
        },
        "outputs": sorted((models[output.model_id].name, output.step) for output in run.outputs.model_outputs),
        "versions": sorted(
            (version.name, plain(version.source).split("artifacts/")[-1], version.description, str(version.tags))
            for version in client.search_model_versions(f"run_id='{run_id}'")
        ),
    }


def below(tracker: Tracker, trial: Run) -> dict[str, dict]:
    found = children(tracker, trial)
    names = {run.info.run_id: f"RUN {number}" for number, run in found.items()} | {trial.info.run_id: "TRIAL"}
    return {number: described(tracker, run, names) for number, run in found.items()}


def everything() -> None:
    import mlflow
    import numpy as np

    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context: object, model_input: list[str]) -> list[str]:
            return model_input

    with mlflow.start_run(run_name="outer"):
        mlflow.log_params({"a": 1, "f1": 9, "long": "x" * 6000})
        mlflow.set_tags({"who": "me", "snakeras.search": "theirs", "f1": "8", NOTE: "a note"})
        for step, value in enumerate((0.5, float("nan"), float("inf"))):
            mlflow.log_metric("theirs", value, step=step)
        mlflow.log_metric("val_acc", 0.75)
        mlflow.log_text("one", "a.txt")
        mlflow.log_text("two", "deep/er/b.txt")
        mlflow.log_text("not a model", "model/c.txt")
        mlflow.log_input(mlflow.data.from_numpy(np.ones((3, 2)), name="d"), context="training")
        mlflow.pyfunc.log_model(
            name="model", python_model=Model(), pip_requirements=["mlflow"], registered_model_name="theirs"
        )
        with mlflow.start_run(nested=True, run_name="inner"):
            mlflow.log_param("a", 2)
            mlflow.set_tags({"who": "you", NOTE: "another note"})
            mlflow.log_metric("theirs", 3, step=1)
            mlflow.log_text("three", "a.txt")
    client = mlflow.MlflowClient()
    model = mlflow.search_logged_models(output_format="list")[0]
    client.update_model_version("theirs", 1, "described")
    client.set_model_version_tag("theirs", 1, "kind", "good")
    # A model without files, and one among the artifacts of a run.
    second = client.create_logged_model(model.experiment_id, "second", model.source_run_id, {"t": "v"}, {"p": "1"})
    client.log_metric(model.source_run_id, "about", 5.0, model_id=second.model_id)
    client.create_registered_model("of a folder")
    uri = client.get_run(model.source_run_id).info.artifact_uri
    client.create_model_version("of a folder", f"{uri}/deep", model.source_run_id)
    failed = client.create_run("0", start_time=2**41, run_name="failed").info.run_id
    client.set_terminated(failed, "FAILED", 2**41 + 7)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        return logged(tmp_path_factory.mktemp("full"), everything)


def test_a_script_that_logged_nothing(tracker: Tracker, tmp_path: Path) -> None:
    client = Cut(tracker.client)
    script_runs.publish(client, new_trial(tracker), tmp_path)
    assert client.calls == []


def test_each_run_is_a_child_with_all_that_it_held(tracker: Tracker, full: Path) -> None:
    import mlflow

    trial = new_trial(tracker)
    script_runs.publish(tracker.client, trial, full)
    found = below(tracker, trial)
    assert list(found) == ["1", "2", "3"]
    outer, inner, failed = found.values()

    assert outer["info"][:2] == ("outer", "FINISHED")
    assert outer["info"][2] <= inner["info"][2] <= inner["info"][3] <= outer["info"][3]
    assert failed["info"] == ("failed", "FAILED", 2**41, 2**41 + 7)
    assert outer["metrics"] == {
        "theirs": [(0, 0.5), (1, "nan"), (2, 1.7976931348623157e308)],
        "val_acc": [(0, 0.75)],
        "about": [(0, 5.0)],
    }
    assert (inner["metrics"], failed["metrics"]) == ({"theirs": [(1, 3.0)]}, {})
    assert outer["params"] == {"a": "1", "f1": "9", "long": "x" * 6000}
    assert inner["params"] == {"a": "2"}
    assert outer["artifacts"] == {"a.txt": "one", "deep/er/b.txt": "two", "model/c.txt": "not a model"}
    assert inner["artifacts"] == {"a.txt": "three"}
    [dataset] = outer["datasets"]
    assert (dataset[0], dataset[2]) == ("d", [("mlflow.data.context", "training")])
    assert outer["models"].keys() == {"model", "second"}
    assert outer["models"]["second"][:3] == ("READY", {"p": "1"}, {"t": "v"})
    assert outer["models"]["second"][4] == [("about", 5.0)]
    assert outer["outputs"] == [("model", 0), ("second", 0)]
    (folder, source, *_), (name, _, description, tags) = outer["versions"]
    assert (folder, source) == ("of a folder", "deep")
    assert (name, description) == ("theirs", "described")
    assert tags == str({"kind": "good", "snakeras.version": "1"})

    # It is the model that was logged.
    mlflow.set_tracking_uri(tracker.uri)
    run_id = children(tracker, trial)["1"].info.run_id
    for uri in ("models:/theirs/1", f"runs:/{run_id}/model"):
        assert mlflow.pyfunc.load_model(uri).predict(["a"]) == ["a"]
        assert mlflow.models.get_model_info(uri).run_id == run_id


def test_tags_of_the_script_stay_and_ours_tell_where_it_ran(tracker: Tracker, full: Path) -> None:
    trial = new_trial(tracker)
    script_runs.publish(tracker.client, trial, full)
    outer, inner, failed = (run["tags"] for run in below(tracker, trial).values())
    ours = {"who": "me", "snakeras.search": "theirs", "f1": "8", NOTE: "a note", "mlflow.runName": "outer"}
    assert ours.items() <= outer.items()
    assert (inner["who"], inner[NOTE]) == ("you", "another note")
    assert [tags["mlflow.parentRunId"] for tags in (outer, inner, failed)] == ["TRIAL", "RUN 1", "TRIAL"]
    assert {tags["snakeras.trial_run"] for tags in (outer, inner, failed)} == {"TRIAL"}
    # README's filter for trials.
    trials = tracker.client.search_runs([tracker.experiment], "tags.`snakeras.trial` != ''")
    assert [run.info.run_id for run in trials] == [trial.info.run_id]


def test_once_more_changes_nothing(tracker: Tracker, full: Path) -> None:
    trial = new_trial(tracker)
    script_runs.publish(tracker.client, trial, full)
    before, client = below(tracker, trial), Cut(tracker.client)
    script_runs.publish(client, trial, full)
    assert below(tracker, trial) == before
    assert set(client.calls) <= {"create_registered_model"}
    tracker.client.set_terminated(trial.info.run_id)
    client = Cut(tracker.client)
    script_runs.publish(client, tracker.client.get_run(trial.info.run_id), full)
    assert client.calls == []


@pytest.mark.slow
def test_cut_off_anywhere_it_is_completed(tracker: Tracker, full: Path) -> None:
    whole, trial = Cut(tracker.client), new_trial(tracker, "whole")
    script_runs.publish(whole, trial, full)
    expected = below(tracker, trial)
    # Before the first call of each name, and after the last.
    names = set(whole.calls)
    assert len(names) >= 10
    before = {whole.calls.index(name) + 1 for name in names}
    after = {len(whole.calls) - whole.calls[::-1].index(name) for name in names}
    for at, carried_out in [*((at, False) for at in before), *((at, True) for at in after)]:
        trial = new_trial(tracker, f"{at} {carried_out}")
        with pytest.raises(Interrupted):
            script_runs.publish(Cut(tracker.client, at, carried_out), trial, full)
        script_runs.publish(tracker.client, trial, full)
        assert below(tracker, trial) == expected, (at, carried_out)


def test_another_run_of_the_same_trial_has_its_own(tracker: Tracker, full: Path, tmp_path: Path) -> None:
    first, other = new_trial(tracker), new_trial(tracker, "another trial")
    for trial in (first, other):
        script_runs.publish(tracker.client, trial, full)
    tracker.client.delete_run(first.info.run_id)
    second = new_trial(tracker)
    script_runs.publish(tracker.client, second, full)
    assert [len(children(tracker, trial)) for trial in (first, other, second)] == [0, 3, 3]
    # Also if the script logs nothing this time.
    third = new_trial(tracker)
    script_runs.publish(tracker.client, third, tmp_path)
    assert [len(children(tracker, trial)) for trial in (other, second, third)] == [3, 0, 0]


def test_a_child_that_was_deleted_or_made_twice(tracker: Tracker, full: Path) -> None:
    trial = new_trial(tracker)
    script_runs.publish(tracker.client, trial, full)
    expected = below(tracker, trial)
    # By another machine, at the same moment.
    first = children(tracker, trial)["2"]
    tracker.client.create_run(tracker.experiment, tags=first.data.tags)
    for _ in range(2):
        script_runs.publish(tracker.client, trial, full)
    assert below(tracker, trial).keys() == expected.keys()
    tracker.client.delete_run(children(tracker, trial)["3"].info.run_id)
    script_runs.publish(tracker.client, trial, full)
    assert below(tracker, trial)["3"] == expected["3"]


def test_many_values(tracker: Tracker, tmp_path: Path) -> None:
    def script() -> None:
        import mlflow
        from mlflow.entities import Metric, Param, RunTag

        client = mlflow.MlflowClient()
        run = client.create_run("0", start_time=1).info.run_id
        for start in (0, 900):
            client.log_batch(run, [Metric("m", value, value, value) for value in range(start, start + 900)])
        for start in (0, 90):
            client.log_batch(run, params=[Param(f"p{key}", "é" * 6000) for key in range(start, start + 90)])
            client.log_batch(run, tags=[RunTag(f"t{key}", "x" * 4900) for key in range(start, start + 90)])

    trial = new_trial(tracker)
    script_runs.publish(tracker.client, trial, logged(tmp_path, script))
    [found] = below(tracker, trial).values()
    assert [point[0] for point in found["metrics"]["m"]] == list(range(1800))
    assert found["params"] == {f"p{key}": "é" * 6000 for key in range(180)}
    assert len([key for key in found["tags"] if re.fullmatch("t[0-9]+", key)]) == 180


def test_models_of_one_name_and_of_no_run(tracker: Tracker, tmp_path: Path) -> None:
    def script() -> None:
        import mlflow

        client = mlflow.MlflowClient()
        run = client.create_run("0", start_time=1).info.run_id
        for owner in (run, run, None):
            client.create_logged_model("0", "net", owner)

    folder, trial = logged(tmp_path, script), new_trial(tracker)
    for _ in range(2):
        script_runs.publish(tracker.client, trial, folder)
        child = children(tracker, trial)["1"].info.run_id
        owners = sorted([model.source_run_id for model in tracker.models()])
        assert owners == sorted([child, child, trial.info.run_id])


def test_another_trial_registers_the_same_name(tracker: Tracker, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def script() -> None:
        import mlflow

        client = mlflow.MlflowClient()
        model = client.create_logged_model("0", "net", client.create_run("0").info.run_id)
        client.create_registered_model("it's")
        client.create_model_version("it's", f"models:/{model.model_id}", model_id=model.model_id)
        client.create_model_version("it's", "elsewhere/lost")

    folder, trial = logged(tmp_path, script), new_trial(tracker)
    tracker.client.create_registered_model("it's")
    for _ in range(2):
        script_runs.publish(tracker.client, trial, folder)
    child = children(tracker, trial)["1"].info.run_id
    [version] = tracker.client.search_model_versions(f"run_id='{child}'")
    assert (version.name, version.tags) == ("it's", {"snakeras.version": "1"})
    assert "version 2 of it's is not registered: elsewhere/lost was not logged" in capsys.readouterr().out
