import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from conftest import ROOT
from snakeras.model_file import mlflow_capture

pytestmark = pytest.mark.slow

DEAD = "http://127.0.0.1:9"
KEY = "your_0123456789"
LEFT = "is left to tracking.uri: what this script logs is kept with its trial and published from there"
# Whatever connects to anything leaves a file in the working directory.
BEFORE = """
import os, socket, sys, threading
from pathlib import Path
def connect(self, address):
    Path("connected").open("a").write(f"{address}\\n")
    raise ConnectionRefusedError(address)
socket.socket.connect = connect
from snakeras.model_file.mlflow_capture import capture_runs
here = Path(sys.argv[1])
environment = dict(os.environ)
"""
# What is not ours any more.
AFTER = """
# Polars, which MLflow imports where it is installed, sets it.
for variables in (os.environ, environment):
    variables.pop("_RJEM_MALLOC_CONF", None)
assert dict(os.environ) == environment, set(os.environ.items()) ^ set(environment.items())
assert os.listdir() == [], os.listdir()
"""
KERAS = """
import keras
import numpy as np
from snakeras.search import fit_hook
X, Y = np.ones((16, 4), "float32"), np.ones((16, 2), "float32")
def network():
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
    return model
# TensorFlow sets variables of its own.
environment = dict(os.environ)
"""


