"""Search algorithms: hyperopt's own by their short names, any other suggest function by its dotted path."""

import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from snakeras.core.errors import flat
from snakeras.core.settings import TrialSettings

SUGGEST_ARGUMENTS = ("new_ids", "domain", "trials", "seed")
SHORT_NAMES = {"tpe": "hyperopt.tpe.suggest", "rand": "hyperopt.rand.suggest", "anneal": "hyperopt.anneal.suggest"}


def suggest_function(algo: str) -> Callable:
    """Return the suggest function that ``search.algo`` names.

    Raises:
        ImportError, AttributeError, ValueError: When there is no such module, no such name in it, or no dot in the
            path. A module's code may raise others.
    """
    module, _, name = SHORT_NAMES.get(algo, algo).rpartition(".")
    if not module:
        raise ValueError("no such name")
    # The working directory comes last: a file there must not hide an installed package.
    if "." not in sys.path:
        sys.path.append(".")
    importlib.invalidate_caches()
    return getattr(importlib.import_module(module), name)


def complaint(algo: str) -> str | None:
    """Return what is wrong with ``search.algo``, as one line; None if nothing is."""
    if algo in SHORT_NAMES:
        return None
    try:
        reason = _no_suggest_function(suggest_function(algo))
    # Importing a module may raise anything, and even leave.
    except (Exception, SystemExit) as error:
        reason = flat(error)
    if reason is None:
        return None
    names = ", ".join(SHORT_NAMES)
    return f"found {algo!r} ({reason}), expected {names} or the dotted path of a suggest function in hyperopt's form"


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


def own_file(algo: str) -> str | None:
    """Return the file of the user's own suggest function, if it lies in the working directory."""
    if algo in SHORT_NAMES:
        return None
    path = Path(*algo.split(".")[:-1])
    return next((str(file) for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def configured(search: TrialSettings) -> Callable:
    """Return the suggest function of ``search.algo``, told when its random start ends.

    Such functions count the trials that they see, of which a parallel search shows ``parallelism - 1`` less. The start
    ends at trial ``startup_trials`` all the same.
    """
    suggest = suggest_function(search.algo)
    if "n_startup_jobs" not in inspect.signature(suggest).parameters:
        return suggest
    return partial(suggest, n_startup_jobs=max(1, search.startup_trials - search.parallelism + 1))
