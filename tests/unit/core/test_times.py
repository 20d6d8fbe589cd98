import pytest
from snakeras.core import times


def test_pauses_and_overlaps_do_not_count() -> None:
    spans = [("10:00:00", "10:00:10"), ("10:00:05", "10:00:20"), ("22:00:00", "22:00:10"), ("22:00:02", "22:00:08")]
    runs = [{"started": f"2026-01-01T{a}", "finished": f"2026-01-01T{b}"} for a, b in spans]
    assert times.busy_seconds(runs) == 30


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (89, "89 s"), (200, "3 min"), (9000, "2.5 h")])
def test_durations(seconds: float, text: str) -> None:
    assert times.duration(seconds) == text
