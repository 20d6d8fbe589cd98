"""A Hyperas script loaded for use by the real Hyperas: its data in place, its model function ready to be called."""

import contextlib
import importlib
import importlib.util
import linecache
import math
import os
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
from snakeras.core.errors import UserError, flat, one_line
from snakeras.core.patching import put
from snakeras.data import arrays
from snakeras.model_file import hyperas_compat, keras_datasets, parser, saved_files
from snakeras.model_file.keras_legacy import old_names

# The modules that hold a script's functions: ours for Hyperas to read, Hyperas's to run.
MODULE, HYPERAS_MODULE = "hyperas_script", "temp_model"


@dataclass(frozen=True)
class Loaded:
    """A Hyperas script with its data in place."""

    script: parser.HyperasScript
    module: ModuleType  # the one that Hyperas wrote: the data are its globals, by the names of the model's parameters
    labels: list[str]  # Hyperas's names of the script's templates, in their order

    def described(self) -> dict[str, dict]:
        """Shape and dtype of each of the model function's parameters that is an array."""
        values = {name: getattr(self.module, name, None) for name in self.script.parameters}
        return {
            name: {"shape": list(value.shape), "dtype": str(value.dtype)}
            for name, value in values.items()
            if isinstance(value, np.ndarray)
        }

    def take_subset(self, wanted: int | None, seed: int) -> None:
        """Cut every array as long as the first to ``wanted`` rows, stratified where labels are known.

        None, or more than there are, leaves all.
        """
        names = [name for name in self.script.parameters if hasattr(self.module, name)]
        if wanted is None or not names:
            return
        values = [getattr(self.module, name) for name in names]
        rows = _rows(values[0])
        if rows is None or wanted >= rows:
            return
        labels = arrays.labels_of(values[1]) if len(values) > 1 and _rows(values[1]) == rows else None
        chosen = arrays.stratified_choice(np.zeros(rows) if labels is None else labels, wanted, seed)
        for name, value in zip(names, values, strict=True):
            if _rows(value) == rows:
                setattr(self.module, name, _take(value, chosen))

    def readable(self, point: dict, values: dict[str, list]) -> dict:
        """Hyperparameters as the model got them, but objects (layers, optimizers) as the script spells them.

        Parameters
        ----------
        point
            Values by label.
        values
            hyperopt's own: for a choice, the index of what was chosen.
        """
        options = dict(zip(self.labels, self.script.choices, strict=False))
        found = {}
        # In the order of the script; hyperopt sorts the names.
        for label in self.labels:
            value = found[label] = point[label]
            if not _is_plain(value):
                index = values.get(label)
                spelled = options[label] and index and options[label][int(index[0])]
                found[label] = spelled or f"{type(value).__name__} object"
        return found


def read(source: str, search: dict, needs_data: bool) -> parser.HyperasScript:
    """The Hyperas script ``source``, with the functions that the configuration names. Raises as ``template.read``."""
    return parser.read(Path(source), needs_data, search["model_function"], search["data_function"])


def checked(result: object) -> dict:
    """What a model function returned, once it is seen to have a loss that a search can use. Raises ValueError."""
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


def returned_model(result: dict) -> object | None:
    """The Keras model that a model function returned, which Hyperas takes for its own; None if it returned none."""
    import keras

    model = result.get("model")
    return model if isinstance(model, keras.Model) else None


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, str | bool | int | float | np.generic | None)


def _is_several(value: object) -> bool:
    """Whether a value is a list of arrays of the same length, one for each input of a model."""
    return (
        isinstance(value, list)
        and all(getattr(item, "ndim", 0) for item in value)
        and len({len(item) for item in value}) == 1
    )


def _rows(value: object) -> int | None:
    if _is_several(value):
        return len(value[0])
    shape = getattr(value, "shape", None)
    if shape is not None:
        return shape[0] if len(shape) else None
    return len(value) if isinstance(value, list) else None


def _take(value: object, rows: np.ndarray) -> object:
    if _is_several(value):
        return [_take(item, rows) for item in value]
    if isinstance(value, list):
        return [value[row] for row in rows]
    return value.iloc[rows] if hasattr(value, "iloc") else np.asarray(value)[rows]


_arrays: tuple[np.ndarray, ...] = ()


def handed_over() -> tuple[np.ndarray, ...] | np.ndarray:
    """The arrays for the data function that Hyperas runs in its own module."""
    return _arrays if len(_arrays) != 1 else _arrays[0]


