import json
import re
from pathlib import Path

import pytest
from pictured import search, without_accuracy
from PIL import Image
from snakeras.report import parallel_coordinates


@pytest.mark.parametrize(
    ("distribution", "values", "position"),
    [
        ({"kind": "uniform", "arguments": [0, 2]}, [0.5, 1.5], 0.25),
        ({"kind": "loguniform", "arguments": [-4, 0]}, [2.718281828459045**-3], 0.25),
        ({"kind": "randint", "arguments": [5]}, [1], 0.25),
        # Rounding leads beyond the bounds.
        ({"kind": "quniform", "arguments": [0, 3, 2]}, [1, 4], 0.25),
        ({"kind": "normal", "arguments": [0, 1]}, [-1, -2, 2], 0.25),
        (None, [3, 2, 6], 0.25),
        (None, [7, 7], 0.5),
        # hyperopt rounds what is too small for a step to 0, which has no logarithm.
        ({"kind": "qloguniform", "arguments": [-9, 0, 1]}, [0.25, 0, 1], 0.25),
        (None, [True, False], 0.25),
        ({"kind": "choice", "arguments": ["'b'", "'a'"]}, ["b"], 0.25),
        ({"kind": "choice", "arguments": ["16", "None"]}, [16, None], 0.25),
        ({"kind": "choice", "arguments": ["(3, 3)", "10 ** -3"]}, ["[3, 3]", 0.001], 0.25),
        # What an expression gives is not known before.
        ({"kind": "choice", "arguments": ["8 * size"]}, [16, 32], 0.25),
    ],
)
def test_where_a_value_lies(distribution: dict | None, values: list, position: float) -> None:
    axis = parallel_coordinates.axis("x", distribution, values)
    assert axis.position(values[0]) == pytest.approx(position)


def test_one_bad_outlier_leaves_the_axis_to_the_others_but_the_best_is_always_on_it() -> None:
    values = [0.1, 0.2, 0.3, 0.4, 1e6]
    trials = [{"value": value} for value in values]
    assert parallel_coordinates.limits(trials, {"better": "lower"}) == (0.1, 0.4)
    assert parallel_coordinates.limits(trials, {"better": "higher"}) == (0.1, 1e6)
    assert parallel_coordinates.limits([{"value": 3.0}] * 4, {"better": "lower"}) == (3.0, 3.0)


def test_the_best_line_is_drawn_last() -> None:
    found = search(40)
    assert parallel_coordinates.drawn(found)[-1]["value"] == max(
        trial["value"] for trial in found["trials"] if trial["value"] is not None
    )
    losses = [trial["value"] for trial in parallel_coordinates.drawn(without_accuracy(found))]
    assert losses == sorted(losses, reverse=True)


def test_a_page_that_needs_no_network_and_pictures_of_the_same(tmp_path: Path) -> None:
    found = search(12)
    found["trials"][0] |= {"status": "completed", "value": 0.5, "hyperparameters": {"optimizer": "</script><b>"}}
    figures = parallel_coordinates.write(found, *(tmp_path / f"x.{end}" for end in ("html", "svg", "png")))
    failed = sum(trial["status"] == "failed" for trial in found["trials"])
    assert (figures["trials"], figures["drawn"], figures["failed"]) == (12, 12 - failed, failed)
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2 and "<b>" not in page
    assert not re.search(r"(src|href)=[\"']?http|cdn\.", page)
    spec = json.loads(re.search(r"^const chart = (.*);$", page, re.MULTILINE)[1])
    rows = next(rows for rows in spec["datasets"].values() if "trial" in rows[0])
    assert next(row for row in rows if row["trial"] == 0)["axis000"] is None  # not set in this trial
    assert "&lt;/script" in (tmp_path / "x.svg").read_text(encoding="utf-8")
    assert abs(Image.open(tmp_path / "x.png").width - 1400) < 3


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    found = search(5, failed=1.0)
    figures = parallel_coordinates.write(found, *(tmp_path / f"x.{end}" for end in ("html", "svg", "png")))
    assert figures["drawn"] == 0 and figures["best"] is None
    assert "nothing to draw" in (tmp_path / "x.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="no trial"):
        parallel_coordinates.chart(found)


@pytest.mark.parametrize(("trials", "hyperparameters"), [(1, 9), (6, 1), (6, 0)])
def test_few_trials_and_few_hyperparameters(tmp_path: Path, trials: int, hyperparameters: int) -> None:
    found = search(trials, hyperparameters, failed=0)
    figures = parallel_coordinates.write(found, *(tmp_path / f"x.{end}" for end in ("html", "svg", "png")))
    assert (figures["drawn"], figures["hyperparameters"]) == (trials, hyperparameters)
