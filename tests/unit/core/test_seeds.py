import hashlib

from hypothesis import given
from hypothesis import strategies as st
from snakeras.core import seeds


@given(st.integers(0, 2**32 - 1), st.integers(0, 10**6))
def test_seeds_are_32_bits_and_the_documented_digest(seed: int, trial: int) -> None:
    found = seeds.of_trial(seed, trial)
    assert found == int(hashlib.sha256(f"{seed}/trial/{trial}".encode()).hexdigest()[:8], 16)
    assert 0 <= found < 2**32


def test_no_two_purposes_share_a_seed() -> None:
    found = [seeds.of_trial(1337, trial) for trial in range(1000)]
    found += [seeds.of_data(1337), seeds.of_subset(1337), seeds.of_split(1337), seeds.of_trial(1338, 0)]
    assert len(set(found)) == len(found)
