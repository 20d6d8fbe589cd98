"""A Hyperas script loaded for use by the real Hyperas: its data in place, its model function ready to be called."""

import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from snakeras import arrays, compat, seeds, template


@dataclass(frozen=True)
class Loaded:
    """A Hyperas script with its data in place."""

    script: template.HyperasScript
    module: ModuleType  # the one that Hyperas wrote: the data are its globals, by the names of the model's parameters

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


def _rows(value: object) -> int | None:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return shape[0] if len(shape) else None
    return len(value) if isinstance(value, list) else None


def _take(value: object, rows: np.ndarray) -> object:
    if isinstance(value, list):
        return [value[row] for row in rows]
    return value.iloc[rows] if hasattr(value, "iloc") else np.asarray(value)[rows]


def _data_source(parameters: tuple[str, ...]) -> str:
    """A data function, as text for Hyperas, that gives the prepared arrays under the names the model uses."""
    names = ", ".join(parameters)
    return f"def data():\n    from snakeras.space import handed_over\n    {names} = handed_over()\n    return {names}\n"


_arrays: tuple[np.ndarray, ...] = ()


def handed_over() -> tuple[np.ndarray, ...]:
    """The arrays for the data function that Hyperas runs in its own module."""
    return _arrays


def minimize(
    script: template.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: dict,
    fmin: Callable[[Callable, object, Callable, Loaded, object], object],
    algo: Callable,
    trials: object,
) -> None:
    """Call ``hyperas.optim.minimize`` on a script, with ``fmin`` in the place of its search loop.

    Parameters
    ----------
    prepared
        The model function's arrays; None runs the script's own data function.
    fmin
        Called once with the model function of a point of the space, the space, ``algo``, the loaded script and
        ``trials``.
    """
    global _arrays
    _arrays = prepared or ()
    data_source = None if prepared is None else _data_source(script.parameters)
    called = []

    def stand_in(function: Callable, space: object, algo: Callable, trials: object, **_: object) -> dict:
        # Hyperas tries a second time after a TypeError; whatever raised it has been raised by then.
        if called:
            raise called[0]
        loaded = Loaded(script, sys.modules[function.__module__])
        try:
            loaded.take_subset(search["train_samples"], seeds.of_subset(search["seed"]))
            fmin(function, space, algo, loaded, trials)
        except TypeError as error:
            called.append(error)
            raise
        return {}

    with (
        tempfile.TemporaryDirectory(prefix="snakeras-") as scratch,
        compat.hyperas_in(Path(scratch), stand_in) as optim,
    ):
        # Modules that lie beside the script, after the installed ones.
        sys.path.append(str(script.path.parent.resolve()))
        path = Path(scratch) / "hyperas_script.py"
        # Hyperas reads the imports from the file that calls minimize, so the call stands in the script's text.
        caller = "\ndef call_minimize(minimize, **arguments):\n    return minimize(**arguments)\n"
        path.write_text(template.hyperas_text(script, data_source) + caller, encoding="utf-8")
        module = _load(path)
        # A script's data function may draw random numbers: let every trial draw the same.
        seeds.seed_everything(seeds.of_data(search["seed"]))
        module.call_minimize(
            optim.minimize,
            model=getattr(module, script.model),
            data=module.data if prepared is not None else getattr(module, script.data),
            functions=[getattr(module, helper) for helper in script.helpers],
            algo=algo,
            max_evals=1,
            trials=trials,
            rseed=search["seed"],
            keep_temp=True,
        )


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    # inspect.getsource finds a function's text through sys.modules.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