def minimize(
    script: parser.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: dict,
    fmin: Callable[[Callable, object, Callable, Loaded, object], object],
    algo: Callable,
    trials: object,
    mnist_folder: str | None = None,
) -> None:
    """Call ``hyperas.optim.minimize`` on a script, with ``fmin`` in the place of its search loop.

    Parameters
    ----------
    prepared
        The model function's arrays; None runs the script's own data function.
    fmin
        Called once with the model function of a point of the space, the space, ``algo``, the loaded script and
        ``trials``.
    mnist_folder
        A folder that the user names to take MNIST from, should the script use it and it be lost.

    Raises
    ------
    UserError
        When the script's data function or its search space fails. What ``fmin`` raises is left as it is.
    """
    global _arrays
    _arrays = prepared or ()
    here = Path.cwd()
    data_source = None
    if prepared is not None:
        taken = "from snakeras.model_file.loader import handed_over"
        data_source = parser.call_source("handed_over()", script.parameters, taken)
    reached, raised = [], []

    def stand_in(function: Callable, space: object, algo: Callable, trials: object, **_: object) -> dict:
        # Hyperas tries a second time after a TypeError; whatever raised it has been raised by then.
        if raised:
            raise raised[0]
        reached.append(True)
        loaded = Loaded(script, sys.modules[function.__module__], list(space))
        try:
            loaded.take_subset(search["train_samples"], seeds.of_subset(search["seed"]))
            fmin(function, space, algo, loaded, trials)
        except TypeError as error:
            raised.append(error)
            raise
        return {}

    with (
        tempfile.TemporaryDirectory(prefix="snakeras-") as scratch,
        hyperas_compat.hyperas_in(Path(scratch), stand_in) as optim,
        keras_datasets.verified_mnist(mnist_folder),
        old_names.old_names(),
        saved_files.kept_in(Path(scratch) / "own"),
        _precision(search["precision"]),
    ):
        # Modules that lie beside the script, after the installed ones.
        sys.path.append(str(script.path.parent.resolve()))
        path = Path(scratch) / f"{MODULE}.py"
        # Hyperas reads the imports from the file that calls minimize, so the call stands in the script's text.
        caller = "\ndef call_minimize(minimize, **arguments):\n    return minimize(**arguments)\n"
        path.write_text(parser.hyperas_text(script, data_source) + caller, encoding="utf-8")
        try:
            module = _load(path)
            # A script's data function may draw random numbers: let every trial draw the same.
            seeds.seed_everything(seeds.of_data(search["seed"]))
            module.call_minimize(
                optim.minimize,
                model=getattr(module, script.model),
                data=getattr(module, parser.DATA),
                functions=[getattr(module, helper) for helper in script.helpers],
                algo=algo,
                max_evals=1,
                trials=trials,
                rseed=search["seed"],
                keep_temp=True,
            )
        except (Exception, SystemExit) as error:
            if reached or isinstance(error, UserError):
                raise
            traceback.print_exc()
            frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
            what = "the search space" if "get_space" in frames else "the data function"
            raise UserError(f"{script.path}: {what} failed: {explained(script, error)}{at(script, error)}") from error
        finally:
            # A script may have gone elsewhere.
            os.chdir(here)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    # inspect.getsource finds a function's text through sys.modules.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


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

    names = ("keras.utils", "keras.backend", "keras._tf_keras.keras.utils", "keras._tf_keras.keras.backend")
    holders = [module for name in names if hasattr(module := importlib.import_module(name), "clear_session")]
    with contextlib.ExitStack() as undo:
        undo.callback(keras.config.set_dtype_policy, before)
        for holder in holders:
            put(undo, holder, "clear_session", clear_session)
        keras.config.set_dtype_policy(policy)
        yield


def explained(script: parser.HyperasScript, error: BaseException) -> str:
    """An error of a script in one line, with what to do about it where that is known."""
    text = one_line(error)
    if isinstance(error, NameError):
        for item in script.imports:
            if item.name == error.name and (failed := _import_failure(item)):
                return f"{text}: line {item.line}, {item.statement}, failed: {failed}"
        if error.name in script.top_level_names:
            text += (
                f" (the script sets {error.name} at its top level, which Hyperas does not run: set it in a function)"
            )
    advice = old_names.advice(error)
    return f"{text} ({advice})" if advice else text


def _import_failure(item: parser.Import) -> str | None:
    try:
        exec(item.statement, {})
    except Exception as error:
        advice = old_names.advice(error)
        return one_line(error) + (f" ({advice})" if advice else "")
    return None


def where(script: parser.HyperasScript, error: BaseException) -> str | None:
    """The line of the script that an error came from; None if it came from elsewhere."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).stem in (MODULE, HYPERAS_MODULE):
            line = linecache.getline(frame.filename, frame.lineno) or frame.line or ""
            number = script.line_of(line)
            return f"line {number}: {flat(script.text.split(chr(10))[number - 1])}" if number else flat(line) or None
    return None


def at(script: parser.HyperasScript, error: BaseException) -> str:
    """``where`` as it is put behind a message; empty if it is not known."""
    place = where(script, error)
    return f" ({place})" if place else ""
