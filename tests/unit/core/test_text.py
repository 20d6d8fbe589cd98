import math

import pytest
from snakeras.core import text


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (0.123456, "0.1235"),
        (1e-7, "1e-07"),
        (128.0, "128"),
        (-3, "-3"),
        (123_456, "123456"),
        (1_234_567, "1.235e+06"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (True, "True"),
        (None, "None"),
        ("relu", "relu"),
    ],
)
def test_a_number_has_four_digits(value: object, seen: str) -> None:
    assert text.number(value) == seen


@pytest.mark.parametrize(
    ("long", "length", "seen"),
    [
        ("relu", 4, "relu"),
        ("a_very_long_name_1", 9, "a_ve…me_1"),
        ("a_very_long_name_1", 10, "a_ver…me_1"),
        ("two\nlines", 20, "two lines"),
        ("abc", 2, "a…"),
        ("abc", 1, "…"),
    ],
)
def test_a_long_text_loses_its_middle(long: str, length: int, seen: str) -> None:
    assert text.shortened(long, length) == seen
    assert len(seen) <= length
