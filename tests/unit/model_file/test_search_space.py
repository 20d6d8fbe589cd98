from pathlib import Path

import hyperopt
import pytest
from snakeras.core.errors import UserError
from snakeras.model_file import parser, search_space, templates

FILE = """
import numpy as np
from keras.optimizers import Adam, SGD
from hyperas.distributions import choice, uniform
from math import log

WIDTH = 3

def data():
    units = [16, 32]
    x = 1
    return x

def double(n):
    return 2 * n

def create(x, y=3):
    fast = SGD()
    m = {{choice([double(1)])}}
    n = FOUND
    return m
"""


def mistakes(folder: Path, template: str, text: str = FILE) -> list[str]:
    path = folder / "mine.py"
    path.write_text(text.replace("FOUND", template))
    try:
        return list(search_space.mistakes(parser.read(path, needs_data=True)))
    except UserError as error:
        return [str(error)]


def test_the_distributions_are_hyperopts() -> None:
    found = {name for name in vars(hyperopt.hp) if not name.startswith("_")}
    assert set(templates.DISTRIBUTIONS) == found


@pytest.mark.parametrize(
    "template",
    [
        "{{uniform(0, 1)}}",
        "{{uniform(low=0, high=1)}}",
        "{{ uniform (-1e-3, 0.5,) }} * 2",
        "{{quniform(8, 64, 4)}}",
        "{{randint(5)}}",
        "{{randint(2, 5)}}",
        "{{lognormal(0, 1)}}",
        "{{choice(['adam', 'sgd'])}}",
        "{{choice(('a', 1, None))}}",
        "{{choice([[8, 16], [32]])}}",
        "{{choice([2**n for n in range(4)])}}",
        "{{choice(list(map(str, range(3))))}}",
        "{{choice([\n    1,  # one\n    2,\n])}}",
        "{{pchoice([(0.25, 'a'), (0.75, 'b')])}}",
        "{{uniform(np.log(1e-3), log(1e-1))}}",
        "{{choice([hp.uniform('inner', 0, 1), 3])}}",
        "{{uniform(0, 1) * 10}}",
        # Only the file's packages, functions and data know whether these are right.
        "{{choice([Adam, SGD()])}}",
        "{{choice(units)}}",
        "{{choice([double(2), x])}}",
        "{{choice(open('sizes.txt').readlines())}}",
        "{{uniform(double(3), 1)}}",
    ],
)
def test_a_template_that_hyperas_takes(tmp_path: Path, template: str) -> None:
    assert mistakes(tmp_path, template) == []


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{{unifrom(0, 1)}}", "no distribution is called unifrom, did you mean uniform?"),
        ("{{Choice([1, 2])}}", "no distribution is called Choice, did you mean choice?"),
        ("{{standard(1)}}", "calls no distribution, expected one of choice, pchoice,"),
        ("{{hp.uniform('n', 0, 1)}}", "expected {{uniform(low, high)}}, a call that begins with the"),
        ("{{choice[2, 3]}}", "expected {{choice([option, ...])}}, a call"),
        ("{{uniform}}", "expected {{uniform(low, high)}}, a call"),
        ("{{0.5}}", "calls no distribution"),
        ("{{'adam'}}", "calls no distribution"),
        ("{{[1, 2]}}", "calls no distribution"),
        ("{{WIDTH}}", "calls no distribution"),
        ("{{10 * uniform(0, 1)}}", "calls no distribution"),
        ("{{choice([2, 3]).lower()}}", "AttributeError: 'Apply' object has no attribute 'lower', expected choice("),
        ("{{choice(2, 3)}}", "has 2 arguments, expected choice([option, ...])"),
        ("{{choice(Adam, SGD)}}", "has 2 arguments, expected choice([option, ...])"),
        ("{{choice()}}", "has 0 arguments"),
        ("{{choice(5)}}", "TypeError: object of type 'int' has no len(), expected choice([option, ...])"),
        ("{{choice([])}}", "nothing to choose from"),
        ("{{pchoice([0.5, 0.5])}}", "expected pchoice([(probability, option), ...])"),
        ("{{uniform(0)}}", "has 1 argument, expected uniform(low, high)"),
        ("{{uniform(0, 1, 2)}}", "has 3 arguments, expected uniform(low, high)"),
        ("{{quniform(0, 9)}}", "has 2 arguments, expected quniform(low, high, q)"),
        ("{{normal(0)}}", "has 1 argument, expected normal(mu, sigma)"),
        ("{{uniform(1, 0)}}", "high - low < 0, expected uniform(low, high)"),
        ("{{loguniform(np.log(0.1), log(0.01))}}", "low should be less than high"),
        ("{{uniform('a', 'b')}}", "could not convert string to float: 'a', expected uniform(low, high)"),
        ("{{quniform(1, 9, 0)}}", "draws nan, which is no number"),
        ("{{randint(0)}}", "nothing to choose from"),
        ("{{choice([uniform(0, 1), 3])}}", "a distribution inside another is written in hyperopt's form"),
        ("{{choice([hp.normal('a', 0, 1), hp.uniform('a', 0, 1)])}}", "DuplicateLabel: a, expected choice("),
        ("{{uniform(0, 1), 3}}", "no Python ("),
        ("{{choice([fast, 'adam'])}}", "cannot see fast (a variable of create(), which templates do not see: choose"),
        ("{{choice([y])}}", "cannot see y (a variable of create()"),
        ("{{choice([WIDTH, 4])}}", "cannot see WIDTH (set at the top level of the file, which Hyperas does not run"),
        ("{{choice([nowhere])}}", "cannot see nowhere"),
    ],
)
def test_a_template_that_nothing_can_draw_from(tmp_path: Path, template: str, line: str) -> None:
    (said,) = mistakes(tmp_path, template)
    assert said.startswith(f"{tmp_path}/mine.py, line 20: {template}: ")
    assert line in said


