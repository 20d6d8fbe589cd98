import pytest
from snakeras.model_file import templates


def shown(*lines: str) -> list[str]:
    body = "".join(f"    {line}\n" for line in lines)
    return [name.shown for name in templates.names(f"def model(x):\n{body}    return 1\n") if name.shown]


def test_without_comments_the_names_are_hyperass() -> None:
    first, second = "a = {{uniform(0, 1)}}", "b = f({{uniform(0, 1)}}, [{{choice([1])}}])"
    assert shown(first, second, "c[{{choice([2])}}]") == ["a", "a_1", "a_2", "a_3"]
    assert shown(second, first) == ["f", "f_1", "f_2"]


@pytest.mark.parametrize(
    "other",
    [
        "# b = {{uniform(0, 1)}}",
        "# epochs = {{choice([1])}}, {{choice([1])}}",
        "y = 3  # a = {{choice([2])}}",
        "'''As in a = {{uniform(0, 1)}}.'''",
        '"""a = {{uniform(0, 1)}} or\nt = {{choice([\n1])}}"""',
        'print("a = {{uniform(0, 1)}}", f"{{normal(0, 1)}}")',
    ],
)
def test_comments_and_texts_have_no_names_and_take_none(other: str) -> None:
    lines = ["a = {{uniform(0, 1)}}", "b = f({{uniform(0, 1)}}, [{{choice([1])}}])", "a = {{uniform(0, 2)}}"]
    for place in range(1, len(lines) + 1):
        assert shown(*lines[:place], other, *lines[place:]) == ["a", "f", "f_1", "a_1"]


def test_names_differ_whatever_the_variables_are_called() -> None:
    comment = "# x = {{uniform(0, 1)}}"
    assert shown(comment, "x = {{randint(2)}}", "x_1 = {{randint(3)}}", "x = {{randint(4)}}") == ["x", "x_1", "x_2"]


def test_a_first_template_without_a_name_has_the_word_before_it() -> None:
    comment = "# epochs = {{uniform(0, 1)}}"
    assert shown(comment, "y = sizes[{{randint(2)}}]", "epochs = {{randint(3)}}") == ["sizes", "epochs"]
