import json
from pathlib import Path

import pytest
from conftest import MODELS, ROOT
from snakeras.core.errors import UserError
from snakeras.model_file import parser, templates


def script(folder: Path, text: str, **options: object) -> parser.HyperasScript:
    path = folder / "script.py"
    path.write_text(text)
    return parser.read(path, **options)


def statements(found: parser.HyperasScript) -> list[str]:
    return [item.statement for item in found.imports]


MODEL = "def create(x, y):\n    n = {{uniform(0, 1)}}\n    return n\n"


def test_the_shipped_model() -> None:
    found = parser.read(ROOT / "models" / "mnist_cnn.py")
    assert found.model == "train_model"
    assert found.parameters == ("X_train", "Y_train", "X_test", "Y_test")
    assert found.data is None
    assert "from tensorflow import keras" in statements(found)


def test_the_call_of_minimize_names_the_functions() -> None:
    found = parser.read(MODELS.parent / "workflow" / "own_data" / "own_data.py", needs_data=True)
    assert (found.model, found.data) == ("classifier", "get_data")
    assert "centres.csv" in found.data_source


def test_helpers_come_from_the_call(tmp_path: Path) -> None:
    text = (
        "from hyperas import optim\ndef help_me(z):\n    return z\ndef numbers():\n    return 1, 2\n"
        + MODEL
        + "def main():\n    optim.minimize(model=create, data=numbers, functions=[help_me], max_evals=3)\n"
    )
    found = script(tmp_path, text)
    assert (found.model, found.data) == ("create", "numbers")
    assert found.helpers == {"help_me": "def help_me(z):\n    return z\n"}


def test_another_function_named_minimize_is_not_mistaken(tmp_path: Path) -> None:
    text = "import scipy.optimize\ndef fit_line(x):\n    return scipy.optimize.minimize(fit_line, x)\n"
    text += "def load():\n    return 1\n" + MODEL + "def main():\n    optim.minimize(model=create, data=load)\n"
    found = script(tmp_path, text, needs_data=True)
    assert (found.model, found.data) == ("create", "load")


def test_form_feeds_do_not_count_as_lines(tmp_path: Path) -> None:
    assert script(tmp_path, f"import os\n\f\n{MODEL}").model_source == MODEL


