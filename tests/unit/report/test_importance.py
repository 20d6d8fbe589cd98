from pathlib import Path

import jinja2
import numpy as np
import pytest
from pictured import search, without_accuracy
from snakeras.report import importance

CAPTION = Path(__file__).parents[3] / "report" / "importance.rst"


def caption(figures: dict) -> str:
    return jinja2.Template(CAPTION.read_text(), undefined=jinja2.StrictUndefined).render(figures)


def test_what_the_objective_depends_on_is_the_most_important() -> None:
    found = importance.importances(search(100))
    shares = found["importances"]
    assert sorted(shares, key=shares.get)[:-3:-1] == ["d1", "f1"]
    assert sum(shares.values()) == pytest.approx(1)
    assert (found["reliable"], found["warning"], found["pruned"]) == (True, None, 0)


def test_options_and_logarithms_are_seen() -> None:
    found = search(60, failed=0, pruned=0)
    rng = np.random.default_rng(0)
    for trial in found["trials"]:
        point = trial["hyperparameters"]
        trial["value"] = (point["optimizer"] == "rmsprop") + 0.2 * np.log(point["learning_rate"]) + 0.01 * rng.normal()
    shares = importance.importances(found)["importances"]
    assert set(sorted(shares, key=shares.get)[-2:]) == {"optimizer", "learning_rate"}


def test_pruned_trials_are_taken_only_where_they_are_the_most() -> None:
    few, many = (importance.importances(search(60, hyperparameters=3, pruned=pruned)) for pruned in (0.3, 0.8))
    assert few["pruned"] == 0
    assert 0 < many["pruned"] < many["trials"]


def test_a_missing_value_lies_below_all_others() -> None:
    found = search(4, hyperparameters=6, failed=0)
    for name in ("d1", "optimizer", "learning_rate"):
        del found["trials"][2]["hyperparameters"][name]
    table = importance.table(found, [3, 2, 1, 0])
    assert table.shape == (4, 6)
    for column in (2, 4, 5):
        assert table[1, column] < min(table[[0, 2, 3], column]) - 0.5
    assert table[0, 5] == pytest.approx(np.log(found["trials"][3]["hyperparameters"]["learning_rate"]))


def test_too_little_to_go_by_is_said() -> None:
    few = importance.importances(search(30, failed=0, pruned=0))
    assert (few["reliable"], few["warning"]) == (
        False,
        "Not reliable: 30 trials for 9 hyperparameters, at least 45 are needed.",
    )
    random = search(40, hyperparameters=3, failed=0, pruned=0)
    rng = np.random.default_rng(0)
    for trial in random["trials"]:
        trial["value"] = float(rng.normal())
    found = importance.importances(random)
    assert found["r2"] < 0.2
    assert not found["reliable"]
    assert "explains little" in found["warning"]


def test_nothing_is_said_where_nothing_can_be() -> None:
    assert importance.importances(search(2, failed=0))["importances"] is None
    same = search(10, hyperparameters=2, failed=0)
    same["trials"] = [trial | {"value": 0.5} for trial in same["trials"]]
    found = importance.importances(same)
    assert (found["importances"], found["reliable"]) == (None, False)
    assert found["warning"] == "All 10 trials have the same validation accuracy."


def test_the_same_search_gives_the_same_importances() -> None:
    first, second = (importance.importances(search(30, hyperparameters=2)) for _ in range(2))
    assert first == second


def test_the_largest_is_on_top_and_its_value_beside_it() -> None:
    picture = importance.importance(search(100, hyperparameters=3))
    (axis,) = picture.figure.axes
    widths = [bar.get_width() for bar in axis.patches]
    assert widths == sorted(widths, reverse=True)
    assert axis.yaxis_inverted()
    assert axis.get_yticklabels()[0].get_text() == picture.figures["largest"] == "d1"
    assert axis.texts[0].get_text() == f"{100 * picture.figures['share']:.0f} %"
    assert not any(bar.get_hatch() for bar in axis.patches)
    assert "The largest is d1" in caption(picture.figures)


def test_bars_that_are_not_reliable_look_so() -> None:
    picture = importance.importance(search(10, hyperparameters=3))
    assert all(bar.get_hatch() for bar in picture.figure.axes[0].patches)
    assert "Not reliable" in picture.figure.get_suptitle()
    assert "Not reliable" in caption(picture.figures)


@pytest.mark.parametrize(
    "found", [search(20, failed=1.0), search(1), search(9, hyperparameters=0), without_accuracy(search(9, pruned=1.0))]
)
def test_there_is_a_picture_and_a_caption_of_every_search(found: dict) -> None:
    picture = importance.importance(found)
    picture.figure.draw_without_rendering()
    assert caption(picture.figures).strip()
