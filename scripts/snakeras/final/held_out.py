"""Which arrays the final model is tested on where the model file has its own data: by use, by names, by their rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snakeras.core import files
from snakeras.core.errors import one_line
from snakeras.model_file import array_roles
from snakeras.search import fit_hook

Given = dict[str, object]
KEPT = "held_out.joblib"


@dataclass(frozen=True)
class HeldOut:
    """What the final model is tested on."""

    x: object
    y: object
    seen: bool  # whether the search chose by it


def find(given: Given, fits: fit_hook.Fits) -> HeldOut:
    """Return what to test on, by the run of a model function whose parameters are the arrays ``given``.

    These are arrays beside those that it trains on, if no model was evaluated or used on them; else what the last fit
    validated on; else what a model was evaluated or used on.

    Raises:
        ValueError: When there is nothing to test on; says why.
    """
    inputs, targets = _origin(fits.x, given), _origin(fits.y, given)
    beside = _beside(given, inputs, targets, fits)
    x, y = ([given[name] for name in names] for names in beside)
    x, y = (arrays[0] if len(arrays) == 1 else arrays for arrays in (x, y))
    untouched = all(names and names.isdisjoint(beside[0]) for names in (_origin(use.x, given) for use in fits.uses))
    if inputs and beside[0] and untouched:
        return HeldOut(x, y, seen=False)
    if isinstance(fits.validation_data, list | tuple) and len(fits.validation_data) >= 2:
        return HeldOut(*fits.validation_data[:2], seen=True)
    latest = fits.uses[::-1]
    for use in [*(use for use in latest if use.y is not None), *(use for use in latest if use.y is None)]:
        if _rows(use.x) and not _is_same(use.x, fits.x):
            if use.y is not None:
                return HeldOut(use.x, use.y, seen=True)
            if _rows(use.x) == _rows(y):
                return HeldOut(use.x, y, seen=True)
    # What is no Keras model was trained without a fit that is known: names alone tell.
    if (inputs or not fits.calls) and beside[0]:
        return HeldOut(x, y, seen=True)
    reason = "its fit had no validation data"
    if not fits.calls:
        reason = "nothing tells which arrays of the model function are for a test"
    elif fits.validation_data is not None:
        reason = "its fit validated on batches, not on arrays"
    elif len(given) >= 4 and not inputs:
        reason = "its fit trained on other arrays than the model function was given, and none say which go with them"
    raise ValueError(f"{reason}; a function test_data() in the model file can return inputs and targets for the test")


def keep(test: HeldOut | str, folder: Path) -> None:
    """Keep in a folder what to test on, or why there is nothing, for ``kept``."""
    import joblib

    try:
        with files.whole(folder / KEPT) as temporary:
            joblib.dump(test, temporary)
    # A script may validate on anything.
    except Exception as error:
        joblib.dump(f"its test data cannot be kept: {one_line(error)}", folder / KEPT)


def kept(folders: Iterable[Path]) -> HeldOut | str:
    """Return what the first of these folders that has it keeps to test on, or why there is nothing."""
    import joblib

    found = next((folder / KEPT for folder in folders if (folder / KEPT).exists()), None)
    return joblib.load(found) if found else "no member has kept what to test on"


def _beside(given: Given, inputs: set[str], targets: set[str], fits: fit_hook.Fits) -> tuple[list[str], list[str]]:
    """Return the names of inputs and of targets for a test, of equally many rows, beside those of the last fit.

    Both are empty where there are none. ``inputs`` and ``targets`` are the names of what it trained on, where known.
    """
    left = {name: value for name, value in given.items() if name not in inputs | targets}
    forms = [_forms([fits.x] if inputs else []), _forms([fits.y])]
    if not inputs and len(given) < 4:
        return [], []
    trained = None if inputs else _rows(fits.x) or _rows(next(iter(given.values())))
    for kinds in (("te", "tst", "holdout"), ("val", "dev"), ("",)):
        named = [name for name in left if kinds == ("",) or array_roles.is_held_out(name, kinds)]
        for rows in dict.fromkeys(_rows(left[name]) for name in reversed(named)):
            names = [name for name in named if rows and _rows(left[name]) == rows]
            # Arrays of unknown role, as many rows as it trained on.
            if kinds == ("",) and rows == trained:
                continue
            y = [name for name in names if array_roles.is_target(name)] or names[-max(len(forms[1]), 1) :]
            x = [name for name in names if name not in y]
            for pair in ((x, y), (y, x)):
                if all(map(bool, pair)) and all(
                    _forms(left[name] for name in part) == form if form else len(part) == 1
                    for part, form in zip(pair, forms, strict=True)
                ):
                    return pair
    return [], []


def _leaves(data: object) -> list:
    """Return the arrays of data for one or several inputs or outputs."""
    data = list(data.values()) if isinstance(data, dict) else data
    is_several = isinstance(data, list | tuple) and all(getattr(item, "ndim", 0) for item in data)
    return list(data) if is_several else [] if data is None else [data]


def _forms(data: Iterable[object]) -> list[tuple]:
    return [tuple(np.shape(leaf)[1:]) for item in data for leaf in _leaves(item) if _rows(leaf)]


def _rows(data: object) -> int | None:
    """Return how many rows data has; None for batches, and for what is no data."""
    first = next(iter(_leaves(data)), None)
    return len(first) if isinstance(first, list) or getattr(first, "ndim", 0) else None


def _is_same(one: object, other: object) -> bool:
    pairs = [_leaves(one), _leaves(other)]
    return len(pairs[0]) == len(pairs[1]) and all(a is b for a, b in zip(*pairs, strict=True))


def _origin(data: object, given: Given) -> set[str]:
    """Return the names of the arrays that data is, or has the memory or the values of; empty if it is of others."""
    found = []
    for leaf in _leaves(data):
        for is_of in (lambda a, b: a is b, _shares_memory, _equals):
            names = {name for name, value in given.items() if any(is_of(leaf, other) for other in _leaves(value))}
            if names:
                break
        found.append(names)
    return set().union(*found) if all(found) else set()


def _shares_memory(one: object, other: object) -> bool:
    one, other = (getattr(array, "values", array) for array in (one, other))
    return isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and np.may_share_memory(one, other)


def _equals(one: object, other: object) -> bool:
    if not _rows(one) or np.shape(one) != np.shape(other):
        return False
    one, other = np.asarray(one), np.asarray(other)
    return {one.dtype.kind, other.dtype.kind} <= set("biuf") and np.allclose(one, other, equal_nan=True)
