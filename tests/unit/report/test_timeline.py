import datetime
from pathlib import Path

import jinja2
import pytest
from pictured import START, search
from snakeras.report import style, timeline


def trial(number: int, start: float, seconds: float, host: str = "node1", gpu: str | None = None) -> dict:
    begin = START + datetime.timedelta(seconds=start)
    return {
        "trial": number,
        "status": "completed",
        "started": begin.isoformat(timespec="milliseconds"),
        "finished": (begin + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
        "seconds": seconds,
        "host": host,
        "gpu": gpu,
    }


def numbers(trials: list[dict]) -> dict[str, list[int]]:
    return {name: [trial["trial"] for trial in lane] for name, lane in timeline.lanes(trials).items()}


def caption(figures: dict) -> str:
    text = Path("report", "timeline.rst").read_text(encoding="utf-8")
    return " ".join(jinja2.Template(text, undefined=jinja2.StrictUndefined).render(figures).split())


def test_a_host_has_as_many_lanes_as_trials_ran_there_at_once() -> None:
    trials = [trial(0, 0, 10), trial(1, 5, 10), trial(3, 20, 5), trial(2, 10, 4), trial(4, 0, 9, "node2")]
    assert numbers(trials) == {"node1 (1)": [0, 2, 3], "node1 (2)": [1], "node2": [4]}


def test_each_gpu_is_a_lane_and_shared_ones_are_several() -> None:
    trials = [trial(0, 0, 10, "b10", "1"), trial(1, 0, 10, "b9", "0"), trial(2, 20, 5, "b9", "0")]
    assert numbers(trials) == {"b9 GPU 0": [1, 2], "b10 GPU 1": [0]}
    shared = [trial(0, 0, 10, "b9", "0"), trial(1, 5, 10, "b9", "0")]
    assert numbers(shared) == {"b9 GPU 0 (1)": [0], "b9 GPU 0 (2)": [1]}


def test_domains_are_left_out_where_hosts_stay_apart() -> None:
    assert list(numbers([trial(0, 0, 1, "a.x.org"), trial(1, 0, 1, "b.x.org")])) == ["a", "b"]
    assert list(numbers([trial(0, 0, 1, "a.x.org"), trial(1, 0, 1, "a.y.org")])) == ["a.x.org", "a.y.org"]
    assert list(numbers([trial(0, 0, 1, "10.0.0.7")])) == ["10.0.0.7"]


def test_the_gain_does_not_count_pauses() -> None:
    day = 86_400
    trials = [trial(0, 0, 10), trial(1, 0, 8), trial(2, 10, 6), trial(3, 3 * day, 10), trial(4, 3 * day, 10)]
    known = timeline.figures({"trials": [*trials, trial(5, 0, 1) | {"started": None, "finished": None}]})
    assert (known["trials"], known["unknown"], known["lanes"], known["hosts"]) == (5, 1, 2, 1)
    assert (known["wall_seconds"], known["active_seconds"], known["busy_seconds"]) == (3 * day + 10, 26, 44)
    assert (known["pauses"], known["paused_seconds"]) == (1, 3 * day - 16)
    assert known["speed_up"] == pytest.approx(44 / 26)
    assert known["used"] == pytest.approx(44 / (2 * 26))
    assert "1.7 times as fast" in caption(known)
    assert "long pauses: 1" in caption(known)


def test_a_short_pause_stays() -> None:
    known = timeline.figures({"trials": [trial(0, 0, 10), trial(1, 45, 10)]})
    assert (known["pauses"], known["wall_seconds"], known["speed_up"]) == (0, 55, 1)
    assert known["used"] == pytest.approx(20 / 55)
    assert timeline.title(known["speed_up"]) == "One trial at a time"
    assert "one at a time" in caption(known)


def test_a_search_resumed_after_days_is_drawn_as_long_as_it_ran() -> None:
    trials = [trial(number, 60 * number + (3 * 86_400 if number > 4 else 0), 60) for number in range(10)]
    axes = timeline.timeline({"trials": trials}).figure.axes[0]
    assert axes.get_xlim()[1] == pytest.approx(10, rel=0.02)
    assert axes.get_xlabel() == "Minutes since the first trial started (pauses left out)"
    texts = [text.get_text() for text in axes.texts]
    assert sum(text.startswith("pause: ") for text in texts) == 1
    assert [text for text in texts if text.isdecimal()] == [str(number) for number in range(10)]


@pytest.mark.parametrize(
    "found",
    [search(), search(3), search(1), search(1000), search(3, failed=1.0)],
    ids=["usual", "three", "one", "thousand", "all failed"],
)
def test_each_search_is_drawn_and_told_of(found: dict, tmp_path: Path) -> None:
    drawn = timeline.timeline(found)
    style.save(drawn.figure, tmp_path / "a.svg", tmp_path / "a.png")
    assert (tmp_path / "a.svg").stat().st_size < 1_000_000
    bars = sum(len(bars.get_paths()) for bars in drawn.figure.axes[0].collections)
    assert bars == drawn.figures["trials"] == len(found["trials"])
    assert caption(drawn.figures).endswith(".")


def test_where_no_time_is_known_it_says_so() -> None:
    drawn = timeline.timeline({"trials": [trial(0, 0, 1) | {"started": None, "finished": None, "seconds": None}]})
    assert "nothing to draw" in drawn.figure.texts[0].get_text()
    assert caption(drawn.figures) == "When and where the trials ran is not known."
