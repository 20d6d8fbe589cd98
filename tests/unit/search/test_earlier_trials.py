import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakeras.search import earlier_trials


@pytest.mark.parametrize(
    ("trial", "parallelism", "seen", "waits"),
    [
        (0, 1, [], []),
        (3, 1, [0, 1, 2], [2]),
        (3, 4, [], []),
        (4, 4, [0], [0]),
        (9, 4, [0, 1, 2, 3, 4, 5], [2, 3, 4, 5]),
    ],
)
def test_who_looks_back_on_whom(trial: int, parallelism: int, seen: list, waits: list) -> None:
    assert list(earlier_trials.visible(trial, parallelism)) == seen
    assert list(earlier_trials.direct_dependencies(trial, parallelism)) == waits


@given(st.integers(0, 300), st.integers(1, 20))
def test_waiting_for_the_named_trials_is_waiting_for_all_visible_ones(trial: int, parallelism: int) -> None:
    reached, waiting = set(), set(earlier_trials.direct_dependencies(trial, parallelism))
    while waiting:
        other = waiting.pop()
        if other not in reached:
            reached.add(other)
            waiting.update(earlier_trials.direct_dependencies(other, parallelism))
    assert reached == set(earlier_trials.visible(trial, parallelism))
