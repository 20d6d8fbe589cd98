"""Helpers of all translations: warn once about an old name, rename arguments, replace functions."""

import functools
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType, ModuleType

from snakeras.core.patching import put

TWIN = "keras._tf_keras.keras"
ROOTS = ("tensorflow.python.keras", "tensorflow.keras", TWIN, "keras")  # the longer ones first

_LIBRARIES = ("<frozen", sysconfig.get_paths()["stdlib"])
_OWN = ("snakeras.", "importlib", "contextlib", "functools")

_warned: set[str] = set()


class OldName(UserWarning):
    """A script uses a name or an argument that Keras, TensorFlow or NumPy no longer has."""


class GoneModule(ModuleType):
    """A module that Keras no longer has."""


def caller() -> tuple[FrameType, bool]:
    """Return the frame of the script that called, and whether it called through a library."""
    frame, library = sys._getframe(1), None
    while frame.f_back:
        name, path = frame.f_globals.get("__name__") or "", frame.f_code.co_filename
        if not name.startswith(_OWN):
            outside = "site-packages" in path or path.startswith(_LIBRARIES)
            library = outside if library is None else library
            if not outside:
                break
        frame = frame.f_back
    return frame, bool(library)


def warn(text: str, always: bool = False) -> None:
    """Warn once per process, at the script's line; calls through a library warn only with ``always``."""
    if text in _warned:
        return
    frame, library = caller()
    if library and not always:
        return
    _warned.add(text)
    warnings.warn_explicit(text, OldName, frame.f_code.co_filename, frame.f_lineno)


def renamed(kwargs: dict, table: dict[str, str | None]) -> dict:
    """Return keyword arguments under today's names, without those that are None in the table."""
    for name in kwargs.keys() & table.keys():
        warn(f"{name} is {table[name]} today" if table[name] else f"{name} is no argument today and is left out")
    return {table.get(name, name): value for name, value in kwargs.items() if table.get(name, name)}


def wrap(undo: ExitStack, cls: type, name: str, wrapper: Callable[..., object]) -> None:
    """Replace a method, in the class that defines it, by ``wrapper``, which gets the original as first argument."""
    owner = next(base for base in cls.__mro__ if name in vars(base))
    before = vars(owner)[name]

    @functools.wraps(before)
    def method(*args, **kwargs):
        return wrapper(before, *args, **kwargs)

    # Keras compares signatures and does not follow __wrapped__.
    method.__signature__ = inspect.signature(before)
    put(undo, owner, name, method)


def renaming(table: dict[str, str | None]) -> Callable[..., object]:
    """Return a wrapper, for ``wrap`` and ``replace``, that takes the old names of arguments too."""
    return lambda before, *args, **kwargs: before(*args, **renamed(kwargs, table))


def warning(text: str, function: Callable[..., object]) -> Callable[..., object]:
    """Return what does the same as ``function``, with a warning."""

    def warn_and_call(*args, **kwargs):
        warn(text)
        return function(*args, **kwargs)

    return warn_and_call


def replace(undo: ExitStack, function: Callable, wrapper: Callable[..., object], *more: ModuleType) -> None:
    """Replace a function by ``wrapper``, as in ``wrap``, in every module of Keras that scripts import it from."""
    new = functools.wraps(function)(functools.partial(wrapper, function))
    for module in (*public_modules(), *more):
        if vars(module).get(function.__name__) is function:
            put(undo, module, function.__name__, new)


def split_name(name: str) -> tuple[str, str]:
    """Return the root of ``ROOTS`` that a module's name begins with, and the rest; no root for other modules."""
    root = next((root for root in ROOTS if name == root or name.startswith(root + ".")), "")
    return root, name.removeprefix(root).removeprefix(".")


def no_attribute(module: ModuleType, name: str) -> AttributeError:
    """Return Python's error for a name that a module does not have."""
    return AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module)


def public_modules() -> list[ModuleType]:
    """Return the modules of Keras that scripts import from."""
    names = [name for name in sys.modules if name.startswith("keras.") and not name.startswith("keras.src")]
    modules = [sys.modules[name] for name in ["keras", *names] if name != "keras._tf_keras"]
    return [module for module in modules if not isinstance(module, GoneModule)]


def keras_module(rest: str) -> ModuleType | None:
    """Return today's module of this name, if any: that of ``tensorflow.keras``, which has more, before Keras's own."""
    for module in (sys.modules[TWIN], sys.modules["keras"]):
        for part in filter(None, rest.split(".")):
            module = vars(module).get(part) if isinstance(module, ModuleType) else None
        if isinstance(module, ModuleType) and not isinstance(module, GoneModule):
            return module
    return None
