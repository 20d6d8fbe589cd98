"""What a script logs to MLflow while a trial computes: kept beside the trial, for another job to publish.

The store is MLflow's file store: a folder of plain files, the cheapest to write. It is there only if the script logged
something. Its reader needs ``MLFLOW_ALLOW_FILE_STORE=true`` in its environment before it opens it::

    client = mlflow.MlflowClient(tracking_uri=captured.store_uri(folder))
    for experiment in client.search_experiments():
        runs = client.search_runs([experiment.experiment_id])

Every run has ended and bears the tags that were given to ``captured``, and an experiment has the name that the script
gave it. Models that the script registered are in the same store. The addresses of artifacts in it are absolute: they
hold as long as the folder stays where it is.
"""

import functools
import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import MappingProxyType, ModuleType

from snakeras.core.errors import one_line
from snakeras.core.patching import put

NO_TAGS = MappingProxyType({})
SET = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    # Both would talk to a network: usage statistics, and ``uv export`` where a project of uv's is around.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
# What names something in another store. MLflow writes some of these itself.
UNSET = (
    "MLFLOW_RUN_ID",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_ACTIVE_MODEL_ID",
    "_MLFLOW_ACTIVE_MODEL_ID",
    "MLFLOW_ENABLE_WORKSPACES",
    "MLFLOW_WORKSPACE",
)


def store_uri(folder: Path) -> str:
    """The tracking URI of the store in ``folder``; no store is made.

    Parameters
    ----------
    folder
        As given to ``captured``.
    """
    return _store(folder).as_uri()


def _store(folder: Path) -> Path:
    return Path(folder).absolute() / "mlflow"


@contextmanager
def captured(folder: Path, tags: Mapping[str, str] = NO_TAGS) -> Iterator[None]:
    """Inside the block MLflow logs into a store of its own in ``folder``, whatever tracker a script names.

    A script that does not import MLflow pays nothing: MLflow is not imported and nothing is written. After the block
    the environment, MLflow and Keras (autologging) are as they were.

    Parameters
    ----------
    folder
        Takes the store. One that an earlier, interrupted attempt left there is removed.
    tags
        Set on every run that is in the store when the block ends.
    """
    root, uri = _store(folder), store_uri(folder)
    shutil.rmtree(root, ignore_errors=True)
    status = "FAILED"
    with ExitStack() as undo:
        _set_environment(SET | {"MLFLOW_TRACKING_URI": uri, "MLFLOW_REGISTRY_URI": uri}, undo)
        _when_imported(
            {
                "mlflow": lambda: _patch_mlflow(uri, undo),
                "mlflow.tensorflow.autologging": lambda: _patch_tensorboard(undo),
                "mflux_ai": lambda: _patch_mflux_ai(undo),
            },
            undo,
        )
        try:
            yield
            status = "FINISHED"
        finally:
            if root.exists():
                _finish(status, tags)


def _set_environment(values: dict[str, str], undo: ExitStack) -> None:
    before = {name: os.environ.pop(name, None) for name in (*values, *UNSET)}
    os.environ.update(values)

    def restore() -> None:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value

    undo.callback(restore)


def _when_imported(patches: dict[str, Callable[[], None]], undo: ExitStack) -> None:
    """Call a patch when its package has been imported: now, if it is already."""
    waiting = dict(patches)

    class Finder:
        def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
            if name not in waiting:
                return None
            # Taken out meanwhile, since the other finders are asked by way of this one.
            patch = waiting.pop(name)
            spec = importlib.util.find_spec(name)
            if spec is None or spec.loader is None:
                waiting[name] = patch
                return None
            execute = spec.loader.exec_module

            def execute_and_patch(module: ModuleType) -> None:
                try:
                    execute(module)
                except BaseException:
                    waiting[name] = patch
                    raise
                patch()

            spec.loader.exec_module = execute_and_patch
            return spec

    finder = Finder()
    sys.meta_path.insert(0, finder)
    undo.callback(sys.meta_path.remove, finder)
    for name in list(waiting):
        if name in sys.modules:
            waiting.pop(name)()


