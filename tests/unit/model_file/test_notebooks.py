"""Notebooks as IPython reads them, without what only IPython can run."""

import ast
import json
from pathlib import Path

import pytest
from snakeras.model_file import notebooks, parser

MODEL = "def create(x, y):\n    n = {{uniform(0, 1)}}\n    return n\n"


def code(*cells: str) -> str:
    document = {"cells": [{"cell_type": "code", "source": text.splitlines(True)} for text in cells]}
    text = notebooks.code(json.dumps(document))
    ast.parse(text)
    return text.strip()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        # Python that looks like IPython's own.
        ("x = (5\n     % 3)", None),
        ("x = (5\n!= 3)", None),
        ('text = "why?"', None),
        ("x = 1  # why?", None),
        ("# why?\n#!/bin/sh\nx = 1", None),
        ('text = """\n%time\n!ls\nwhy?\n%%bash\n"""', None),
        ("def f():\n    '''%matplotlib?\n    !ls'''\n    return {{choice([1, 2])}}", None),
        ("@decorated\ndef f(): pass", None),
        # What IPython alone can run.
        ("%matplotlib inline", "None"),
        ("%load_ext autoreload\n%autoreload 2\nx = 1", "None\nNone\nx = 1"),
        ("!pip install a \\\n  b \\\n  c\nx = 1", "None\nx = 1"),
        ("!!ls", "[]"),
        ("x = !ls *.csv", "x = []"),
        ("x = %sql select 1", "x = None"),
        ("if x:\n    !wget http://localhost/{file}", "if x:\n    None"),
        (
            "try:\n    import a\nexcept:\n    !pip install a\n    import a",
            "try:\n    import a\nexcept:\n    None\n    import a",
        ),
        ("os?", "None"),
        ("os.path??", "None"),
        ("?os", "None"),
        ("%cd data", "None"),
        ("    %cd data", "None"),
        (">>> x = 1\n>>> y = 2", "x = 1\ny = 2"),
        ("In [1]: x = 1", "x = 1"),
        ("%run net.py", "from net import *"),
        ("%run pkg/net.py", "from pkg.net import *"),
        ("def f():\n    %run net.py", "def f():\n    None"),
        # Magics that run Python.
        ("%time x = fit('a')", "x = fit('a')"),
        ('x = %time fit("ü", 1)', 'x = fit("ü", 1)'),
        ("def f():\n    %time x = g()\n    ö = !ls\n    return x", "def f():\n    x = g()\n    ö = []\n    return x"),
        ("%timeit -n 10 fit()", "None"),
        ("%time", "None"),
        ("%%time\nx = 1\n!ls\ny = 2", "x = 1\nNone\ny = 2"),
        (
            "%%capture out\n%%time\ndef f(x):\n    # why?\n    return '''\n!'''",
            "def f(x):\n    # why?\n    return '''\n!'''",
        ),
        # Cells that run elsewhere, or not at all.
        ("%%bash\nrm -rf x", "None"),
        ("%%html\n<b>x</b>", "None"),
        ("%%writefile net.py\ndef f(): pass", "None"),
        ("%%python2\ndef f(): pass", "None"),
    ],
)
def test_a_cell(cell: str, expected: str | None) -> None:
    assert code(cell) == (cell if expected is None else expected)
    assert code("a = 1", cell, "b = 1") == f"a = 1\n\n{cell if expected is None else expected}\n\nb = 1"


def test_a_notebook_is_a_model_file(tmp_path: Path) -> None:
    cells = ["%matplotlib inline\nfrom hyperas import optim", f"%%time\n{MODEL}"]
    cells += ["def load():\n    files = !ls\n    if not files:\n        !wget x\n    x = y = 7\n    return x, y"]
    cells += ["best = %time optim.minimize(model=create, data=load)"]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": text} for text in cells]}))
    found = parser.read(path, needs_data=True)
    assert (found.model_source, found.data) == (MODEL, "load")
    values = {}
    exec(f"{found.data_source}\n".replace("return 'by name'", "return x"), values)
    assert values[found.data_source.split("(")[0].removeprefix("def ")]() == 7


def test_a_notebook_of_the_third_format() -> None:
    cells = [{"cell_type": "code", "input": ["x = 1\n", "%time y = 2"]}, {"cell_type": "markdown", "source": "z"}]
    assert (
        notebooks.code(json.dumps({"worksheets": [{"cells": cells}, {"cells": cells}]}))
        == "x = 1\ny = 2\n\nx = 1\ny = 2\n"
    )


def test_names_that_every_notebook_has() -> None:
    text = code("def f():\n    display(1)\n    return str(get_ipython())")
    values = {}
    exec(text, values)
    assert values["f"]() == "None"
    assert "import" not in code("displayed = 1")


def test_functions_of_a_file_that_a_notebook_runs(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    cells = ["%run net.py", "optim.minimize(model=create, data=0)"]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": text} for text in cells]}))
    assert parser.read(path).model_source == MODEL


def test_a_notebook_that_was_written_as_a_script(tmp_path: Path) -> None:
    path = tmp_path / "book.py"
    model = MODEL.replace("return n", "get_ipython().system('ls')\n    return n")
    path.write_text(f"get_ipython().magic('matplotlib inline')\n{model}")
    assert parser.read(path).model_source == MODEL.replace("return n", "None\n    return n")
