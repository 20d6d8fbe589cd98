"""Functions that a call of Hyperas's search hands over, wherever they stand."""

from pathlib import Path

import pytest
from snakeras.core.errors import UserError
from snakeras.model_file import parser

NET = """
from keras.layers import Dense

UNITS = 3

def block(n):
    return Dense(n * UNITS)

def create_model(x, y):
    return block({{choice([1, 2])}})
"""
TEXTS = """
import os

PATH = "a.csv"

def load():
    with open(PATH) as file:
        y = file.read()
    x = os.sep
    return y, x
"""
CALL = "optim.minimize(model=create_model, data=load)\n"


def read(folder: Path, text: str, needs_data: bool = True, **names: str) -> parser.HyperasScript:
    for path, module in {"net.py": NET, "texts.py": TEXTS, "pkg/net.py": NET, "pkg/texts.py": TEXTS}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(module)
    (folder / "pkg" / "__init__.py").write_text("from .net import create_model\nfrom .texts import *\n")
    (folder / "train.py").write_text(text)
    found = parser.read(folder / "train.py", needs_data, **names)
    compile(parser.hyperas_text(found), "hyperas_script", "exec")
    return found


def refusal(folder: Path, text: str, needs_data: bool = True, **names: str) -> str:
    with pytest.raises(UserError) as raised:
        read(folder, text, needs_data, **names)
    assert "\n" not in str(raised.value)
    return str(raised.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "package"),
    [
        (f"from net import create_model\nfrom texts import load\nfrom hyperas import optim\n{CALL}", ""),
        ("import net, texts as t\noptim.minimize(model=net.create_model, data=t.load)\n", ""),
        ("import net, texts as t\nfor i in (1, 2):\n    optim.minimize(net.create_model, t.load, 3, 4, 5)\n", ""),
        ("from net import *\nfrom texts import load as f\noptim.minimize(model=create_model, data=f)\n", ""),
        ("import pkg.net as n\nimport pkg.texts\noptim.minimize(model=n.create_model, data=pkg.texts.load)\n", "pkg."),
        ("from pkg import net, texts\noptim.minimize(model=net.create_model, data=[texts.load])\n", "pkg."),
        (f"from pkg import create_model, load\n{CALL}", "pkg."),
        ("import pkg\nm = pkg.create_model\noptim.minimize(model=m, data=pkg.load)\n", "pkg."),
        (f"from .pkg import *\ndef main():\n    {CALL}", "pkg."),
        ("from hyperas.optim import minimize as search\nimport net, texts\nsearch(net.create_model, texts.load)\n", ""),
    ],
)
def test_imports_are_followed_to_the_modules_beside(tmp_path: Path, text: str, package: str) -> None:
    found = read(tmp_path, text)
    assert (found.model, found.parameters, found.data) == ("create_model", ("x", "y"), "load")
    assert found.helpers == {"block": "def block(n):\n    return Dense(n * UNITS)\n"}
    assert "y = file.read()" in found.data_source
    statements = [item.statement for item in found.imports]
    # What the modules import, and the variables of their top level.
    for statement in ("import os", "from keras.layers import Dense"):
        assert statement in statements
    assert statements[-2:] == [f"from {package}texts import PATH", f"from {package}net import UNITS"]
    assert {module.name for module in found.modules} == {f"{package}net", f"{package}texts"}
    file = "pkg/net.py" if package else "net.py"
    assert found.place_of("return block(space['block'])") == f"{file}, line 10: return block({{{{choice([1, 2])}}}})"
    assert found.own_path.name == "texts.py"


def test_a_module_in_a_package_imports_from_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "deep" / "inner").mkdir(parents=True)
    (tmp_path / "deep" / "inner" / "net.py").write_text(f"from ..blocks import wide\nfrom . import more\n{NET}")
    (tmp_path / "deep" / "blocks.py").write_text("def wide(): pass\n")
    found = read(tmp_path, "from deep.inner import net\noptim.minimize(model=net.create_model, data=0)\n", False)
    statements = [item.statement for item in found.imports]
    assert {"from deep.blocks import wide", "from deep.inner import more"} <= set(statements)
    assert [path.name for path in parser.local_modules(tmp_path / "train.py")] == ["blocks.py", "net.py"]