def _replace(package: str, original: object, replacement: object, undo: ExitStack) -> None:
    """Put ``replacement`` in the place of a function, under whatever name the modules of a package know it."""

    def swap(old: object, new: object) -> None:
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] == package and isinstance(module, ModuleType):
                for key, value in list(vars(module).items()):
                    if value is old:
                        setattr(module, key, new)

    swap(original, replacement)
    # Modules that were imported since then know only the replacement.
    undo.callback(swap, replacement, original)


def _notes() -> Callable[[str, str], None]:
    """A function that prints a line about each call of a script the first time."""
    said = set()

    def note(call: str, line: str) -> None:
        if call not in said:
            said.add(call)
            print(line)

    return note


def _without_password(uri: object) -> str:
    return re.sub(r"//[^/@]*@", "//", str(uri))


def _patch_mlflow(uri: str, undo: ExitStack) -> None:
    import mlflow
    from mlflow.models import utils as models
    from mlflow.store.artifact.artifact_repo import ArtifactRepository
    from mlflow.store.model_registry.file_store import FileStore as Registry
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registries
    from mlflow.tracking._model_registry.registry import ModelRegistryStoreRegistry
    from mlflow.tracking._tracking_service import utils as trackers
    from mlflow.tracking._tracking_service.registry import TrackingStoreRegistry
    from mlflow.utils import environment

    note = _notes()

    def elsewhere(call: str, named: object) -> None:
        if named is not None and str(named) != uri:
            note(
                call,
                f"{call}({_without_password(named)!r}) is left to tracking.uri: what this script logs is kept with "
                "its trial and published from there",
            )

    # Not the environment alone, which a script may change.
    undo.callback(trackers.set_tracking_uri, trackers._tracking_uri)
    trackers.set_tracking_uri(uri)
    put(undo, registries, "_registry_uri", uri)
    for module, name in ((trackers, "set_tracking_uri"), (registries, "set_registry_uri")):
        ignore = functools.partial(elsewhere, f"mlflow.{name}")
        _replace("mlflow", getattr(module, name), lambda uri, ignore=ignore: ignore(uri), undo)

    client = mlflow.MlflowClient
    make = client.__init__

    @functools.wraps(make)
    def make_here(self: object, tracking_uri: object = None, registry_uri: object = None, *_: object, **__: object):
        elsewhere("MlflowClient", tracking_uri)
        elsewhere("MlflowClient", registry_uri)
        make(self)

    put(undo, client, "__init__", make_here)

    # Whatever else takes a URI ends here.
    tracker = functools.cache(lambda: _tracker(uri, note))
    registry = functools.cache(lambda: Registry(uri))
    put(undo, TrackingStoreRegistry, "get_store", lambda *_, **__: tracker())
    put(undo, ModelRegistryStoreRegistry, "get_store", lambda *_, **__: registry())

    infer = environment._infer_requirements

    @functools.wraps(infer)
    def infer_cheaply(model_uri: str, flavor: str, *args: object, **kwargs: object) -> list[str]:
        # MLflow would load the model in a process of its own to see what that imports, for 5 s.
        if flavor in ("keras", "tensorflow"):
            loaded = [name for name in ("keras", "tensorflow") if name in sys.modules]
            return [f"{name}=={sys.modules[name].__version__}" for name in loaded]
        return infer(model_uri, flavor, *args, **kwargs)

    _replace("mlflow", infer, infer_cheaply, undo)

    save = models._save_example

    @functools.wraps(save)
    def save_into_folder(mlflow_model: object, input_example: object, path: str, *args: object) -> object:
        # mlflow.keras makes the folder only afterwards.
        if input_example is not None:
            Path(path).mkdir(parents=True, exist_ok=True)
        return save(mlflow_model, input_example, path, *args)

    _replace("mlflow", save, save_into_folder, undo)

    def log_at_once(self: object, *args: object, **kwargs: object) -> object:
        return _at_once(self._async_logging_queue._artifact_logging_func, *args, **kwargs)

    put(undo, ArtifactRepository, "_log_artifact_async", log_at_once)
    _keep_autologging(undo)
    # A run that is open from before belongs to another store.
    put(undo, fluent, "_active_experiment_id", None)
    stack = fluent._active_run_stack.get()
    undo.callback(stack.extend, stack[:])
    stack.clear()


