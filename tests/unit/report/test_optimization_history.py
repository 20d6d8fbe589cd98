import math
from pathlib import Path

import jinja2
import pytest
from pictured import search, without_accuracy
from snakeras.report import optimization_history, style

CASES = {
    "usual": search(),
    "three": search(3),
    "one": search(1, failed=0, pruned=0),
    "all failed": search(3, failed=1.0),
    "all pruned": search(8, failed=0, pruned=1.0) | {"best": 2},
    "loss": without_accuracy(search()),
}


def trial(number: int, value: float | None, status: str = "completed") -> dict:
    return {"trial": number, "status": status, "value": value, "loss": None if value is None else -value}


def caption(name: str, figures: dict) -> str:
    text = Path("report", f"{name}.rst").read_text(encoding="utf-8")
    return " ".join(jinja2.Template(text, undefined=jinja2.StrictUndefined).render(figures).split())


def saved_size(picture: style.Picture, folder: Path) -> int:
    style.save(picture.figure, folder / "a.svg", folder / "a.png")
    return (folder / "a.svg").stat().st_size


def texts(figure: object) -> list[str]:
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return labels + [text.get_text() for text in (*figure.texts, *(t for axes in figure.axes for t in axes.texts))]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("picture", ["validation", "curves"])
def test_each_search_is_drawn_and_told_of(picture: str, name: str, tmp_path: Path) -> None:
    drawn = getattr(optimization_history, picture)(CASES[name])
    assert saved_size(drawn, tmp_path) < 200_000
    assert caption(picture, drawn.figures).endswith(".")
    nothing = any("nothing to draw" in " ".join(text.split()) for text in texts(drawn.figure))
    assert nothing == (drawn.figures["drawn"] == 0)


def test_the_best_so_far_is_of_completed_trials() -> None:
    trials = [trial(0, 0.9, "pruned"), trial(1, 0.5), trial(2, None, "failed"), trial(3, 0.5), trial(4, 0.7)]
    assert optimization_history.best_so_far(trials) == [(1, 0.5), (4, 0.7)]
    assert optimization_history.best_so_far([trials[0], trials[2], trial(5, 0.95, "pruned")]) == [(0, 0.9), (5, 0.95)]
    assert optimization_history.best_so_far([trials[2]]) == []


def test_an_outlier_does_not_flatten_the_rest() -> None:
    losses = [0.1, 0.3, 0.2, 1e6, 0.5, 0.4]
    assert optimization_history.limits(losses, "lower") == (0.5, 0.1)
    assert optimization_history.limits([0.2, 0.1, 1e6], "lower") == (0.2, 0.1)
    assert optimization_history.limits([-value for value in losses], "higher") == (-0.5, -0.1)


def test_what_is_ordinary_is_shown_whole() -> None:
    assert optimization_history.limits([0.95, 0.97, 0.99, 0.8], "higher") == (0.8, 0.99)
    assert optimization_history.limits([1.0, 1.0, 1.0, 1.0, 0.1], "higher") == (0.1, 1.0)
    assert optimization_history.limits([0.5], "lower") == (0.5, 0.5)


def test_outliers_are_counted_in_picture_and_caption() -> None:
    found = without_accuracy(search())
    worst = next(trial for trial in found["trials"] if trial["status"] == "completed")
    worst |= {"value": 1e6, "loss": 1e6}
    drawn = optimization_history.validation(found)
    assert drawn.figures["outside"] == 1
    assert drawn.figure.axes[0].get_ylim()[1] < 0
    assert any(text.startswith("above -0.") and text.endswith("(1)") for text in texts(drawn.figure))
    assert "(1 of 94)" in caption("validation", drawn.figures)


@pytest.mark.parametrize(
    ("algo", "startup", "parallelism", "begin"),
    [("tpe", 5, 4, 5), ("tpe", 1, 4, 4), ("hyperopt.tpe.suggest", 5, 1, 5), ("rand", 5, 1, None), ("tpe", 20, 1, None)],
)
def test_where_tpe_begins(algo: str, startup: int, parallelism: int, begin: int | None) -> None:
    settings = {"algo": algo, "startup_trials": startup, "parallelism": parallelism}
    assert optimization_history.tpe_begins(settings, 20) == begin


def test_the_best_trial_is_named() -> None:
    found = search()
    value = f"{found['trials'][found['best']]['value']:.4f}"
    assert f"trial {found['best']}: {value}" in texts(optimization_history.validation(found).figure)
    assert f"best: trial {found['best']} ({value})" in texts(optimization_history.curves(found).figure)


def test_a_thousand_long_curves_stay_a_small_file(tmp_path: Path) -> None:
    found = search(1000)
    for trial in found["trials"]:
        trial["curve"] = [value for value in trial["curve"] for _ in range(10)]
    assert saved_size(optimization_history.curves(found), tmp_path) < 1_000_000


def test_a_curve_may_have_gaps_and_leave_the_picture(tmp_path: Path) -> None:
    found = search(20, failed=0, pruned=0)
    found["objective"] = {"key": "loss", "label": "Loss", "better": "lower"}
    for trial in found["trials"]:
        trial["curve"] = [1 - value for value in trial["curve"]]
    diverged = next(trial for trial in found["trials"] if trial["trial"] != found["best"])
    diverged["curve"] = [0.5, None, 1e9, None]
    found["trials"][found["best"]]["curve"][-1] = None
    drawn = optimization_history.curves(found)
    saved_size(drawn, tmp_path)
    axes = drawn.figure.axes[0]
    assert (axes.get_ylabel(), drawn.figures["outside"]) == ("Validation loss", 1)
    assert axes.get_ylim()[1] < 1


def test_curves_of_one_epoch_are_points_beside_each_other() -> None:
    found = search(10, failed=0, pruned=0)
    for trial in found["trials"]:
        trial["curve"] = trial["curve"][:1]
    lines = [line for line in optimization_history.curves(found).figure.axes[0].lines if len(line.get_xdata())]
    places = [x for line in lines for x in line.get_xdata()]
    assert len(set(places)) == 10
    assert not any(math.isnan(x) for x in places)
    assert all(line.get_linestyle() == "None" for line in lines)