NESTED = """
def outside():
    return 1

def main(args):
    size = 3
    def helper():
        return outside()
    class Layer:
        pass
    def load():
        x = 1
        y = 2
        return x, y
    def create_model(x, y):
        rate = {{uniform(0, 1)}}
        return helper(), Layer()
    optim.minimize(model=create_model, data=load)

if __name__ == "__main__":
    main(3)
"""


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("", "", {}),
        ("    optim.minimize(model=", "    for _ in range(2):\n        optim.minimize(model=", {}),
        ("optim.minimize(model=create_model, data=load)", "search(create_model, load)", {"data_function": "load"}),
        ("optim.minimize(model=", "other(model=", {"model_function": "create_model", "data_function": "load"}),
        ("def main(args):", "if __name__ == '__main__':", {}),
        ("def main(args):", "class Search:", {}),
        ("def main(args):", "class Search:\n  def run(self):", {}),
    ],
)
def test_functions_are_found_where_they_stand(tmp_path: Path, old: str, new: str, names: dict) -> None:
    found = read(tmp_path, NESTED.replace(old, new), **names)
    assert (found.model, found.data, list(found.helpers)) == ("create_model", "load", ["outside", "helper", "Layer"])
    assert found.model_source.startswith("def create_model(x, y):\n    rate = {{uniform(0, 1)}}\n")
    assert found.place_of("return outside()").startswith(f"line {9 if 'run' in new else 8}: ")


def test_the_function_nearest_to_the_call_is_meant(tmp_path: Path) -> None:
    text = NESTED.replace("def outside():\n    return 1\n", "def load():\n    return 5, 6\n").replace("outside()", "7")
    assert "x = 1" in read(tmp_path, text).data_source


@pytest.mark.parametrize(("value", "name"), [("size", "size"), ("args.n", "args"), ("{size: 1}", "size")])
def test_a_variable_of_the_function_around_is_named(tmp_path: Path, value: str, name: str) -> None:
    line = refusal(tmp_path, NESTED.replace("return helper(), ", f"return {value}, "))
    assert line == (
        f"train.py, line 15: create_model() uses {name}, a variable of main(), which does not run; set it in "
        "create_model()"
    )
    # What the data function sets is not that variable: Hyperas lets the model function see it.
    assert read(tmp_path, NESTED.replace("y = 2", "y = size = args = 2").replace("helper(), ", f"{value}, "))


