import hashlib
import random
import sys

import numpy as np
import pytest
from snakeras.core import seeds


def test_a_seed_is_the_documented_digest() -> None:
    assert seeds.of_trial(1337, 3) == int(hashlib.sha256(b"1337/trial/3").hexdigest()[:8], 16)


def test_no_two_purposes_share_a_seed() -> None:
    found = [seeds.of_trial(1337, trial) for trial in range(1000)]
    found += [seeds.of_data(1337), seeds.of_subset(1337), seeds.of_split(1337), seeds.of_trial(1338, 0)]
    assert len(set(found)) == len(found)


@pytest.mark.slow
def test_python_numpy_and_keras_are_seeded() -> None:
    import keras

    def draws(seed: int) -> tuple:
        seeds.seed_everything(seed)
        return random.random(), np.random.rand(), float(keras.random.uniform(()))

    assert draws(1) == draws(1)
    assert all(a != b for a, b in zip(draws(1), draws(2), strict=True))


@pytest.mark.slow
def test_without_keras_python_and_numpy_draw_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def draws() -> tuple:
        return random.random(), np.random.rand(3).tolist()

    keras.utils.set_random_seed(2**32 - 1)
    expected = draws()
    monkeypatch.delitem(sys.modules, "keras")
    seeds.seed_everything(2**32 - 1)
    assert draws() == expected
