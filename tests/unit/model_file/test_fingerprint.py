from pathlib import Path

import pytest
from snakeras.model_file import fingerprint

MODEL = """import numpy as np
from hyperas.distributions import choice, uniform
import helper


def data():
    'Return the arrays.'
    x = np.zeros((4, 2))
    return x, x


def unused():
    return 1


def layers():
    return helper.layers


def create_model(x, y):
    units = {{choice([8, 16])}}
    # rate = {{uniform(0, 2)}}
    rate = {{uniform(0, 1)}}
    if units > 8:
        units = layers()
    return {"loss": rate * units}
"""


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("helper.py").write_text("layers = 3\n")


def found(text: str = MODEL) -> fingerprint.Digests:
    Path("model.py").write_text(text)
    return fingerprint.of_files([Path("model.py"), Path("helper.py")], True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import helper", "# what it does\nimport helper"),
        ("\n\n\ndef unused", "\n\n\n\n\ndef unused"),
        ("return 1", "return 2"),
        ("'Return the arrays.'", "# gone"),
        ("np.zeros((4, 2))", "np.zeros(\n        (4, 2),\n    )"),
        ("units = {{choice([8, 16])}}", "units = {{choice([8, 16])}}  # how wide"),
        ('{"loss": rate * units}', "{'loss': (rate * units)}"),
    ],
)
def test_comments_layout_and_what_is_not_used_do_not_count(before: str, after: str) -> None:
    assert before in MODEL
    assert found(MODEL.replace(before, after)) == found()


@pytest.mark.parametrize(
    ("before", "after", "part"),
    [
        ("units > 8", "units > 9", "function create_model"),
        ("(4, 2)", "(4, 3)", "function data"),
        ("return helper.layers", "return helper.layers + 1", "function layers"),
        ("import numpy as np", "import numpy as np, os", "imports"),
        ("[8, 16]", "[8,16]", "templates"),
        ("uniform(0, 2)", "uniform(0, 3)", "templates"),
        ("# rate =", "# speed =", "templates"),
        ("    # rate = {{uniform(0, 2)}}\n", "", "templates"),
    ],
)
def test_what_may_change_a_trial_counts_and_is_named(before: str, after: str, part: str) -> None:
    assert before in MODEL
    assert part in fingerprint.difference(found(), found(MODEL.replace(before, after)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    return n, n\n\n", "    if n > 5:\n        return 1, 1\n    return n, n\n\n"),
        ("def load(", "@helper.cached\ndef load("),
        ("n):", "n, **more):"),
    ],
)
def test_values_for_a_data_function_count_also_where_it_is_called(before: str, after: str) -> None:
    model = MODEL.replace("def data():", "def load(n):\n    return n, n\n\n\ndef data():").replace(before, after)
    assert after in model
    texts = [f"{model}\noptim.minimize(model=create_model, data=load, data_args=({n},))\n" for n in (1, 2)]
    assert "function load" in fingerprint.difference(*map(found, texts))


def test_moved_templates_count() -> None:
    lines = MODEL.split("\n")
    at = lines.index("    units = {{choice([8, 16])}}")
    lines[at], lines[at + 2] = lines[at + 2], lines[at]
    assert fingerprint.difference(found(), found("\n".join(lines))) is not None


def test_modules_count_by_their_code_and_other_files_by_their_bytes() -> None:
    Path("table.csv").write_text("1,2\n")
    paths = [Path("model.py"), Path("helper.py"), Path("table.csv")]
    found()
    before = fingerprint.of_files(paths, True)
    Path("helper.py").write_text("# three\nlayers = 3\n")
    assert fingerprint.difference(before, fingerprint.of_files(paths, True)) is None
    Path("helper.py").write_text("layers = 4\n")
    assert fingerprint.difference(before, fingerprint.of_files(paths, True)) == "helper.py changed since"
    Path("helper.py").write_text("layers = 3\n")
    Path("table.csv").write_text("1,3\n")
    assert fingerprint.difference(before, fingerprint.of_files(paths, True)) == "table.csv changed since"
    assert fingerprint.difference(before, fingerprint.of_files(paths[:2], True)) == "table.csv is no longer used"
    assert fingerprint.difference(fingerprint.of_files(paths[:2], True), before) == "table.csv is new"


def test_a_module_that_is_no_python_counts_by_its_bytes() -> None:
    Path("helper.py").write_text("def broken(:\n")
    before = found()
    Path("helper.py").write_text("def broken(:  # still\n")
    assert fingerprint.difference(before, found()) == "helper.py changed since"
