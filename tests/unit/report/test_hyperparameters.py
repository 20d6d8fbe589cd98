from pathlib import Path

import jinja2
import numpy as np
import pytest
from pictured import search, without_accuracy
from snakeras.report import hyperparameters, preference

CAPTION = Path(__file__).parents[3] / "report" / "hyperparameters.rst"


def caption(figures: dict) -> str:
    return jinja2.Template(CAPTION.read_text(), undefined=jinja2.StrictUndefined).render(figures)


def offsets(panel: object, marker: str) -> list[tuple[float, float]]:
    return [tuple(point) for line in panel.lines if line.get_marker() == marker for point in line.get_xydata()]


def test_every_hyperparameter_has_a_panel_with_all_its_trials() -> None:
    found = search(40)
    found["trials"][0]["hyperparameters"] = {}
    picture = hyperparameters.hyperparameters(found)
    panels = picture.figure.axes
    assert [panel.get_xlabel() for panel in panels][:2] == ["f1", "k1"]
    assert len(panels) == 9
    for name, panel in zip(found["space"], panels, strict=True):
        drawn = sum(
            len(line.get_xdata())
            for line in panel.lines
            if line.get_color() != "#24292f" and line.get_marker() != "None"
        )
        assert drawn == 39, name


def test_the_best_trial_is_ringed_where_it_lies() -> None:
    found = search(40, hyperparameters=3)
    best = next(trial for trial in found["trials"] if trial["trial"] == found["best"])
    for name, panel in zip(found["space"], hyperparameters.hyperparameters(found).figure.axes, strict=True):
        assert offsets(panel, "o")[-1] == pytest.approx((best["hyperparameters"][name], best["value"]))


def test_failed_trials_lie_below_all_others() -> None:
    panel = hyperparameters.hyperparameters(search(40, hyperparameters=1, failed=0.3)).figure.axes[0]
    failed = [height for _, height in offsets(panel, "X")]
    assert failed
    assert max(failed) < min(height for marker in "os" for _, height in offsets(panel, marker))
    assert "failed" in [label.get_text() for label in panel.get_yticklabels()]


def test_options_keep_the_order_of_the_script_and_a_logarithm_its_scale() -> None:
    panels = hyperparameters.hyperparameters(search(40)).figure.axes
    assert [label.get_text() for label in panels[8].get_xticklabels()] == ["16", "32", "64", "128"]
    assert [panel.get_xscale() for panel in panels[4:7]] == ["linear", "log", "linear"]


def test_one_value_far_out_does_not_squeeze_the_others() -> None:
    values = [float(value) for value in np.linspace(0.8, 0.9, 20)]
    assert hyperparameters.limits([*values, 50.0], best=0.8) == (0.8, 0.9)
    assert hyperparameters.limits([*values, 50.0], best=50.0) == (0.8, 50.0)
    assert hyperparameters.limits([0.5] * 5 + [0.1], best=0.5) == (0.1, 0.5)


def test_a_value_beyond_the_axis_is_marked_at_its_edge() -> None:
    found = without_accuracy(search(30, hyperparameters=1))
    other = next(trial for trial in found["trials"] if trial["value"] is not None and trial["trial"] != found["best"])
    other["value"] = 50.0
    picture = hyperparameters.hyperparameters(found)
    panel = picture.figure.axes[0]
    ((across, height),) = offsets(panel, "^")
    assert across == other["hyperparameters"]["f1"]
    assert height < panel.get_ylim()[1] < 1
    assert picture.figures["beyond"] == 1
    assert "triangle: 1." in caption(picture.figures)


def test_only_what_tpe_prefers_is_shaded() -> None:
    found = search(40)
    assert hyperparameters.hyperparameters(found).figures["shaded"] == 9
    found["search"]["algo"] = "hyperopt.tpe.suggest"
    assert hyperparameters.hyperparameters(found).figures["shaded"] == 9
    found["search"]["algo"] = "rand"
    picture = hyperparameters.hyperparameters(found)
    assert picture.figures["shaded"] == 0
    assert not any(panel.patches for panel in picture.figure.axes)
    assert "TPE" not in caption(picture.figures)


@pytest.mark.parametrize(
    ("distribution", "values", "ratio", "spans"),
    [
        ({"kind": "choice", "arguments": ["1", "2", "3"]}, [0, 1, 2], [2, 0.5, 2], [(-0.5, 0.5), (1.5, 2.5)]),
        ({"kind": "quniform", "arguments": [0, 8, 4]}, [0, 4, 8], [0.5, 2, 3], [(2, 10)]),
        ({"kind": "uniform", "arguments": [0, 4]}, [0, 1, 2, 3], [2, 2, 0.5, 2], [(0, 1.5), (2.5, 3)]),
        ({"kind": "uniform", "arguments": [0, 4]}, [0, 1, 2], [1, 0.5, 1], []),
    ],
)
def test_spans_end_between_values(distribution: dict, values: list, ratio: list, spans: list) -> None:
    found = preference.Preference(np.array(values, dtype=float), np.array(ratio, dtype=float))
    assert list(hyperparameters.spans(found, distribution)) == spans


def test_long_texts_keep_both_ends() -> None:
    assert hyperparameters.short("a_long_name_1", 13) == "a_long_name_1"
    assert hyperparameters.short("a_very_long_name_1", 9) == "a_ve…me_1"


@pytest.mark.parametrize(
    "found",
    [
        search(20, failed=1.0),
        search(1),
        search(1, hyperparameters=0),
        search(3),
        without_accuracy(search(30, pruned=1.0)),
    ],
)
def test_there_is_a_picture_and_a_caption_of_every_search(found: dict) -> None:
    picture = hyperparameters.hyperparameters(found)
    picture.figure.draw_without_rendering()
    assert caption(picture.figures).strip()


def test_what_is_unknown_or_odd_is_drawn_too() -> None:
    found = search(12, hyperparameters=2)
    found["space"] = {"unknown": None, "never": None, "steps": {"kind": "qloguniform", "arguments": [0, 4, 4]}}
    for trial in found["trials"]:
        trial["hyperparameters"] = {"unknown": trial["trial"] % 2 == 0, "steps": 4.0 * (trial["trial"] % 3)}
    picture = hyperparameters.hyperparameters(found)
    picture.figure.draw_without_rendering()
    first, never, steps = picture.figure.axes
    assert [label.get_text() for label in first.get_xticklabels()] == ["False", "True"]
    assert [text.get_text() for text in never.texts] == ["no values"]
    assert steps.get_xscale() == "symlog"
