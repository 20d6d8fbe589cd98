from pathlib import Path

import pytest
from conftest import MODELS, ROOT
from snakeras import template
from snakeras.errors import UserError


def script(folder: Path, text: str, **options: bool) -> template.HyperasScript:
    path = folder / "script.py"
    path.write_text(text)
    return template.read(path, **options)


def statements(found: template.HyperasScript) -> list[str]:
    return [item.statement for item in found.imports]


MODEL = "def create(x, y):\n    n = {{uniform(0, 1)}}\n    return n\n"


def test_the_shipped_model() -> None:
    found = template.read(ROOT / "models" / "mnist_cnn.py")
    assert found.model == "train_model"
    assert found.parameters == ("X_train", "Y_train", "X_test", "Y_test")
    assert found.data is None
    assert "from tensorflow import keras" in statements(found)


def test_the_call_of_minimize_names_the_functions() -> None:
    found = template.read(MODELS.parent / "workflow" / "own_data" / "own_data.py", needs_data=True)
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
    assert template.local_modules(tmp_path / "script.py") == [tmp_path / "deeper.py", tmp_path / "helper.py"]


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
            "def f(x):\n    return {'loss': {{uniform(0, 1)}}}\n",
            "Hyperas finds no name for {{uniform(0, 1)}} in f(), expected it as name = {{uniform(0, 1)}}",
        ),
    ],
)
def test_a_file_that_is_no_hyperas_model(tmp_path: Path, text: str, line: str) -> None:
    with pytest.raises(UserError) as raised:
        script(tmp_path, text)
    assert line in str(raised.value)
    assert str(tmp_path / "script.py") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as text"):
        template.read(tmp_path / "script.py")


def test_a_missing_data_function(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no data function"):
        script(tmp_path, MODEL, needs_data=True)
