"""Redirect what a script saves with Keras to a folder of its trial: parallel trials would overwrite each other."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from snakeras.model_file.keras_legacy.translation import replace, wrap


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

    with ExitStack() as undo:
        for cls, name, change in (
            (keras.callbacks.CSVLogger, "__init__", to_write),
            (keras.callbacks.BackupAndRestore, "__init__", to_write),
            (keras.callbacks.TensorBoard, "__init__", to_write),
            (keras.Model, "save", to_write),
            (keras.Model, "save_weights", to_write),
            (keras.Model, "load_weights", to_read),
        ):
            wrap(undo, cls, name, _with_path(1, change))
        replace(undo, keras.saving.save_model, _with_path(1, to_write))
        replace(undo, keras.saving.load_model, _with_path(0, to_read))
        yield


def _redirected(path: object, folder: Path) -> Path | None:
    """Return the path inside ``folder``; None for an absolute path, a URL or what is no path."""
    if not isinstance(path, str | Path) or Path(path).is_absolute() or "://" in str(path):
        return None
    return folder / Path(*(part for part in Path(path).parts if part != ".."))


def _with_path(position: int, change: Callable[[object], object]) -> Callable[..., object]:
    """Return a wrapper for ``wrap`` and ``replace`` that changes the path in argument ``position``, or its default."""

    def call(before: Callable[..., object], *args: object, **kwargs: object) -> object:
        path = list(inspect.signature(before).parameters.values())[position]
        if len(args) > position:
            args = (*args[:position], change(args[position]), *args[position + 1 :])
        elif path.name in kwargs or path.default is not path.empty:
            kwargs[path.name] = change(kwargs.get(path.name, path.default))
        return before(*args, **kwargs)

    return call
