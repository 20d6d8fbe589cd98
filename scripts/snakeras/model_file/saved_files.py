"""What a script saves by Keras goes to a folder of its trial: side by side, trials would overwrite each other's."""

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
    """Inside the block, what Keras saves under a relative path goes to ``folder`` and is found there again.

    Reading looks there first, then where the path says. Absolute paths are left as they are.
    """
    import keras

    def own(path: object) -> object:
        given = Path(path) if isinstance(path, str | Path) else None
        if given is None or given.is_absolute() or "://" in str(path):
            return path
        return folder / Path(*(part for part in given.parts if part != ".."))

    def writing(function: Callable, position: int) -> Callable:
        """For callbacks: their first argument is a path, whatever it is called."""
        first = list(inspect.signature(function).parameters)[position]

        def start(*arguments: object, **named: object) -> object:
            if first in named:
                arguments = (*arguments, named.pop(first))
            target = own(arguments[position])
            if isinstance(target, Path):
                target.parent.mkdir(parents=True, exist_ok=True)
            return function(*arguments[:position], str(target), *arguments[position + 1 :], **named)

        return functools.wraps(function)(start)

    def saving(function: Callable, position: int) -> Callable:
        def save(*arguments: object, **named: object) -> object:
            path, give = _path_of(arguments, named, position)
            target = own(path)
            if isinstance(target, Path):
                target.parent.mkdir(parents=True, exist_ok=True)
            return function(*give(str(target) if isinstance(target, Path) else target), **named)

        return save

    def loading(function: Callable, position: int) -> Callable:
        def load(*arguments: object, **named: object) -> object:
            path, give = _path_of(arguments, named, position)
            target = own(path)
            found = isinstance(target, Path) and target.exists()
            return function(*give(str(target) if found else path), **named)

        return load

    with contextlib.ExitStack() as undo:

        def wrapped(holder: object, name: str, wrap: Callable, position: int) -> None:
            put(undo, holder, name, wrap(getattr(holder, name), position))

        for callback in (keras.callbacks.CSVLogger, keras.callbacks.BackupAndRestore):
            wrapped(callback, "__init__", writing, 1)
        wrapped(keras.Model, "save", saving, 1)
        wrapped(keras.Model, "save_weights", saving, 1)
        wrapped(keras.Model, "load_weights", loading, 1)
        for module in map(importlib.import_module, MODULES):
            if hasattr(module, "save_model"):
                wrapped(module, "save_model", saving, 1)
            wrapped(module, "load_model", loading, 0)
        yield


def _path_of(arguments: tuple, named: dict, position: int) -> tuple[object, Callable[[object], list]]:
    """The path among a call's arguments, and what gives the positional arguments with another in its place."""
    if "filepath" in named:
        arguments = (*arguments[:position], named.pop("filepath"), *arguments[position:])
    path = arguments[position] if len(arguments) > position else None
    return path, lambda other: [*arguments[:position], other, *arguments[position + 1 :]]
