"""What the names of a model function's arrays tell: inputs or targets, to train on or held out."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# A word of a name: x_train, trainY, ytest.
_PART = re.compile(r"([xy]?)(train|training|tr|test|testing|te|tst|val|valid|validation|dev|holdout)?([xy]?)s?")
_TARGETS = {"label", "labels", "target", "targets", "class", "classes"}


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def is_target(name: str) -> bool:
    """Return whether an array of this name holds targets: ``y_train``, ``testY``, ``val_labels``."""
    found = [(word, _PART.fullmatch(word)) for word in _words(name)]
    return any(word in _TARGETS or (part and "y" in (part[1], part[3])) for word, part in found)


def is_held_out(name: str, kinds: Sequence[str] = ("te", "tst", "holdout", "val", "dev")) -> bool:
    """Return whether an array of this name is for a test or validation; by the starts of such words in ``kinds``."""
    parts = [_PART.fullmatch(word) for word in _words(name)]
    return any(part and part[2] and part[2].startswith(tuple(kinds)) for part in parts)


def in_order(names: Sequence[str], arrays: Sequence) -> Sequence:
    """Return inputs and targets to train on, then to validate on, in the order of parameters with these names.

    They keep their own order where the names do not tell all four apart.
    """
    roles = [(is_held_out(name), is_target(name)) for name in names]
    own = [(False, False), (False, True), (True, False), (True, True)]
    return [arrays[own.index(role)] for role in roles] if sorted(roles) == own else arrays