METHODS = """
class Search:
    def build(self, x, y):
        rate = {{uniform(0, 1)}}
        return rate
    def load(self):
        return 1, 2
    def run(self):
        return optim.minimize(model=self.build, data=self.load)
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (METHODS, "train.py, line 9: found the method self.build"),
        (METHODS.replace("model=self", "model=Search"), "train.py, line 9: found the method Search.build"),
        (f"{METHODS}optim.minimize(model=Search().build, data=0)\n", "train.py, line 9: found the method self.build"),
        ("optim.minimize(model=Search().build, data=0)\n", "train.py, line 1: found the method Search().build"),
        ("import m\noptim.minimize(model=m.N().build, data=0)\n", "train.py, line 2: found the method m.N().build"),
        (METHODS.replace("optim.minimize", "print"), "train.py, line 3: found the method Search.build"),
        (METHODS.replace("optim.minimize", "self.s.minimize"), "train.py, line 9: found the method self.build"),
        (f"from net import *\nimport m\n{METHODS}".replace("self.build", "m.N.build"), "found the method m.N.build"),
        (f"from net import *\n{METHODS}".replace("self.build", "create_model"), "found the method self.load"),
    ],
)
def test_a_method_is_refused(tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "m.py").write_text(METHODS.replace("Search", "N"))
    found = refusal(tmp_path, text)
    assert line in found
    assert found.endswith("a method cannot be searched, make it a function")


def test_a_method_that_the_configuration_names_is_refused(tmp_path: Path) -> None:
    assert "found the method Search.build; a method cannot" in refusal(tmp_path, METHODS, model_function="build")


def test_another_minimize_may_take_methods(tmp_path: Path) -> None:
    text = f"{METHODS}from net import create_model\nfrom texts import load\n{CALL}"
    assert read(tmp_path, text.replace("model=self.build, data=self.load", "self.load, 3")).model == "create_model"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import net\noptim.minimize(model=net.create, data=0)\n", "line 2: found net.create, expected a function of"),
        (
            "from net import no\noptim.minimize(model=no, data=0)\n",
            "line 2: found no, expected a function of this file",
        ),
        ("import numpy as np\noptim.minimize(model=np.sum, data=0)\n", "line 2: found np.sum, expected a function of"),
        ("optim.minimize(model=lambda x: 1, data=0)\n", "line 1: a lambda cannot be searched, make it a function"),
        (
            "import net\nf = lambda: 1\noptim.minimize(model=net.create_model, data=f)\n",
            "line 2: a lambda cannot be searched, make it a function",
        ),
        (
            "from functools import partial\nimport net\noptim.minimize(model=partial(net.create_model, 1), data=0)\n",
            "line 3: found partial, expected a function of this file or of a module beside it",
        ),
    ],
)
def test_what_is_no_function_is_refused(tmp_path: Path, text: str, line: str) -> None:
    assert f"train.py, {line}" in refusal(tmp_path, text)


def test_a_data_function_that_nothing_calls_may_be_anything(tmp_path: Path) -> None:
    text = "import net\noptim.minimize(model=net.create_model, data=lambda: 1)\n"
    assert read(tmp_path, text, needs_data=False).data is None


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "block",
            "load",
            "net.py, line 6: load is another function than that of {}texts.py, line 6, and both are used",
        ),
        (
            "UNITS",
            "PATH",
            "train.py: PATH in net.py, line 4 is another variable than in texts.py, line 4, and both are",
        ),
    ],
)
def test_one_name_for_two_things_is_refused(tmp_path: Path, old: str, new: str, line: str) -> None:
    (tmp_path / "other.py").write_text(NET.replace(old, new))
    text = "import other, texts\noptim.minimize(model=other.create_model, data=texts.load)\n"
    assert refusal(tmp_path, text).startswith(line.replace("net.py", "other.py").format(""))


@pytest.mark.parametrize(
    "text",
    [
        "def search(m, d):\n    optim.minimize(model=m, data=d)\nsearch(create, load)\n",
        "def search(n, *, m, d):\n    optim.minimize(m, d)\nsearch(3, m=create, d=load)\n",
        "def search(m, d=None):\n    optim.minimize(model=m, data=d)\ndef main():\n    search(d=load, m=create)\n",
        "class S:\n  def run(self, m, d):\n    optim.minimize(model=m, data=d)\nS().run(create, load)\n",
        "given = dict(model=create, data=load)\noptim.minimize(**given, max_evals=3)\n",
        "optim.minimize(**{'model': create, 'data': load})\n",
        "m, d = create, load\noptim.minimize(model=m, data=d)\n",
    ],
)
def test_functions_are_followed_through_variables_and_parameters(tmp_path: Path, text: str) -> None:
    names = "def data():\n    x = y = 1\n    return x, y\ndef load():\n    x = y = 2\n    return x, y\n"
    create = "def create(x, y):\n    rate = {{uniform(0, 1)}}\n"
    found = read(tmp_path, names + create + create.replace("create", "other") + text)
    assert (found.model, found.data) == ("create", "load")


@pytest.mark.parametrize("arguments", ["model=m, data=d", "model=MODELS['a'], data=texts.load"])
def test_a_call_that_cannot_be_followed(tmp_path: Path, arguments: str) -> None:
    text = NET.replace("create_model", "some") + f"import texts\ndef search(m, d):\n    optim.minimize({arguments})\n"
    text += "def data():\n    x = y = 1\n    return x, y\n"
    # Then it is the function with templates.
    found = read(tmp_path, text)
    assert (found.model, found.data) == ("some", "load" if "texts" in arguments else "data")