def test_modules_beside_the_script_are_found_through_each_other(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("from deeper import width\nimport script\n")
    (tmp_path / "deeper.py").write_text("width = 3\n")
    (tmp_path / "other.py").write_text("")
    script(tmp_path, f"import os, helper\n{MODEL}")
    assert parser.local_modules(tmp_path / "script.py") == [tmp_path / "deeper.py", tmp_path / "helper.py"]


def test_the_top_level_never_runs(tmp_path: Path) -> None:
    script(tmp_path, f"{MODEL}raise RuntimeError('run')\n")


def test_functions_are_verbatim(tmp_path: Path) -> None:
    text = "def create(x):\n    # a comment with 'quotes'\n    n = {{ uniform( 0,1 ) }}\n\n    return   n\n"
    assert script(tmp_path, f"import os\n{text}x = 1\n").model_source == text


def test_an_import_over_several_lines_becomes_one(tmp_path: Path) -> None:
    found = script(
        tmp_path,
        "def create(x):\n    from os import (\n        path,\n        sep,\n    )\n    a = {{uniform(0, 1)}}\n",
    )
    assert found.model_source == "def create(x):\n    from os import path, sep\n\n\n\n    a = {{uniform(0, 1)}}\n"
    assert statements(found) == ["from os import path", "from os import sep"]


def test_a_line_with_an_import_keeps_its_other_statements(tmp_path: Path) -> None:
    text = "def create(x):\n    import os; import re; a = {{uniform(0, 1)}}\n    if a: import json\n    return a\n"
    found = script(tmp_path, text)
    assert found.model_source == (
        "def create(x):\n    pass; pass; a = {{uniform(0, 1)}}\n    if a: pass\n    return a\n"
    )
    assert statements(found) == ["import os", "import re", "import json"]


def test_imports_from_any_depth_each_its_own_statement(tmp_path: Path) -> None:
    text = "from __future__ import print_function\nimport numpy as np, os\nif True:\n    import re as regex\n" + MODEL
    assert statements(script(tmp_path, text)) == ["import numpy as np", "import os", "import re as regex"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f(:\n", "line 1: no Python (invalid syntax), expected a Hyperas model file"),
        ("x = 1\n", "no Hyperas model, expected a function with templates such as {{uniform(0, 1)}}"),
        (MODEL + MODEL.replace("create", "other"), "create, other have templates, expected one function that has"),
        (
            "def f(x):\n    return x\noptim.minimize(model=f, data=g)\n",
            "no Hyperas model, f() has no template such as {{uniform(0, 1)}}",
        ),
        ("\0", "no Python"),
        (
            "def f(x):\n    k = {{choice([{'a': 1}, {'b': 2}])}}\n",
            "line 2: Hyperas cannot take braces (a dict or set) inside a template, found {{choice([{'a': 1}, ",
        ),
        ("def f(x):\n    k = {{choice([1, {'b': 2}])}} + {{uniform(0, 1)}}\n", "line 2: Hyperas cannot take braces"),
        (
            "def f(x):\n    k = {{uniform(0, 1)}}\n    s = '{{x}}'\n",
            "line 3: Hyperas takes {{x}} in a text for a template",
        ),
        ("def f(x):\n    k = {{uniform(0, 1)}}\n    s = f'{{x}}'\n", "line 3: Hyperas takes {{x}} in a text"),
        (
            "def f(x, n={{choice([1, 2])}}):\n    k = {{uniform(0, 1)}}\n",
            "line 1: n of f() has the default {{choice([1, 2])}}, but Hyperas takes templates in the function's body",
        ),
        ("def f(x):\n    space = {{uniform(0, 1)}}\n", "line 1: f() has a variable space, which is Hyperas's own name"),
        ("def f(space):\n    k = {{uniform(0, 1)}}\n", "line 1: f() has a variable space"),
        (
            f"if x:\n    def f():\n        return 1\nelse:\n    def f():\n        return 2\n{MODEL}    f()\n",
            "line 5: f also stands in another branch, line 2, and the file does not run to choose one",
        ),
        (
            f"try:\n    class A: pass\nexcept OSError:\n    if y:\n        class A: pass\n{MODEL}    A()\n",
            "line 5: A also stands in another branch, line 2",
        ),
    ],
)
def test_a_file_that_is_no_hyperas_model(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(UserError) as raised:
        script(tmp_path, text)
    assert line in str(raised.value)
    assert str(tmp_path / "script.py") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_templates_in_texts_and_comments_stop_nothing(tmp_path: Path) -> None:
    text = "def f(x):\n    '''{{uniform(0, 1)}} and {{this}}'''\n    # {{choice([1])}}, {{}}\n    n = {{choice([2])}}\n"
    read = script(tmp_path, text)
    assert [name.shown for name in read.names] == [None, None, "n"]
    assert "{{this}}" not in read.model_source
    # One that has a name is Hyperas's, also in a comment.
    text = "def f(x):\n    # a = {{choice([1])}}\n    n = {{choice([2])}}\n"
    assert templates.TEMPLATE.findall(script(tmp_path, text).model_source) == ["{{choice([1])}}", "{{choice([2])}}"]


HELPERS = """
@decorated
def layer(size={{choice([1, 2])}}):
    text = \'\'\'
  as it is\'\'\'
    return size, text

def block(x):
    return layer()

def plain(x):
    return x

class Plain:
    pass

def load(n=3):
    if n:
        return 1, 2
    return 3, 4

def create(x, y, rate=0.5):
    from os import (
        sep,
    )
    model = block(plain(x)), Plain()
    b = {{uniform(0, 1)}}

def main():
    return best_models(2, create, load())
"""


def test_helpers_with_templates_stand_inside_the_model_and_others_beside_it(tmp_path: Path) -> None:
    found = script(tmp_path, HELPERS, needs_data=True)
    assert (found.model, found.data, found.parameters) == ("create", "load", ("x", "y"))
    assert list(found.helpers) == ["plain", "Plain", "load"]
    assert found.model_source.startswith(
        "def create(x, y, rate=0.5):\n    rate = 0.5\n    def layer(size={{choice([1, 2])}}):\n        text = '''\n"
        "  as it is'''\n        return size, text\n    def block(x):\n        return layer()\n    from os import sep\n"
    )
    # It returns from two places: it is called.
    assert "x, y = load()" in found.data_source


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = 1\n    y = 2\n    return x, y", "x = 1\n    y = 2"),
        # By name, whatever the order, as Hyperas does it.
        ("y = 1\n    x = 2\n    return y, x", "y = 1\n    x = 2"),
        ("a = 1\n    return a + 1, a", "a = 1\n    x, y = (a + 1, a)"),
        ("both = 1, 2\n    return both", "both = (1, 2)\n    x, y = both"),
        ("'''return nothing'''\n    x = y = 1\n    return (x,\n            y)", "x = y = 1"),
    ],
)
def test_data_come_by_the_names_of_the_models_parameters(tmp_path: Path, body: str, expected: str) -> None:
    found = script(tmp_path, f"def data():\n    {body}\n{MODEL}", needs_data=True)
    assert found.data_source == f"def snakeras_data():\n    {expected}\n    return 'by name'\n"


