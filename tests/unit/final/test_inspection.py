import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from snakeras.final import inspection

# Rows 1, 2 and 4 are wrong, the last of them most surely.
OUTPUTS = np.array([[0.9, 0.1, 0.0], [0.2, 0.6, 0.2], [0.5, 0.3, 0.2], [0.0, 0.0, 1.0], [0.05, 0.9, 0.05]])
TRUE = np.array([0, 2, 1, 2, 0])
DIGITS = np.arange(5 * 28 * 28, dtype=np.uint8).reshape(5, 28, 28)


def test_mistakes_are_all_that_is_wrong_the_surest_first() -> None:
    found = inspection.mistakes(OUTPUTS, np.zeros((5, 4)), np.eye(3)[TRUE])
    assert found["index"].tolist() == [4, 1, 2]
    assert found["true"].tolist() == [0, 2, 1]
    assert found["predicted"].tolist() == [1, 1, 0]
    assert found["probability"] == pytest.approx([0.9, 0.6, 0.5])
    assert (bool(found["classified"]), int(found["rows"]), int(found["count"])) == (True, 5, 3)
    assert "image" not in found
    assert {name: array.dtype.name for name, array in found.items()} == {
        "classified": "bool",
        **dict.fromkeys(["rows", "count", "index", "true", "predicted"], "int64"),
        "probability": "float32",
        "input": found["input"].dtype.name,
    }
    assert found["input"].tolist() == ["0, 0, 0, 0"] * 3


TOKENS = np.array([[0] * 9 + [3, 4]] * 5)


@pytest.mark.parametrize(
    ("x", "texts", "shown"),
    [
        (np.arange(50).reshape(5, 10) / 8, None, "1.25, 1.375, 1.5, 1.625, 1.75, 1.875, 2, 2.125, …"),
        (TOKENS, None, "3, 4"),
        (TOKENS, np.array(["a", "so\nso", "c", "d", "e"]), "so so"),
        (np.array(["a", "so so", "c", "d", "e"]), None, "so so"),
        (["a", "so so", "c", "d", "e"], None, "so so"),
        ([TOKENS, np.ones((5, 2))], None, "3, 4; 1, 1"),
        ({"left": TOKENS, "right": np.ones((5, 1))}, None, "3, 4; 1"),
        (pd.DataFrame({"a": [1.5] * 5, "b": ["x", "y", "z", "v", "w"]}), None, "1.5, y"),
    ],
)
def test_what_is_no_image_is_put_into_words(x: object, texts: object, shown: str) -> None:
    assert inspection.mistakes(OUTPUTS, x, TRUE, texts)["input"].tolist()[1] == shown


def test_at_most_100_are_kept_but_all_counted() -> None:
    found = inspection.mistakes(np.tile([0.7, 0.3], (250, 1)), np.zeros((250, 4)), np.ones(250))
    assert found["index"].tolist() == list(range(100))
    assert int(found["count"]) == 250


@pytest.mark.parametrize(
    ("outputs", "probability"),
    [
        ([[0.8], [0.1]], [0.9, 0.8]),
        ([[3.0], [-1.0]], [1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-1))]),
        ([[0.0, 2.0], [5.0, 0.0]], [1 / (1 + np.exp(-5)), 1 / (1 + np.exp(-2))]),
    ],
)
def test_one_output_and_logits_become_probabilities(outputs: list, probability: list[float]) -> None:
    found = inspection.mistakes(np.array(outputs), np.zeros((2, 4)), np.array([0, 1]))
    assert found["probability"] == pytest.approx(probability)


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 28, 28, 1), (5, 784)])
def test_images_come_along_scaled_by_the_range_of_all(shape: tuple[int, ...]) -> None:
    found = inspection.mistakes(OUTPUTS, [DIGITS.reshape(shape)], TRUE)
    assert found["image"].dtype == np.float32
    np.testing.assert_allclose(found["image"], DIGITS[[4, 1, 2]] / 255, rtol=1e-6)


def test_large_images_become_smaller() -> None:
    found = inspection.mistakes(OUTPUTS, np.random.default_rng(1).normal(size=(5, 300, 200, 3)), TRUE)
    assert found["image"].shape == (3, 100, 67, 3)


@pytest.mark.parametrize("x", [np.zeros((5, 20, 4)), np.zeros((5, 9, 9, 2)), [DIGITS, DIGITS], {"digits": DIGITS}])
def test_other_inputs_are_no_images(x: object) -> None:
    assert "image" not in inspection.mistakes(OUTPUTS, x, TRUE)


def test_a_regression_makes_no_mistakes() -> None:
    found = inspection.mistakes(np.array([[0.9], [0.2]]), np.zeros((2, 4)), np.array([1.1, 0.3]))
    assert (bool(found["classified"]), int(found["count"]), len(found["index"])) == (False, 0, 0)


def test_the_file_has_no_time_in_it(tmp_path: Path) -> None:
    found = inspection.mistakes(OUTPUTS, DIGITS, TRUE)
    inspection.write(tmp_path / "mistakes.npz", found)
    with zipfile.ZipFile(tmp_path / "mistakes.npz") as file:
        assert {entry.date_time for entry in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(tmp_path / "mistakes.npz", allow_pickle=False) as file:
        assert {name: file[name].tolist() for name in file} == {name: array.tolist() for name, array in found.items()}


@pytest.mark.slow
def test_layers_are_told_by_keras() -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="only")])
    found = inspection.layers(model)
    assert "only (Dense)" in found
    assert "Total params: 8" in found
    assert "\x1b" not in found
    assert inspection.layers(None) == "There is no final model, and so it has no layers.\n"