class Place:
    """A trial's folder, a script that runs for it, and what is in its store afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder / "trial", folder / "work"
        self.work.mkdir()

    def run(self, *parts: str) -> str:
        script = "\n".join([BEFORE, *map(textwrap.dedent, parts), AFTER])
        environment = os.environ | {
            "PYTHONPATH": str(ROOT / "scripts"),
            "MPLBACKEND": "Agg",
            "MLFLOW_TRACKING_URI": DEAD,
            "MLFLOW_EXPERIMENT_ID": "77",
            "MLFLOW_RUN_ID": "0" * 32,
        }
        # MLflow's own note to its children, set where other tests use it in this process.
        environment.pop("_MLFLOW_TELEMETRY_SESSION_ID", None)
        ran = subprocess.run(
            [sys.executable, "-c", script, str(self.folder)],
            cwd=self.work,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    @property
    def client(self) -> object:
        import mlflow

        return mlflow.MlflowClient(tracking_uri=mlflow_capture.store_uri(self.folder))

    def runs(self) -> list:
        experiments = [experiment.experiment_id for experiment in self.client.search_experiments()]
        return self.client.search_runs(experiments, order_by=["attributes.start_time"])

    def files(self, run: object) -> set[str]:
        return {file.path for file in self.client.list_artifacts(run.info.run_id)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return Place(tmp_path)


def test_a_script_without_mlflow_pays_nothing(place: Place) -> None:
    place.run(
        """
        with capture_runs(here, {"a": "b"}):
            pass
        assert not {"mlflow", "mflux_ai", "keras"} & set(sys.modules)
        """
    )
    assert not place.folder.exists()


def test_a_script_that_logs_nothing_leaves_nothing(place: Place) -> None:
    place.run(
        """
        with capture_runs(here, {"a": "b"}):
            import mlflow
        """
    )
    assert not place.folder.exists()


def test_the_tutorials_logging_is_kept_whatever_the_tracker(place: Place) -> None:
    said = place.run(
        KERAS,
        f"""
        with fit_hook.recorded() as fits, capture_runs(here, {{"snakeras.trial": "3"}}):
            import mflux_ai
            import mlflow.keras
            mflux_ai.init("{KEY}")
            mflux_ai.set_env_vars("{KEY}")
            mflux_ai.put_dataset(X, "x")
            mlflow.set_tracking_uri("http://someone:secret@127.0.0.1:9")
            mlflow.set_tracking_uri("{DEAD}")
            os.environ["MLFLOW_TRACKING_URI"] = "{DEAD}"
            mlflow.set_experiment("MNIST hyperas")
            model = network()
            history = model.fit(X, Y, epochs=2, validation_data=(X, Y))
            with mlflow.start_run() as run:
                mlflow.keras.log_model(model, "model")
                mlflow.set_tags({{"f1": 8.0, "batch_size": 10}})
                for i in range(2):
                    mlflow.log_metric(key="val_acc", value=history.history["val_accuracy"][i], step=i)
                    mlflow.log_metric(key="acc", value=i, step=i)
        assert len(fits.calls) == 1
        """,
    )
    assert KEY not in said
    assert said.count("mflux_ai.init is left out") == said.count("mflux_ai.put_dataset is left out") == 1
    assert said.count(LEFT) == 1
    assert f"mlflow.set_tracking_uri('{DEAD}') {LEFT}" in said

    import mlflow.keras
    import numpy as np

    [run] = place.runs()
    assert run.info.status == "FINISHED"
    assert place.client.get_experiment(run.info.experiment_id).name == "MNIST hyperas"
    own = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
    assert own == {"f1": "8.0", "batch_size": "10", "snakeras.trial": "3"}
    curve = place.client.get_metric_history(run.info.run_id, "acc")
    assert [(point.step, point.value) for point in curve] == [(0, 0.0), (1, 1.0)]
    assert set(run.data.metrics) == {"acc", "val_acc"}
    model = place.client.get_logged_model(run.outputs.model_outputs[0].model_id)
    assert model.artifact_location.startswith(place.folder.as_uri())
    assert mlflow.keras.load_model(model.artifact_location).predict(np.ones((1, 4)), verbose=0).shape == (1, 2)


def test_models_with_an_example_and_registered_ones(place: Place) -> None:
    place.run(
        KERAS,
        """
        with capture_runs(here):
            import mlflow
            with mlflow.start_run():
                mlflow.keras.log_model(network(), name="model", input_example=X[:2], registered_model_name="mine")
                mlflow.tensorflow.log_model(network(), name="other", input_example=X[:2])
                mlflow.keras.log_model(network(), name="named", pip_requirements=["keras", "a-package-of-mine"])
        """,
    )
    [version] = place.client.search_model_versions("name='mine'")
    needs, models = {}, place.client.search_logged_models([place.runs()[0].info.experiment_id])
    for model in models:
        path = Path(model.artifact_location.removeprefix("file://"))
        needs[model.name] = {line.split("==")[0] for line in (path / "requirements.txt").read_text().split()}
        assert (path / "input_example.json").exists() == (model.name != "named")
    assert needs["model"] == {"mlflow", "keras", "tensorflow"}
    assert needs["other"] >= {"mlflow", "keras", "tensorflow"}
    assert needs["named"] == {"mlflow", "keras", "a-package-of-mine"}
    assert version.source in {f"models:/{model.model_id}" for model in models}


def test_nothing_leads_away_from_the_store(place: Place) -> None:
    said = place.run(
        f"""
        with capture_runs(here, {{"snakeras.trial": "3"}}):
            from mlflow import MlflowClient, set_registry_uri
            import mlflow, mlflow.tracking
            mlflow.tracking.set_tracking_uri("databricks")
            set_registry_uri("{DEAD}")
            assert mlflow.get_tracking_uri() == mlflow.get_registry_uri() == (here / "mlflow").as_uri()
            client = MlflowClient("{DEAD}", registry_uri="{DEAD}")
            mlflow.set_experiment(experiment_id="55")
            experiment = client.create_experiment("bucket", artifact_location="s3://a/b")
            run = client.create_run(experiment)
            client.log_text(run.info.run_id, "text", "a.txt")
            assert mlflow.artifacts.load_text(run.info.artifact_uri + "/a.txt") == "text"
            where = mlflow.artifacts.download_artifacts(
                run_id=run.info.run_id, artifact_path="a.txt", tracking_uri="{DEAD}"
            )
            assert Path(where).read_text() == "text"
            assert mlflow.search_runs([experiment]).shape[0] == 1
        """
    )
    assert said.count(LEFT) == 3
    assert "experiment_id='55' is not known inside a trial" in said
    [run] = place.runs()
    assert (run.info.status, run.data.tags["snakeras.trial"], place.files(run)) == ("FINISHED", "3", {"a.txt"})


def test_all_kinds_of_logging_and_open_runs(place: Place) -> None:
    place.run(
        """
        import matplotlib.pyplot as plt
        import numpy as np
        image, file = np.zeros((4, 4, 3), "uint8"), here.parent / "file.txt"
        file.write_text("text")
        with capture_runs(here, {"snakeras.trial": "3"}):
            import mlflow
            with mlflow.start_run():
                mlflow.log_params({"a": 1, "b": "c"})
                mlflow.log_metrics({"m": 1.0}, step=3, synchronous=False)
                assert mlflow.active_run() and mlflow.get_run(mlflow.active_run().info.run_id).data.metrics
                mlflow.log_artifact(str(file))
                mlflow.log_dict({"a": 1}, "dict.json")
                mlflow.log_text("text", "text.txt")
                mlflow.log_image(image, "image.png")
                mlflow.log_image(image, key="steps", step=1)
                mlflow.log_figure(plt.figure(), "figure.png")
            thread = threading.Thread(target=lambda: mlflow.start_run(log_system_metrics=True))
            thread.start()
            thread.join()
            mlflow.start_run()
            mlflow.start_run(nested=True)
        assert mlflow.active_run() is None
        assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
        """
    )
    first, *others = place.runs()
    assert first.data.params == {"a": "1", "b": "c"}
    assert place.files(first) == {"file.txt", "dict.json", "text.txt", "image.png", "images", "figure.png"}
    assert len(others) == 3
    for run in (first, *others):
        assert (run.info.status, run.data.tags["snakeras.trial"]) == ("FINISHED", "3")


def test_a_script_that_fails_ends_its_runs_as_failed(place: Place) -> None:
    place.run(
        """
        class Stop(BaseException):
            pass
        try:
            with capture_runs(here, {"snakeras.trial": "3"}):
                import mlflow
                mlflow.start_run()
                try:
                    mlflow.log_metric("a", "no number")
                except mlflow.exceptions.MlflowException:
                    raise Stop
        except Stop:
            pass
        else:
            raise AssertionError
        """
    )
    [run] = place.runs()
    assert (run.info.status, run.data.tags["snakeras.trial"]) == ("FAILED", "3")


def test_an_earlier_store_is_gone(place: Place) -> None:
    place.run(
        """
        for name in ("earlier", "later"):
            with capture_runs(here):
                import mlflow
                mlflow.start_run(run_name=name)
        """
    )
    [run] = place.runs()
    assert run.info.run_name == "later"
    assert place.client.get_experiment(run.info.experiment_id).name == "Default"


@pytest.mark.parametrize(
    ("module", "blocks"),
    [
        ("mlflow.keras", "fit_hook.recorded() as fits, capture"),
        ("mlflow.tensorflow", "fit_hook.recorded() as fits, capture"),
        ("mlflow", "fit_hook.recorded() as fits, capture"),
        ("mlflow.keras", "capture, fit_hook.recorded() as fits"),
    ],
)
def test_autologging_logs_into_the_store(place: Place, module: str, blocks: str) -> None:
    said = place.run(
        KERAS,
        f"""
        capture = capture_runs(here, {{"snakeras.trial": "3"}})
        with {blocks}:
            import mlflow
            {module}.autolog()
            network().fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[])
        assert [call.trained for call in fits.calls] == [2]
        assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
        """,
    )
    assert said.count("Created MLflow autologging run") == 1
    [run] = place.runs()
    assert (run.info.status, run.data.tags["snakeras.trial"]) == ("FINISHED", "3")
    steps = [point.step for point in place.client.get_metric_history(run.info.run_id, "val_loss")]
    assert sorted(set(steps)) == [0, 1]
    assert run.outputs.model_outputs


def test_the_address_of_a_store_makes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mlflow_capture.store_uri(Path("a b")) == (tmp_path / "a b" / "mlflow").as_uri()
    assert not list(tmp_path.iterdir())
