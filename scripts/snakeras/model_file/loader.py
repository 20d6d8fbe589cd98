"""A Hyperas file loaded by the real Hyperas: its data in place, its objective and search space ready for hyperopt."""

import contextlib
import importlib
import importlib.util
import linecache
import math
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from snakeras.core import seeds
from snakeras.core.errors import Mistake, UserError, one_line
from snakeras.core.patching import put
from snakeras.core.settings import TrialSettings
from snakeras.data import arrays
from snakeras.model_file import (
    array_roles,
    data_functions,
    hyperas_compat,
    keras_datasets,
    optional_packages,
    parser,
    saved_files,
    script_arguments,
    search_space,
)
from snakeras.model_file.keras_legacy import old_names

# The modules that hold a script's functions: ours for Hyperas to read, Hyperas's to run.
MODULE, HYPERAS_MODULE = "hyperas_script", hyperas_compat.TEMPORARY
# Python's own errors that may pass: of a network, a file, memory, a device.
PASSING = (OSError, MemoryError, RuntimeError)


class Point(dict):
    """A point of a search space that knows what a model function took of it: ``used`` has the labels."""

    def __init__(self, values: dict) -> None:
        super().__init__(values)
        self.used: set[str] = set()

    def __getitem__(self, label: str) -> object:
        """Return a value, and note that it was taken."""
        self.used.add(label)
        return super().__getitem__(label)


@dataclass(frozen=True)
class Loaded:
    """A Hyperas file with its data in place."""

    script: parser.HyperasScript
    module: ModuleType  # the one that Hyperas wrote: the data are its globals, by the names of the model's parameters
    function: Callable[[dict], object]  # the objective: a point of the space to what the model function returns
    space: dict  # hyperopt's search space, by Hyperas's names of the templates (labels), in their order

    def described(self) -> dict[str, dict]:
        """Return shape and dtype of each of the model function's parameters that is an array."""
        values = {name: getattr(self.module, name, None) for name in self.script.parameters}
        return {
            name: {"shape": list(value.shape), "dtype": str(value.dtype)}
            for name, value in values.items()
            if isinstance(value, np.ndarray)
        }

    def data_digest(self) -> str | None:
        """Return a digest of what the data function gave; None where it cannot be told."""
        import joblib

        values = {name: getattr(self.module, name, None) for name in self.script.parameters}
        try:
            return joblib.hash(values)
        # Generators, for example.
        except Exception:
            return None

    def take_subset(self, wanted: int | None, seed: int) -> None:
        """Cut every array as long as the first that is not held out to ``wanted`` rows, stratified by known labels.

        None, or more than there are, leaves all.
        """
        names = [name for name in self.script.parameters if hasattr(self.module, name)]
        if wanted is None or not names:
            return
        values = [getattr(self.module, name) for name in names]
        first = next((name for name in names if not array_roles.is_held_out(name)), names[0])
        rows = _rows(getattr(self.module, first))
        if rows is None or wanted >= rows:
            return
        alike = [name for name, value in zip(names, values, strict=True) if _rows(value) == rows and name != first]
        target = next((name for name in alike if array_roles.is_target(name) or name == names[1]), None)
        labels = arrays.labels_of(getattr(self.module, target)) if target else None
        chosen = arrays.stratified_choice(np.zeros(rows) if labels is None else labels, wanted, seed)
        for name, value in zip(names, values, strict=True):
            if _rows(value) == rows:
                setattr(self.module, name, _take(value, chosen))

    def readable(self, point: dict, values: dict[str, list]) -> dict:
        """Return the hyperparameters of a point in the order of the file, by the names that are shown.

        They are as the model function got them, but objects (layers, optimizers) as the file spells them. For a choice,
        ``values``, which are hyperopt's own, have the index of what was chosen.
        """
        result = {}
        for label, shown, _ in self.script.names:
            value = point[label]
            if not _is_plain(value):
                index, options = values.get(label), self.script.choices.get(label)
                value = options[int(index[0])] if options and index else f"{type(value).__name__} object"
            if shown:
                result[shown] = value
        return result

    def used(self, point: Point) -> set[str]:
        """Return the names that are shown of what the model function took of a point."""
        return {name.shown for name in self.script.names if name.shown and name.label in point.used}

    def point(self, values: dict) -> dict:
        """Return the point of the space for hyperopt's ``values`` by the names that are shown, as in best.json."""
        shown = {name.label: name.shown for name in self.script.names if name.shown}
        space = {label: node for label, node in self.space.items() if label in shown}
        values = values | {label: values[name] for label, name in shown.items() if name in values}
        return hyperas_compat.import_hyperopt().space_eval(space, values)


