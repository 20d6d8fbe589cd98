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


def test_a_notebook_that_was_written_as_a_script(tmp_path: Path) -> None:
    path = tmp_path / "book.py"
    model = MODEL.replace("return n", "get_ipython().system('ls')\n    return n")
    path.write_text(f"get_ipython().magic('matplotlib inline')\n{model}")
    assert parser.read(path).model_source == MODEL.replace("return n", "None\n    return n")