@pytest.mark.parametrize(
    ("template", "line"),
    [
        (
            "{uniform(0, 1)}",
            "found {uniform(0, 1)}, expected two braces on each side, with no space between them: {{un",
        ),
        ("{ {uniform(0, 1)} }", "found { {uniform(0, 1)} }, expected two braces on each side"),
        ("{{{uniform(0, 1)}}}", "found {{{uniform(0, 1)}}}"),
        ("uniform(0, 1)", "found uniform(0, 1), expected it in braces: {{uniform(0, 1)}}"),
        ("'{{uniform(0, 1)}}'", "{{uniform(0, 1)}} stands in quotes, so it is a text; expected it without them"),
        ("print('of {{uniform(0, 1)}}')", "Hyperas takes {{uniform(0, 1)}} in a text for a template"),
        ("{{choice([2, 3)}}", "found n = {{choice([2, 3)}}, expected a Hyperas model file"),
        ("{{choice([2 3])}}", "found n = {{choice([2 3])}}, expected a Hyperas model file"),
        ("{{uniform(0, 1)}", "found n = {{uniform(0, 1)}, expected a Hyperas model file"),
    ],
)
def test_a_template_that_is_not_one_to_hyperas(tmp_path: Path, template: str, line: str) -> None:
    (said,) = mistakes(tmp_path, template)
    assert said.startswith(f"{tmp_path}/mine.py, line 20: ")
    assert line in said


def test_single_braces_are_found_where_no_template_is(tmp_path: Path) -> None:
    text = FILE.replace("{{choice([double(1)])}}", "{choice([1])}")
    (said,) = mistakes(tmp_path, "3", text)
    assert f"{tmp_path}/mine.py, line 19: found {{choice([1])}}" in said


def test_names_of_distributions_that_are_something_else_are_left_alone(tmp_path: Path) -> None:
    text = FILE.replace("from math", "from random import choice\nfrom math")
    assert mistakes(tmp_path, "{choice([1, 2])}, choice([3])", text) == []


def test_what_a_star_imports_may_be_anything(tmp_path: Path) -> None:
    text = FILE.replace("from math import log", "from keras.layers import *")
    assert mistakes(tmp_path, "{{choice([Dense, nowhere])}}", text) == []


def test_templates_of_helpers_and_comments_have_their_own_lines(tmp_path: Path) -> None:
    text = FILE.replace("return 2 * n", "return max({{choice(7)}})")
    text = text.replace("    fast = SGD()\n", "    fast = SGD()  # was k = {{uniform(1, 0)}}\n")
    helper, comment = mistakes(tmp_path, "3", text.replace("choice([double(1)])", "choice([1])") + "    double(3)\n")
    assert helper.startswith(f"{tmp_path}/mine.py, line 15: {{{{choice(7)}}}}: ")
    assert comment.startswith(
        f"{tmp_path}/mine.py, line 18: {{{{uniform(1, 0)}}}} (in a comment or text, where Hyperas draws it too): "
    )


def test_a_comment_that_calls_no_distribution_is_no_template(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "3  # was {{unifrom(0, 1)}} or {{}} or {{n}}") == []