@contextmanager
def loaded(
    script: parser.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: TrialSettings,
    mnist_folder: str | None = None,
) -> Iterator[Loaded]:
    """Yield a Hyperas file ready for hyperopt, loaded by ``hyperas.optim.minimize``, which here starts no search.

    Inside the block the file finds Keras's old names, the configured precision, and MNIST as Snakeras keeps it. Keras
    is imported only for a file that uses it.

    Args:
        prepared: The model function's arrays; None runs the file's own data function.
        mnist_folder: A folder that the user names to take MNIST from, should the file use it and it be lost.

    Raises:
        UserError: When the file's data function or its search space fails.
    """
    keras = optional_packages.uses_keras([script.path, *parser.local_modules(script.path)])
    with (
        # A script may go elsewhere.
        contextlib.chdir(Path.cwd()),
        tempfile.TemporaryDirectory(prefix="snakeras-") as scratch,
        hyperas_compat.recording_hyperas(Path(scratch), script.own_path.parent.absolute(), keras) as (
            minimize,
            recorder,
        ),
        old_names.old_names(keras),
        _keras(Path(scratch) / "own", mnist_folder, search.precision) if keras else contextlib.nullcontext(),
        script_arguments.handed_over(script.path, search.args),
    ):
        # Modules that lie beside the script, after the installed ones.
        sys.path.append(str(script.path.parent.resolve()))
        if prepared is not None:
            prepared = tuple(array_roles.in_order(script.parameters, prepared))
        try:
            _call_minimize(minimize, script, prepared, search.seed, Path(scratch))
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            raise failure(script, _what_failed(error), error) from error
        module = sys.modules[recorder.function.__module__]
        model_file = Loaded(script, module, recorder.function, recorder.space)
        model_file.take_subset(search.train_samples, seeds.of_subset(search.seed))
        yield model_file


def _call_minimize(
    minimize: Callable,
    script: parser.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    seed: int,
    folder: Path,
) -> None:
    """Write the module that Hyperas reads into ``folder``, and let Hyperas minimize its model function."""
    read_prepared = data_functions.call_source("prepared", script.parameters, f"from {MODULE} import prepared")
    data_source = None if prepared is None else read_prepared
    # Hyperas reads the imports from the file that calls minimize, so the call stands in the script's text.
    caller = "\ndef call_minimize(minimize, **arguments):\n    return minimize(**arguments)\n"
    path = folder / f"{MODULE}.py"
    own_path = f"from {MODULE} import own_path as __file__\n"
    path.write_text(own_path + parser.hyperas_text(script, data_source) + caller, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(MODULE, path)
    module = importlib.util.module_from_spec(spec)
    module.own_path = str(script.own_path.absolute())
    # inspect.getsource finds a function's text through sys.modules.
    sys.modules[MODULE] = module
    spec.loader.exec_module(module)
    # It finds that of a class through this.
    module.__file__ = str(path)
    module.prepared = prepared
    # A script's data function may draw random numbers: let every trial draw the same.
    seeds.seed_everything(seeds.of_data(seed))
    module.call_minimize(
        minimize,
        model=getattr(module, script.model),
        data=getattr(module, data_functions.NAME),
        functions=[getattr(module, helper) for helper in script.helpers],
        algo=None,
        max_evals=1,
        trials=[],
        rseed=seed,
        keep_temp=True,
    )


@contextmanager
def _keras(folder: Path, mnist_folder: str | None, precision: str) -> Iterator[None]:
    """Let Keras compute in this precision, save into ``folder``, and take MNIST as Snakeras keeps it."""
    with keras_datasets.verified_mnist(mnist_folder), saved_files.kept_in(folder), _precision(precision):
        yield


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Let Keras compute in this precision, also after a script has cleared its session."""
    import keras

    before = keras.config.dtype_policy()
    if policy == before.name:
        yield
        return
    clear = keras.utils.clear_session

    def clear_session(*arguments: object, **named: object) -> None:
        clear(*arguments, **named)
        keras.config.set_dtype_policy(policy)

    with contextlib.ExitStack() as undo:
        undo.callback(keras.config.set_dtype_policy, before)
        for name in ("keras.utils", "keras.backend", "keras._tf_keras.keras.utils", "keras._tf_keras.keras.backend"):
            put(undo, importlib.import_module(name), "clear_session", clear_session)
        keras.config.set_dtype_policy(policy)
        yield


def checked(result: object) -> dict:
    """Return what a model function returned, as hyperopt's dict. Raise ValueError if it has no usable loss."""
    import hyperopt

    if isinstance(result, dict):
        if result.get("status") == hyperopt.STATUS_FAIL:
            raise ValueError(f"the model function says status: fail ({result.get('failure', 'no reason given')})")
        if "loss" not in result:
            raise ValueError(f"the model function returned no loss, but {sorted(map(str, result))}")
        result = {"status": hyperopt.STATUS_OK, **result}
        if result["status"] != hyperopt.STATUS_OK:
            raise ValueError(f"the model function says status: {result['status']!r}, expected hyperopt's STATUS_OK")
        if not isinstance(result.get("attachments", {}), dict):
            raise ValueError("the model function returned attachments that are no dict")
    else:
        result = {"status": hyperopt.STATUS_OK, "loss": result}
    try:
        # Some metrics are arrays of one number.
        loss = float(np.asarray(result["loss"]).item())
    except (TypeError, ValueError):
        raise ValueError(f"the model function returned {result['loss']!r} as loss, expected a number") from None
    if not math.isfinite(loss):
        raise ValueError(f"the loss is {loss}")
    return result | {"loss": loss}


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, str | bool | int | float | np.generic | None)


