"""What is replaced in another package while a script runs, and put back afterwards."""

from contextlib import ExitStack


def put(undo: ExitStack, owner: object, name: str, value: object) -> None:
    """Set an attribute of a module or class until ``undo`` closes.

    One that ``owner`` does not have itself (an inherited method) is taken away then, not written down in it.
    """
    absent = object()
    before = vars(owner).get(name, absent)
    setattr(owner, name, value)
    if before is absent:
        undo.callback(delattr, owner, name)
    else:
        undo.callback(setattr, owner, name, before)
