"""Keeping packages from importing others that they may never use, which takes as long as half of TensorFlow."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def absent(names: Iterable[str]) -> Iterator[None]:
    """Let packages seem not to be installed inside the block; those imported before it stay."""
    hidden = [name for name in names if name not in sys.modules]
    # The import system's own sign for it.
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def postponed(*names: str) -> Iterator[None]:
    """Give empty modules in place of ``names`` inside the block, to importers that use them later or never.

    A submodule is then found as an attribute of its package, if that loads its submodules when they are asked for.
    """
    empty = {name: ModuleType(name) for name in names if name not in sys.modules}
    sys.modules.update(empty)
    try:
        yield
    finally:
        for name in empty:
            del sys.modules[name]