def test_lines_of_a_data_function_are_found_however_they_are_spelled(tmp_path: Path) -> None:
    lines = ["if  True:", '    x = dict(a = "b", c=[1,2])  # two', "    y = (1 +", "        2)", "return x, y"]
    text = "".join(f"    {line}\n" for line in lines)
    found = script(tmp_path, f"{MODEL}def data():\n{text}", needs_data=True)
    places = [found.place_of(line) for line in found.data_source.split("\n")[1:-2]]
    assert places == ["line 5: if True:", 'line 6: x = dict(a = "b", c=[1,2]) # two', "line 7: y = (1 +"]


def test_functions_that_the_configuration_names(tmp_path: Path) -> None:
    text = MODEL + MODEL.replace("create", "other") + "def load():\n    return 1, 2\n"
    found = script(tmp_path, text, model_function="other", data_function="load")
    assert (found.model, found.data) == ("other", "load")
    with pytest.raises(UserError, match="has no function third, which search.model_function names"):
        script(tmp_path, text, model_function="third")


def test_a_notebooks_code_cells_are_its_text(tmp_path: Path) -> None:
    cells = [("markdown", "{{uniform(0, 1)}}"), ("code", "%matplotlib inline\n!pip install x\nimport os\nos?")]
    cells += [("code", "%%bash\nrm -rf x"), ("code", "%%time\n" + MODEL)]
    document = {"cells": [{"cell_type": kind, "source": text.splitlines(True)} for kind, text in cells]}
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(document))
    found = parser.read(path)
    assert (found.model, statements(found)) == ("create", ["import os"])
    path.write_text("[]")
    with pytest.raises(UserError, match="no notebook"):
        parser.read(path)


@pytest.mark.parametrize(("statement", "call"), [("from net import f", "f"), ("import net as other", "other.f")])
def test_templates_of_another_file_than_the_models(tmp_path: Path, statement: str, call: str) -> None:
    (tmp_path / "net.py").write_text("def f():\n    return {{choice([1, 2])}}\n")
    with pytest.raises(UserError) as raised:
        script(tmp_path, f"{statement}\n{MODEL}    {call}()\n")
    line = MODEL.count("\n") + 2
    assert str(raised.value) == (
        f"{tmp_path / 'net.py'}, line 1: f() has templates and is called from {tmp_path / 'script.py'}, line {line}; "
        "expected both in one file"
    )


