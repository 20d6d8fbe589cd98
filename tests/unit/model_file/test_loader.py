"""What a model file finds while it runs: its own path, its arguments, the modules beside it."""

from pathlib import Path

import pytest
from reference import record
from snakeras.core.errors import UserError

pytestmark = pytest.mark.slow

PATHS = """
import argparse
import inspect
import os
import sys
from pathlib import Path

def where():
    return os.path.dirname(__file__)

def data():
    numbers = open(os.path.join(where(), "numbers.txt")).read()
    numbers += Path(__file__).with_name("numbers.txt").read_text()
    numbers += (Path(inspect.getfile(inspect.currentframe())).parent / "numbers.txt").read_text()
    numbers += open(os.path.join(os.path.dirname(inspect.stack()[0].filename), "numbers.txt")).read()
    own = [__file__, sys.modules[__name__].__file__, sys.argv[0]]
    return numbers, own

def helper():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=int, default=1)
    return parser.parse_args().width

def create(numbers, own):
    rate = {{uniform(0, 1)}}
    assert {os.path.abspath(__file__), os.path.abspath(sys.argv[0])} == set(own), own
    assert inspect.getsource(where).startswith("def where")
    loss = float(numbers) + helper() + len(sys.argv) / 10
    assert os.path.dirname(inspect.getfile(lambda: 0)) == os.path.dirname(own[0])
    sys.argv.append("changed")
    return loss

optim.minimize(model=create, data=data)
"""


def test_a_script_finds_its_own_path_and_arguments(
    tmp_path: Path, search: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "numbers.txt").write_text("1")
    (tmp_path / "deep" / "paths.py").write_text(PATHS)
    script = Path("deep/paths.py")
    assert record(script, search)["failure"] is None
    assert record(script, search)["loss"] == pytest.approx(1112.1)
    assert record(script, search | {"args": ["--width", 20]})["loss"] == pytest.approx(1131.3)
    # A data function in a module finds the module's path.
    (tmp_path / "deep" / "inner").mkdir()
    (tmp_path / "deep" / "inner" / "numbers.txt").write_text("2")
    (tmp_path / "deep" / "train.py").write_text(
        "from inner.paths_module import create, data\noptim.minimize(model=create, data=data)\n"
    )
    (tmp_path / "deep" / "inner" / "paths_module.py").write_text(
        PATHS.replace(", sys.argv[0]]", "]").replace(", os.path.abspath(sys.argv[0])}", "}")
    )
    assert record(Path("deep/train.py"), search)["loss"] == pytest.approx(2223.1)


def test_a_missing_argument_is_named(tmp_path: Path, search: dict) -> None:
    required = PATHS.replace("default=1", "required=True")
    (tmp_path / "numbers.txt").write_text("1")
    (tmp_path / "paths.py").write_text(required)
    document = record(tmp_path / "paths.py", search)
    assert document["failure"] == (
        "SystemExit: the following arguments are required: --width; search.args hands arguments over, as in "
        "search.args: [--size, 3]"
    )
    assert document["failed_at"] == "line 22: return parser.parse_args().width"
    (tmp_path / "paths.py").write_text(required.replace("return numbers, own", "helper()\n    return numbers, own"))
    with pytest.raises(UserError, match=r"paths.py: the data function failed: SystemExit: .* --width; .*\(line 23: "):
        record(tmp_path / "paths.py", search)


def test_an_argument_that_the_script_takes_by_its_place_is_named(tmp_path: Path, search: dict) -> None:
    text = PATHS.replace("def data():", "def data():\n    first = int(sys.argv[1])")
    (tmp_path / "numbers.txt").write_text("1")
    (tmp_path / "paths.py").write_text(text)
    with pytest.raises(UserError) as raised:
        record(tmp_path / "paths.py", search)
    assert str(raised.value) == (
        f"{tmp_path / 'paths.py'}: the data function failed: IndexError: there is no sys.argv[1]; search.args hands "
        "arguments over, as in search.args: [--size, 3] (line 12: first = int(sys.argv[1]))"
    )


MODULE = """
import no_such_package
from keras.layers import Dense

FACTOR = 2

def broken(x):
    return x["no"]

class Base:
    def one(self):
        return 1

class Derived(Base):
    def one(self):
        return super().one()

def load():
    y = 5
    x = 3 * FACTOR
    hidden = 0.5
    return y, x

def create_model(x, y):
    rate = {{uniform(0, 1)}}
    if WAY:
        return broken({})
    return {"loss": x * 10 + y + hidden * Derived().one(), "status": "ok"}
"""


def test_functions_of_modules_beside_run_as_if_they_stood_in_the_file(tmp_path: Path, search: dict) -> None:
    call = "optim.minimize(model=beside_one.create_model, data=load)\n"
    (tmp_path / "train.py").write_text(f"import beside_one\nfrom beside_one import load\n{call}")
    # It cannot be imported, which matters only for what is set at its top level.
    (tmp_path / "beside_one.py").write_text(MODULE.replace("WAY", "0").replace("FACTOR\n", "2\n"))
    assert record(tmp_path / "train.py", search)["loss"] == 65.5
    (tmp_path / "beside_one.py").write_text(MODULE.replace("WAY", "0"))
    with pytest.raises(UserError) as raised:
        record(tmp_path / "train.py", search)
    assert str(raised.value) == (
        f"{tmp_path / 'train.py'}: the data function failed: NameError: name 'FACTOR' is not defined: beside_one.py, "
        "line 5, from beside_one import FACTOR, failed: ModuleNotFoundError: No module named 'no_such_package' "
        "(beside_one.py, line 20: x = 3 * FACTOR)"
    )
    (tmp_path / "beside_one.py").write_text(MODULE.replace("import no_such_package\n", "\n").replace("WAY", "1"))
    document = record(tmp_path / "train.py", search)
    assert document["failure"] == "KeyError: 'no'"
    assert document["failed_at"] == 'beside_one.py, line 8: return x["no"]'
