"""A data function's values for its parameters, and the order in which the model function gets what it returns."""

import re
from pathlib import Path

import pytest
from snakeras.core.errors import UserError
from snakeras.model_file import data_functions, parser

MODEL = "def create(x, y, z):\n    rate = {{uniform(0, 1)}}\n"


def data(folder: Path, text: str, call: str = "") -> dict:
    """What the module that Hyperas makes of a data function has, without the names of Python itself."""
    call = f"optim.minimize(model=create, data=load{call})\n"
    (folder / "script.py").write_text(f"{text}\n{MODEL}\n{call if 'main(' not in text else ''}")
    found = parser.read(folder / "script.py", needs_data=True)
    # Hyperas drops the first line and the last return, and one level of indentation.
    body = found.data_source.replace(f"def {data_functions.NAME}():", "").replace("    return 'by name'", "")
    values = {}
    text = "\n".join([*found.helpers.values(), re.sub("^    ", "", body, flags=re.MULTILINE)])
    exec(text, values)
    return {name: value for name, value in values.items() if name in ("x", "y", "z", "more")}


XYZ = {"x": 1, "y": 2, "z": 3}


@pytest.mark.parametrize(
    "returned",
    [
        "y, x, z",
        "(z, y, x)",
        "[z, x, y]",
        "(y, x), z",
        "z, (x, y, more)",
        "{'y': y, 'z': z, 'x': x}",
        "x + 0, y * 1, z",
        "(1, 2, 3)",
        "y, 1, 3",
        "more, z, y",
        "numbers()",
        "dict(z=z, x=x, y=y)",
        "abs(z), int(x), y",
        "z[0] if False else z, y, x",
        "*[1, 2], z",
        "",
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_values_go_by_their_names_else_by_their_order(tmp_path: Path, returned: str, several: bool) -> None:
    lines = ["def numbers():", "    return 1, 2, 3", "def load():", "    x, y, z, more = 1, 2, 3, 1"]
    lines += ["    if x == 2:", "        return z, x, y"] if several and returned else []
    found = data(tmp_path, "\n".join([*lines, f"    return {returned}"]))
    assert {name: found[name] for name in XYZ} == XYZ
    # Hyperas lets the model see every variable of a data function with one return.
    assert ("more" in found) is not (several and returned != "")


def test_each_return_has_an_order_of_its_own(tmp_path: Path) -> None:
    text = "def load(way):\n    x, y, z = 1, 2, 3\n    if way == 'a':\n        return y, z, x\n    return z, y, x\n"
    assert data(tmp_path, text, ", data_args=('a',)") == data(tmp_path, text, ", data_args=('b',)") == XYZ


def test_a_function_that_the_model_calls_too_stays_as_it_is(tmp_path: Path) -> None:
    text = "def load(n=0):\n    x, y, z = 1, 2, 3\n    if n:\n        return z, y, x\n    return y, x, z\n"
    model = "def create(x, y, z):\n    rate = {{uniform(0, 1)}}\n    return load(1)\n"
    (tmp_path / "script.py").write_text(f"{text}{model}optim.minimize(model=create, data=load)\n")
    found = parser.read(tmp_path / "script.py", needs_data=True)
    assert found.helpers == {"load": text}
    assert "x, y, z = load_in_order()" in found.data_source


HALF = "def changed(f):\n    return lambda *a: (*f(*a)[:2], 3)\n"


@pytest.mark.parametrize(
    "text",
    [
        "def load():\n    x, y, z = 1, 2, 3\n",
        f"{HALF}@changed\ndef load():\n    x, y, z = 1, 2, 9\n    return x, y, z\n",
        f"{HALF}@changed\ndef load():\n    x, y, z = 1, 2, 9\n    if x:\n        return x, y, z\n    return z, y, x\n",
        # Only the top level knows what this is.
        "cache = Memory()\n@cache.kept\ndef load():\n    x, y, z = 1, 2, 3\n    return x, y, z\n",
        "def load():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n"
        "    return up(), up(), up()\n",
    ],
)
def test_functions_of_all_kinds(tmp_path: Path, text: str) -> None:
    assert data(tmp_path, text) == XYZ


def test_a_function_that_returns_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"script.py, line 1: load\(\) returns nothing, expected it to return z, a param"
    ):
        data(tmp_path, "def load():\n    x, y = 1, 2\n")


def test_values_made_of_one_parameter_go_by_their_order(tmp_path: Path) -> None:
    text = "def load():\n    x, y = [1, 2], 3\n    return x[0], x[1], y\n"
    assert data(tmp_path, text.replace("y", "w")) == {"x": 1, "y": 2, "z": 3}


TWO = "def load(a, b=2, *, c=3):\n    x, y, z = a, b, c\n    return x, y, z\n"
MAIN = f"{TWO}def main():\n    here = 9\n    optim.minimize(model=create, data=load, data_args=(here,))\n"


@pytest.mark.parametrize(
    ("text", "call", "expected"),
    [
        (TWO, ", data_args=(1,)", (1, 2, 3)),
        (TWO, ", data_args=[7, 'b']", (7, "b", 3)),
        (f"N = 5\nALL = (N, -1)\n{TWO}", ", data_args=ALL", (5, -1, 3)),
        (f"N: int = 4\n{TWO}", ", data_args=(N * 2, max(N, 1))", (8, 4, 3)),
        (f"SIZES = {{'a': 6}}\n{TWO}", ", data_args=(SIZES['a'],)", (6, 2, 3)),
        (MAIN, "", (9, 2, 3)),
        (f"def seven():\n    return 7\nN = seven()\n{TWO}", ", data_args=(N,)", (7, 2, 3)),
        (f"def seven():\n    return 7\n{TWO}".replace("a, b, c\n", "a(), b, c\n"), ", data_args=(seven,)", (7, 2, 3)),
        (f"N = str(5)\n{TWO}", ", data_args=(N + 'b',)", ("5b", 2, 3)),
        (TWO.replace("a, b", "a=1, b"), "", (1, 2, 3)),
        (TWO, "(5, c=6)", (5, 2, 6)),
        (TWO.replace("return", "if z == 0:\n        return x, y, 1\n    return"), ", data_args=(1,)", (1, 2, 3)),
        ("def load(*a, **b):\n    return a\n", ", data_args=(1, 2, 3)", (1, 2, 3)),
    ],
)
def test_parameters_have_the_values_of_the_call(tmp_path: Path, text: str, call: str, expected: tuple) -> None:
    assert data(tmp_path, text, call) == dict(zip(XYZ, expected, strict=True))


@pytest.mark.parametrize(
    ("text", "call", "line"),
    [
        (TWO, "", "line 1: load() has the parameter a, expected a default, or its value in the call that searches: "),
        (TWO, ", data_args=(1, 2, 3)", "line 1: load() takes a, b, found 3 values for it"),
        (TWO, "(1, d=3)", "line 1: load() takes a, b, found 2 values for it"),
        (
            "def load():\n    return 1, 2, 3\n",
            ", data_args=(1,)",
            "line 1: load() takes nothing, found 1 values for it",
        ),
        (TWO, ", data_args=5", "line 8: found data_args=5, expected the values in brackets, such as data_args=(1, 2)"),
        (TWO, ", data_args=(n,)", "line 8: the data function gets n, which is set where nothing runs; write its value"),
        (f"n = 1\nn = 2\n{TWO}", ", data_args=(n,)", "line 10: the data function gets n, which is set where nothing"),
        (
            f"import argparse\np = argparse.ArgumentParser()\np.add_argument('--n')\nargs = p.parse_args()\n{TWO}",
            ", data_args=(args.n,)",
            "line 12: the data function gets args, which is set where nothing runs; write its value",
        ),
        (
            MAIN.replace("main()", "main(here)").replace("here = 9", ""),
            "",
            "line 6: the data function gets here, which",
        ),
    ],
)
def test_values_that_do_not_fit(tmp_path: Path, text: str, call: str, line: str) -> None:
    with pytest.raises(UserError) as raised:
        data(tmp_path, text, call)
    assert str(raised.value).startswith(f"{tmp_path / 'script.py'}, {line}")
    assert "\n" not in str(raised.value)