def _tracker(uri: str, note: Callable[[str, str], None]) -> object:
    from mlflow.store.tracking.file_store import FileStore

    class Tracker(FileStore):
        def create_experiment(self, name: str, artifact_location: str | None = None, tags: object = None) -> str:
            if artifact_location:
                note("artifact_location", f"artifact_location={_without_password(artifact_location)!r} is left out")
            return super().create_experiment(name, None, tags)

        def get_experiment(self, experiment_id: str | None) -> object:
            if experiment_id is not None and not self._has_experiment(experiment_id):
                note(
                    "experiment_id",
                    f"experiment_id={experiment_id!r} is not known inside a trial: the default experiment is taken",
                )
                experiment_id = None
            return super().get_experiment(experiment_id)

        def log_batch_async(self, *args: object, **kwargs: object) -> object:
            return _at_once(self.log_batch, *args, **kwargs)

    return Tracker(uri, uri)


def _at_once(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    """What MLflow would do in a thread, whose end it awaits for up to a second; writing a file takes less."""
    from mlflow.utils.async_logging.run_operations import RunOperations

    future = Future()
    try:
        future.set_result(function(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return RunOperations([future])


def _keep_autologging(undo: ExitStack) -> None:
    """Have autologging that the script turns on turned off again at the end."""
    from mlflow.utils.autologging_utils import AUTOLOGGING_INTEGRATIONS, safety
    from mlflow.utils.import_hooks import _post_import_hooks

    settings, hooks = dict(AUTOLOGGING_INTEGRATIONS), dict(_post_import_hooks)
    patched = set(safety._AUTOLOGGING_PATCHES)

    def restore() -> None:
        for integration in set(safety._AUTOLOGGING_PATCHES) - patched:
            _take_off(safety._AUTOLOGGING_PATCHES[integration])
            safety.revert_patches(integration)
        for integration in AUTOLOGGING_INTEGRATIONS:
            AUTOLOGGING_INTEGRATIONS[integration] = settings.get(integration, {})
        _post_import_hooks.clear()
        _post_import_hooks.update(hooks)

    undo.callback(restore)


def _take_off(patches: Iterable[object]) -> None:
    """Undo patches of MLflow's, which itself would also bring back a hook that others have taken off since."""
    from mlflow.utils import gorilla

    for patch in patches:
        owner, name = patch.destination, patch.name
        if vars(owner).get(name) is patch.obj:
            bases = getattr(owner, "__mro__", ())[1:]
            inherited = next((vars(base)[name] for base in bases if name in vars(base)), None)
            original = vars(owner).get(gorilla._ORIGINAL_NAME % (name,))
            if patch.is_inplace_patch and original is not inherited:
                setattr(owner, name, original)
            else:
                delattr(owner, name)
    for patch in patches:
        for mark in (gorilla._ACTIVE_PATCH, gorilla._ORIGINAL_NAME):
            if mark % (patch.name,) in vars(patch.destination):
                delattr(patch.destination, mark % (patch.name,))


def _patch_tensorboard(undo: ExitStack) -> None:
    """Let autologging of TensorFlow do without TensorBoard where that is not installed: fit would fail for it."""
    import keras
    from mlflow.tensorflow import autologging

    class Nothing(keras.callbacks.Callback):
        def __init__(self, _log_dir: str) -> None:
            super().__init__()

    if importlib.util.find_spec("tensorboard") is None:
        put(undo, autologging, "_TensorBoard", Nothing)


def _patch_mflux_ai(undo: ExitStack) -> None:
    import mflux_ai.core

    note = _notes()

    def init(*_: object, **__: object) -> None:
        # Without the key, since a log is shown to others.
        note("init", "mflux_ai.init is left out: what this script logs is kept with its trial and published from there")

    def put_dataset(*_: object, **__: object) -> None:
        note("put_dataset", "mflux_ai.put_dataset is left out: a trial sends nothing to a server")

    for replacement in (init, put_dataset):
        _replace("mflux_ai", getattr(mflux_ai.core, replacement.__name__), replacement, undo)


def _finish(status: str, tags: Mapping[str, str]) -> None:
    """End and tag the runs. The trial's result does not depend on it."""
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
