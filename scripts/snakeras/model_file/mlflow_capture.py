"""Keep what a script logs to MLflow during a trial in the trial's folder; another job publishes it.

The store is MLflow's file store, a folder of plain files: the fastest to write. It exists only if the script logged
something. To read it, set ``MLFLOW_ALLOW_FILE_STORE=true`` and open ``store_uri(folder)`` with an ``MlflowClient``.
All its runs have ended and bear the tags given to ``capture_runs``; experiments have the script's names, and registered
models are in the store too. It holds absolute addresses of artifacts, which break if the folder moves.
"""

import functools
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

from snakeras.core.errors import one_line
from snakeras.core.patching import put

SET = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    # The next two would use the network: usage statistics, and ``uv export`` inside a project of uv's.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
# These name something in another store. MLflow sets some of them itself.
UNSET = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_ACTIVE_MODEL_ID",
    "_MLFLOW_ACTIVE_MODEL_ID",
    "MLFLOW_ENABLE_WORKSPACES",
    "MLFLOW_WORKSPACE",
)
KEPT = "what this script logs is kept with its trial and published from there"


def store_uri(folder: Path) -> str:
    """Return the tracking URI of the store in ``folder``, without creating one."""
    return _store(folder).as_uri()


def _store(folder: Path) -> Path:
    return Path(folder).absolute() / "mlflow"


@contextmanager
def capture_runs(folder: Path, tags: Mapping[str, str] | None = None) -> Iterator[None]:
    """Let MLflow log, inside the block, into a store of its own in ``folder``, whatever tracker the script names.

    Does not import MLflow, nor write anything, unless the script does. Autologging that the script turns on stays on
    after the block: a trial's process ends soon after it. The store of an earlier, interrupted attempt is removed.
    ``tags`` are set on every run in the store when the block ends.
    """
    # Here: a job that only publishes does without it.
    import wrapt

    root, uri = _store(folder), store_uri(folder)
    shutil.rmtree(root, ignore_errors=True)
    status = "FAILED"
    with ExitStack() as undo:
        _set_environment(SET | {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri}, undo)
        alive = [True]
        undo.callback(alive.clear)
        for name, patch in {
            "mlflow": lambda: _patch_mlflow(uri, undo),
            "mlflow.tensorflow.autologging": lambda: _patch_tensorboard(undo),
            "mflux_ai": lambda: _patch_mflux_ai(undo),
        }.items():
            # The hook itself stays after the block.
            wrapt.register_post_import_hook(lambda _, patch=patch: patch() if alive else None, name)
        try:
            yield
            status = "FINISHED"
        finally:
            if root.exists():
                _finish(status, tags or {})


def _set_environment(values: dict[str, str], undo: ExitStack) -> None:
    before = {name: os.environ.pop(name) for name in (*values, *UNSET) if name in os.environ}
    undo.callback(os.environ.update, before)
    for name in (*values, *UNSET):
        undo.callback(os.environ.pop, name, None)
    os.environ.update(values)


