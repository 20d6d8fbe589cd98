"""Monkey-patches of other packages that are undone when a block ends."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import ModuleType


def put(undo: ExitStack, owner: object, name: str, value: object) -> None:
    """Set an attribute of a module or class until ``undo`` closes.

    An inherited method is then deleted from ``owner`` again, not copied into it.
    """
    absent = object()
    before = vars(owner).get(name, absent)
    setattr(owner, name, value)
    if before is absent:
        undo.callback(delattr, owner, name)
    else:
        undo.callback(setattr, owner, name, before)


def absent(names: Iterable[str]) -> AbstractContextManager:
    """Hide packages from ``import`` inside the block, as if they were not installed.

    Used where a package imports another that it may never use, which takes half as long as TensorFlow. Packages
    imported before stay.
    """
    # None is how the import system itself marks a module that must not be imported.
    return _in_sys_modules(dict.fromkeys(names))


def postponed(*names: str) -> AbstractContextManager:
    """Let imports of ``names`` inside the block give empty modules, for importers that use them later or never.

    A submodule is then found as an attribute of its package, if that loads its submodules on demand.
    """
    return _in_sys_modules({name: ModuleType(name) for name in names})


@contextmanager
def _in_sys_modules(modules: dict[str, ModuleType | None]) -> Iterator[None]:
    added = {name: module for name, module in modules.items() if name not in sys.modules}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]
