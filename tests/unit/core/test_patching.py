import importlib
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from snakeras.core import patching
from snakeras.core.patching import absent, postponed

ROOT = Path(__file__).parents[3]


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


def test_a_package_seems_absent_for_a_while() -> None:
    sys.modules.pop("this", None)
    with absent(["wave", "json"]):
        with pytest.raises(ImportError):
            importlib.import_module("wave")
        # Imported before.
        importlib.import_module("json")
    assert importlib.import_module("wave").open
    assert importlib.import_module("json").dumps


def test_an_error_leaves_nothing_absent() -> None:
    with pytest.raises(ZeroDivisionError), absent(["sndhdr_or_so"]):
        raise ZeroDivisionError
    assert "sndhdr_or_so" not in sys.modules


HYPEROPT = """
import sys
sys.path.append("scripts")
from snakeras.model_file.hyperas_compat import import_hyperopt
hyperopt = import_hyperopt()
assert "scipy.stats" not in sys.modules
# What uses them finds them.
import hyperopt.criteria
print(hyperopt.criteria.EI_gaussian(0.0, 1.0, 0.5))
import scipy.stats
assert scipy.stats.norm.cdf(0) == 0.5
"""


def test_hyperopt_finds_statistics_when_it_needs_them() -> None:
    said = subprocess.run([sys.executable, "-c", HYPEROPT], capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.returncode == 0, said.stderr
    assert 0 < float(said.stdout) < 1


def test_what_was_imported_before_is_not_replaced() -> None:
    import wave

    with postponed("wave"):
        assert sys.modules["wave"] is wave
    assert sys.modules["wave"] is wave