def test_another_variable_of_that_name_is_no_call_of_it(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("def f():\n    return {{choice([1, 2])}}\n")
    script(tmp_path, f"import net, os\nfrom net import f\n{MODEL}    f = net = abs\n    f(1), net.f(), os.x().y()\n")


def test_branches_without_a_choice(tmp_path: Path) -> None:
    fallback = "try:\n    import fast\nexcept ImportError:\n    def f(): return 1\n"
    later = "if y:\n    def g(): return 1\nelse:\n    def g(): return 2\ndef g(): return 3\n"
    unused = "if y:\n    def h(): return 1\nelse:\n    def h(): return 2\n"
    found = script(tmp_path, f"{fallback}{later}{unused}{MODEL}    f() + g()\n")
    assert found.helpers == {"f": "def f(): return 1\n", "g": "def g(): return 3\n"}


def test_a_parameter_that_the_function_sets_anew_has_its_value_first(tmp_path: Path) -> None:
    body = "    k = {{uniform(0, 1)}}\n    x = x + 1\n    y += 1\n    return x, y, z\n"
    found = script(tmp_path, f"def create(x, y, z):\n{body}")
    assert found.model_source.startswith(
        "def create(x, y, z):\n    x = globals()['x']\n    y = globals()['y']\n    k ="
    )
    # Python does not take an assignment before this.
    assert "globals()" not in script(tmp_path, f"def create(x, y, z):\n    global x, y\n{body}").model_source


def test_a_file_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_bytes(f"# coding: latin-1\n# \u00fcber\n{MODEL}".encode("latin-1"))
    assert parser.read(tmp_path / "script.py").model == "create"


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as text"):
        parser.read(tmp_path / "script.py")


def test_a_missing_data_function(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no data function"):
        script(tmp_path, MODEL, needs_data=True)


def test_the_distributions_of_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        """
def model(x):
    a = {{quniform(8, 64, 4)}}
    b = {{choice(["adam", "sgd"])}}
    c = {{loguniform(-3, 0.5)}}
    d = {{uniform(LOW, 1)}}
    e = {{randint(5)}}
    return a
"""
    )
    assert parser.read(script).distributions == [
        {"kind": "quniform", "arguments": [8, 64, 4]},
        {"kind": "choice", "arguments": ["'adam'", "'sgd'"]},
        {"kind": "loguniform", "arguments": [-3, 0.5]},
        None,
        {"kind": "randint", "arguments": [5]},
    ]


def test_a_lone_brace_in_a_template_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("def model(x):\n    y = 1\n    a = {{choice(['a{b', 'e'])}}\n    return a\n")
    with pytest.raises(UserError, match=r"line 3: Hyperas cannot take a brace inside a template"):
        parser.read(script)


def test_lines_with_less_indentation_than_their_function(tmp_path: Path) -> None:
    text = "if True:\n    def model(x):\n# a comment\n        a = {{uniform(0, 1)}} + max(\n  x, 1)\n"
    text += "        b = '''one\n    two'''\n        return a\n"
    assert script(tmp_path, text).model_source == (
        "def model(x):\n# a comment\n    a = {{uniform(0, 1)}} + max(\nx, 1)\n"
        "    b = '''one\n    two'''\n    return a\n"
    )


def test_lines_are_found_again_in_what_hyperas_made_of_the_file(tmp_path: Path) -> None:
    text = "def data():\n    both = (1,\n            2)\n    x, y = both\n    return x, y\n"
    text += "def model(x, y):\n    a = f(1, n={{choice([\n        1,\n        2])}}) + {{uniform(0, 1)}}\n    b = a\n"
    found = script(tmp_path, text)
    lines = ["a = f(1, n=space['n']) + space['n_1']", "    b = a", "both = (1, 2)", "x, y = data()", ""]
    places = [found.place_of(line) for line in lines]
    assert [place and place.partition(":")[0] for place in places] == ["line 7", "line 10", "line 2", None, None]
    assert found.data_return == "line 5: return x, y"


TEST = """
def data():
    x = 1
    return x

def scaled(x):
    return x

def test_data():
    return scaled(2), 3

def model(x):
    rate = {{uniform(0, 1)}}
    return rate * x
"""


def test_the_test_function_comes_along_with_what_it_uses(tmp_path: Path) -> None:
    found = script(tmp_path, TEST, for_test=True)
    assert (found.test, list(found.helpers)) == ("test_data", ["scaled", "test_data"])
    found = script(tmp_path, TEST.replace("test_data", "held_back"), for_test=True)
    assert (found.test, list(found.helpers)) == (None, [])
    found = script(tmp_path, TEST.replace("test_data", "held_back"), test_function="held_back", for_test=True)
    assert (found.test, list(found.helpers)) == ("held_back", ["scaled", "held_back"])
    with pytest.raises(UserError, match="has no function nothing, which data.test_function names"):
        script(tmp_path, TEST, test_function="nothing", for_test=True)
    assert script(tmp_path, TEST).test is None