def _is_several(value: object) -> bool:
    """Return whether a value is a list of arrays of the same length, one for each input of a model."""
    return (
        isinstance(value, list)
        and all(getattr(item, "ndim", 0) for item in value)
        and len({len(item) for item in value}) == 1
    )


def _rows(value: object) -> int | None:
    if isinstance(value, list):
        return len(value[0] if _is_several(value) else value)
    return next(iter(getattr(value, "shape", ())), None)


def _take(value: object, rows: np.ndarray) -> object:
    if _is_several(value):
        return [_take(item, rows) for item in value]
    if isinstance(value, list):
        return [value[row] for row in rows]
    return value.iloc[rows] if hasattr(value, "iloc") else np.asarray(value)[rows]


def failure(script: parser.HyperasScript, what: str, error: BaseException, reason: str | None = None) -> UserError:
    """Return an error of a script as one line about ``what`` failed: a ``Mistake`` if it will fail so again.

    A network or a file may be back at the next attempt, and memory may be free. ``reason`` stands for ``explained``.
    """
    causes = [error]
    while following := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(following)
    certain = all(type(cause).__module__ == "builtins" and not isinstance(cause, PASSING) for cause in causes)
    kind = Mistake if certain else UserError
    return kind(f"{script.path}: {what} failed: {reason or explained(script, error)}{at(script, error)}")


def _what_failed(error: BaseException) -> str:
    """Return which part of a script failed while it was loaded."""
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    if _is_in_what_hyperas_made(error):
        return "what Hyperas makes of the file"
    return "the search space" if "get_space" in frames else "the data function"


def _is_in_what_hyperas_made(error: BaseException) -> bool:
    return isinstance(error, SyntaxError) and Path(error.filename or "").stem == HYPERAS_MODULE


def explained(script: parser.HyperasScript, error: BaseException) -> str:
    """Return an error of a script in one line, with advice where there is some."""
    # What Hyperas calls the model function.
    text = one_line(error).replace("keras_fmin_fnct", script.model)
    if _is_in_what_hyperas_made(error):
        text = f"{type(error).__name__}: {error.msg}"
    if isinstance(error, NameError):
        for item in script.imports:
            if item.name == error.name:
                try:
                    exec(item.statement, {})
                except Exception as failed:
                    return f"{text}: {item.place}, {item.statement}, failed: {_advised(one_line(failed), failed)}"
        if _what_failed(error) == "the search space":
            text += search_space.why_unseen(script, error.name)
        elif error.name in script.top_level_names:
            text += (
                f" (the script sets {error.name} at its top level, which Hyperas does not run: set it in a function)"
            )
    return _advised(text, error)


def _advised(text: str, error: BaseException) -> str:
    advice = old_names.advice(error)
    return f"{text} ({advice})" if advice else text


def where(script: parser.HyperasScript, error: BaseException) -> str | None:
    """Return the line of the script that an error came from; None if it came from elsewhere."""
    lines = [error.text or ""] if _is_in_what_hyperas_made(error) else []
    frames = [
        frame
        for frame in reversed(traceback.extract_tb(error.__traceback__))
        if Path(frame.filename).stem in (MODULE, HYPERAS_MODULE)
    ]
    for frame in frames:
        if frame.name == "get_space":
            return _template_at(script, frame)
        lines.append(linecache.getline(frame.filename, frame.lineno) or frame.line or "")
    place = next(filter(None, map(script.place_of, lines)), None)
    # The call of the data function stands in Hyperas's module alone: what was returned does not fit.
    if place is None and any(frame.name == "<module>" for frame in frames):
        return script.data_return
    return place


def _template_at(script: parser.HyperasScript, frame: traceback.FrameSummary) -> str | None:
    """Return the template that Hyperas's search space evaluates at a line."""
    for number in range(frame.lineno, 0, -1):
        if label := re.match(r" +'(\w+)': hp\.", linecache.getline(frame.filename, number)):
            text = next((name.template.text for name in script.names if name.label == label[1]), None)
            return next((f"{item.place}: {item.flat}" for item in script.templates if item.text == text), None)
    return None


def at(script: parser.HyperasScript, error: BaseException) -> str:
    """Return ``where`` as it is appended to a message; empty if it is not known."""
    place = where(script, error)
    return f" ({place})" if place else ""