def _replace(package: str, original: object, replacement: object, undo: ExitStack) -> None:
    """Replace a function wherever the modules of a package have it, under whatever name."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == package and isinstance(module, ModuleType):
            for key in [key for key, value in vars(module).items() if value is original]:
                put(undo, module, key, replacement)


@functools.cache
def _say_once(line: str) -> None:
    print(line)


def _without_password(uri: object) -> str:
    return re.sub(r"//[^/@]*@", "//", str(uri))


def _patch_mlflow(uri: str, undo: ExitStack) -> None:
    """Send all that MLflow stores to ``uri``."""
    import mlflow
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.model_registry.file_store import FileStore as Registry
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registries
    from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
    from mlflow.tracking._tracking_service import utils as trackers
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry

    said = set()

    def ignore(call: str, named: object) -> None:
        if named is not None and str(named) != uri and call not in said:
            said.add(call)
            print(f"{call}({_without_password(named)!r}) is left to tracking.uri: {KEPT}")

    # Not only in the environment, which a script may change.
    put(undo, trackers, "_tracking_uri", uri)
    put(undo, registries, "_registry_uri", uri)
    put(undo, fluent, "_active_experiment_id", None)
    for function in (trackers.set_tracking_uri, registries.set_registry_uri):
        call = f"mlflow.{function.__name__}"
        _replace("mlflow", function, lambda uri, call=call: ignore(call, uri), undo)

    make = mlflow.MlflowClient.__init__

    @functools.wraps(make)
    def make_here(self: object, tracking_uri: object = None, registry_uri: object = None, *_: object, **__: object):
        ignore("MlflowClient", tracking_uri)
        ignore("MlflowClient", registry_uri)
        make(self)

    put(undo, mlflow.MlflowClient, "__init__", make_here)
    # All other functions that take a URI open its store here.
    tracker, registry = functools.cache(lambda: _tracker(uri)), functools.cache(lambda: Registry(uri))
    put(undo, TrackingStoreRegistry, "get_store", lambda *_, **__: tracker())
    put(undo, ModelRegistryStoreRegistry, "get_store", lambda *_, **__: registry())

    def log_at_once(self: object, *args: object, **kwargs: object) -> object:
        return _at_once(self._async_logging_queue._artifact_logging_func, *args, **kwargs)

    put(undo, ArtifactRepository, "_log_artifact_async", log_at_once)
    _patch_models(undo)


def _patch_models(undo: ExitStack) -> None:
    """Make logging a Keras model faster, and possible with an example of its input."""
    from mlflow.models import utils as models
    from mlflow.utils import environment

    infer, save = environment._infer_requirements, models._save_example

    @functools.wraps(infer)
    def infer_cheaply(model_uri: str, flavor: str, *args: object, **kwargs: object) -> list[str]:
        # MLflow would load the model in another process to see what it imports, which takes 5 s.
        if flavor in ("keras", "tensorflow"):
            loaded = [name for name in ("keras", "tensorflow") if name in sys.modules]
            return [f"{name}=={sys.modules[name].__version__}" for name in loaded]
        return infer(model_uri, flavor, *args, **kwargs)

    @functools.wraps(save)
    def save_into_folder(mlflow_model: object, input_example: object, path: str, *args: object) -> object:
        # mlflow.keras creates the folder only afterwards.
        if input_example is not None:
            Path(path).mkdir(parents=True, exist_ok=True)
        return save(mlflow_model, input_example, path, *args)

    _replace("mlflow", infer, infer_cheaply, undo)
    _replace("mlflow", save, save_into_folder, undo)


def _tracker(uri: str) -> object:
    """Return MLflow's file store, without artifacts elsewhere and with any id of an experiment."""
    from mlflow.store.tracking.file_store import FileStore

    class Tracker(FileStore):
        def create_experiment(self, name: str, artifact_location: str | None = None, tags: object = None) -> str:
            if artifact_location:
                _say_once(f"artifact_location={_without_password(artifact_location)!r} is left out")
            return super().create_experiment(name, None, tags)

        def get_experiment(self, experiment_id: str | None) -> object:
            if experiment_id is not None and not self._has_experiment(experiment_id):
                _say_once(
                    f"experiment_id={experiment_id!r} is not known inside a trial: the default experiment is taken"
                )
                experiment_id = None
            return super().get_experiment(experiment_id)

        def log_batch_async(self, *args: object, **kwargs: object) -> object:
            return _at_once(self.log_batch, *args, **kwargs)

    return Tracker(uri, uri)


def _at_once(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    """Do now what MLflow would do in a thread: waiting for its end takes longer than writing a file."""
    from mlflow.utils.async_logging.run_operations import RunOperations

    future = Future()
    try:
        future.set_result(function(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return RunOperations([future])


def _patch_tensorboard(undo: ExitStack) -> None:
    """Leave TensorBoard out of autologging where it is not installed: ``fit`` would fail."""
    import keras
    from mlflow.tensorflow import autologging

    if importlib.util.find_spec("tensorboard") is None:
        put(undo, autologging, "_TensorBoard", lambda _log_dir: keras.callbacks.Callback())


def _patch_mflux_ai(undo: ExitStack) -> None:
    import mflux_ai.core

    lines = {
        # Without the key: other people read logs.
        "init": f"mflux_ai.init is left out: {KEPT}",
        "put_dataset": "mflux_ai.put_dataset is left out: a trial sends nothing to a server",
    }
    for name, line in lines.items():
        _replace("mflux_ai", getattr(mflux_ai.core, name), lambda *_, line=line, **__: _say_once(line), undo)


def _finish(status: str, tags: Mapping[str, str]) -> None:
    """End and tag the runs. A trial does not fail if this fails."""
    try:
        import mlflow
        from mlflow.tracking import fluent

        while mlflow.active_run():
            mlflow.end_run(status)
        # Runs of other threads
        while fluent.run_id_to_system_metrics_monitor:
            fluent.run_id_to_system_metrics_monitor.popitem()[1].finish()
        mlflow.flush_trace_async_logging(terminate=True)

        client = mlflow.MlflowClient()
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        for run in client.search_runs(experiments, max_results=50000):
            if run.info.status == "RUNNING":
                client.set_terminated(run.info.run_id, status)
            for key, value in tags.items():
                client.set_tag(run.info.run_id, key, value)
    except Exception as error:
        print(f"what this script logged to MLflow may be incomplete ({one_line(error)})")
