"""Redirect what a script saves with Keras to a folder of its trial: parallel trials would overwrite each other."""

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from snakeras.core.patching import put

MODULES = ("keras.models", "keras.saving", "keras._tf_keras.keras.models", "keras._tf_keras.keras.saving")


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Save, inside the block, in ``folder`` what Keras would save under a relative path, and find it there again.

    Keras reads a file from where its path says if it is not in ``folder``. Absolute paths stay as they are.
    """
    import keras

    def to_write(path: object) -> object:
        target = _redirected(path, folder)
        if target is None:
            return path
        target.parent.mkdir(parents=True, exist_ok=True)
        return str(target)

    def to_read(path: object) -> object:
        target = _redirected(path, folder)
        return str(target) if target and target.exists() else path

    with contextlib.ExitStack() as undo:

        def redirect(owner: object, name: str, position: int, change: Callable[[object], object]) -> None:
            put(undo, owner, name, _with_path(getattr(owner, name), position, change))

        for callback in (keras.callbacks.CSVLogger, keras.callbacks.BackupAndRestore):
            redirect(callback, "__init__", 1, to_write)
        redirect(keras.Model, "save", 1, to_write)
        redirect(keras.Model, "save_weights", 1, to_write)
        redirect(keras.Model, "load_weights", 1, to_read)
        for module in map(importlib.import_module, MODULES):
            if hasattr(module, "save_model"):
                redirect(module, "save_model", 1, to_write)
            redirect(module, "load_model", 0, to_read)
        yield


def _redirected(path: object, folder: Path) -> Path | None:
    """Return the path inside ``folder``; None for an absolute path, a URL or what is no path."""
    if not isinstance(path, str | Path) or Path(path).is_absolute() or "://" in str(path):
        return None
    return folder / Path(*(part for part in Path(path).parts if part != ".."))


def _with_path(function: Callable, position: int, change: Callable[[object], object]) -> Callable:
    """Return a function with ``change`` applied to its argument number ``position``, a path."""
    name = list(inspect.signature(function).parameters)[position]

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        if name in kwargs:
            kwargs[name] = change(kwargs[name])
        elif len(args) > position:
            args = (*args[:position], change(args[position]), *args[position + 1 :])
        return function(*args, **kwargs)

    return call
