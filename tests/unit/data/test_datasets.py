from pathlib import Path

import numpy as np
import pytest
from snakeras.core import files
from snakeras.data import datasets


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    datasets.prepare("mnist-5k", 0.25, 7, None, folder / "prepared", folder / "data.json")
    return folder / "data.json"


def test_arrays_have_the_promised_form(manifest: Path) -> None:
    found, digest = datasets.read(manifest, "train", "validation", "test")
    shapes = {name: array.shape for name, array in found.items()}
    assert shapes == {
        "x_train": (3000, 28, 28, 1),
        "y_train": (3000, 10),
        "x_validation": (1000, 28, 28, 1),
        "y_validation": (1000, 10),
        "x_test": (1000, 28, 28, 1),
        "y_test": (1000, 10),
    }
    for name, array in found.items():
        assert array.dtype == np.float32
        assert array.min() == 0
        assert array.max() == 1
        if name.startswith("y"):
            # The 5,000 digits have all classes equally, so that a stratified split has them too.
            assert set(array.sum(axis=0)) == {len(array) / 10}
    assert digest == files.read_json(manifest)["digest"]


def test_no_digit_is_in_two_parts(manifest: Path) -> None:
    found, _ = datasets.read(manifest, "train", "validation", "test")
    rows = np.concatenate([found[f"x_{part}"] for part in ("train", "validation", "test")]).reshape(5000, -1)
    assert len(np.unique(rows, axis=0)) == 5000


def test_the_split_depends_on_the_seed_and_the_test_set_does_not(manifest: Path) -> None:
    found, _ = datasets.read(manifest, "validation", "test")
    again, other = (datasets.make("mnist-5k", 0.25, seed, None) for seed in (7, 8))
    np.testing.assert_array_equal(again["x_validation"], found["x_validation"])
    assert not np.array_equal(other["x_validation"], found["x_validation"])
    np.testing.assert_array_equal(other["x_test"], found["x_test"])


def test_a_truncated_array_is_made_again(manifest: Path) -> None:
    path = manifest.parent / "prepared" / "y_test.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    datasets.read(manifest, "test")
    assert path.read_bytes() == whole
