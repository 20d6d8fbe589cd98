"""A suggest function by its dotted path, hyperopt's or the user's own."""

import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from snakeras.core.errors import flat

SUGGEST_ARGUMENTS = ("new_ids", "domain", "trials", "seed")


def suggest_function(path: str) -> Callable:
    """Return the suggest function with this dotted path.

    Raises:
        ImportError, AttributeError, ValueError: When there is no such module, no such name in it, or no dot in the
            path. A module's code may raise others.
    """
    module, _, name = path.rpartition(".")
    if not module:
        raise ValueError("no such name")
    # The working directory comes last: a file there must not hide an installed package.
    if "." not in sys.path:
        sys.path.append(".")
    importlib.invalidate_caches()
    return getattr(importlib.import_module(module), name)


def complaint(path: str) -> str | None:
    """Return why there is no suggest function with this dotted path, as one line; None if there is one."""
    try:
        return _no_suggest_function(suggest_function(path))
    # Importing a module may raise anything, and even leave.
    except (Exception, SystemExit) as error:
        return flat(error)


def _no_suggest_function(value: object) -> str | None:
    """Return why ``value`` cannot be a suggest function; None if it may be one.

    hyperopt calls ``suggest(new_ids, domain, trials, seed)``: a signature has to take four positional arguments. A
    function in C without a signature is refused too, and whatever is of Python's own library: ``print``, for example,
    takes any arguments.
    """
    if not callable(value):
        return "no function"
    if isinstance(value, type):
        return "a class"
    inner = value
    while isinstance(inner, partial):
        inner = inner.func
    if (getattr(inner, "__module__", None) or "").split(".")[0] in sys.stdlib_module_names:
        return "a function of Python's own library"
    wrong = "no function of (new_ids, domain, trials, seed)"
    try:
        parameters = inspect.signature(value).parameters
        first = list(inspect.signature(value).bind(*SUGGEST_ARGUMENTS).arguments)[:2]
    except (TypeError, ValueError):
        return wrong
    # hyperopt.fmin, for example, can be called with four arguments, but its trials come later.
    places = {name: place for place, name in enumerate(parameters)}
    misplaced = any(places.get(name, place) != place for place, name in enumerate(SUGGEST_ARGUMENTS))
    optional = any(parameters[name].default is not inspect.Parameter.empty for name in first)
    return wrong if misplaced or optional else None


def file(path: str) -> str | None:
    """Return the file that a dotted path leads to, if it lies in the working directory."""
    module = Path(*path.split(".")[:-1])
    return next((str(file) for file in (module.with_suffix(".py"), module / "__init__.py") if file.is_file()), None)
