from contextlib import ExitStack

import pytest
from snakeras.core import patching


class Base:
    def inherited(self) -> str:
        return "base"


class Owner(Base):
    own = 1


def test_attributes_are_put_back_in_the_order_in_which_they_were_replaced() -> None:
    before = dict(vars(Owner))
    with pytest.raises(KeyError), ExitStack() as undo:
        for value in (2, None, 3):
            patching.put(undo, Owner, "own", value)
            patching.put(undo, Owner, "new", value)
        patching.put(undo, Owner, "inherited", lambda self: "other")
        assert (Owner.own, Owner.new, Owner().inherited()) == (3, 3, "other")
        raise KeyError
    assert dict(vars(Owner)) == before
    assert Owner().inherited() == "base"
