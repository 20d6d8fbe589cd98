import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.data import arrays

labels = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(np.array)


@given(labels, st.data())
def test_a_stratified_choice_has_every_class_in_proportion(y: np.ndarray, data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(y)))
    chosen = arrays.stratified_choice(y, n, seed=1)
    assert len(np.unique(chosen)) == len(chosen) == n
    assert list(chosen) == sorted(chosen)
    for label in np.unique(y):
        exact = np.sum(y == label) * n / len(y)
        assert abs(np.sum(y[chosen] == label) - exact) < 1


def test_a_choice_depends_on_its_seed_alone() -> None:
    y = np.arange(100) % 7
    first, again, other = (arrays.stratified_choice(y, 30, seed) for seed in (1, 1, 2))
    assert list(first) == list(again) != list(other)


def test_labels_are_known_for_classes_and_not_for_numbers() -> None:
    expected = [2, 0, 1]
    for y in (np.array(expected), np.array(expected)[:, None], np.array([2.0, 0.0, 1.0]), np.eye(3)[expected]):
        assert list(arrays.labels_of(y)) == expected
    for y in (np.array([0.5, 1.2]), np.ones((3, 3)), np.zeros((2, 4, 4))):
        assert arrays.labels_of(y) is None


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, dict]:
    content = {"x_train": np.arange(600, dtype=np.float32).reshape(3, -1), "y_train": np.eye(3, dtype=np.float32)}
    entries = arrays.write(tmp_path / "arrays", content)
    files.write_json(tmp_path / "manifest.json", {"folder": "arrays", "arrays": entries})
    return tmp_path / "manifest.json", content


def read(made: tuple[Path, dict], remade: dict | None = None) -> tuple[dict, str]:
    terminal = io.StringIO()
    calls = []

    def remake() -> dict:
        calls.append(1)
        return remade or made[1]

    found, _ = arrays.read(made[0], made[1], remake, terminal)
    assert len(calls) == bool(terminal.getvalue())
    return found, terminal.getvalue()


def test_arrays_are_mapped_read_only(made: tuple) -> None:
    found, said = read(made)
    assert said == ""
    for name, array in found.items():
        assert isinstance(array, np.memmap)
        np.testing.assert_array_equal(array, made[1][name])
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def altered(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [missing, truncated, altered])
def test_a_broken_array_is_named_and_made_again_in_place(made: tuple, damage: object) -> None:
    path = made[0].parent / "arrays" / "x_train.npy"
    whole = path.read_bytes()
    damage(path)
    found, said = read(made)
    assert str(path) in said
    assert "y_train" not in said
    assert path.read_bytes() == whole
    np.testing.assert_array_equal(found["x_train"], made[1]["x_train"])


def test_a_lost_folder_is_made_again(made: tuple) -> None:
    shutil.rmtree(made[0].parent / "arrays")
    found, said = read(made)
    assert said.count("is missing") == 2
    np.testing.assert_array_equal(found["y_train"], made[1]["y_train"])


def test_a_source_that_changed_is_an_error(made: tuple) -> None:
    (made[0].parent / "arrays" / "x_train.npy").unlink()
    with pytest.raises(UserError, match="also after making it again"):
        read(made, remade=made[1] | {"x_train": np.zeros((3, 200), np.float32)})
