from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from snakeras.final import inspection, retraining
from snakeras.report import captions, final_model, style
from snakeras.report.style import Picture

NONE = {"model": None, "train_on": "train", "fits": []} | retraining.UNTESTED
PARAMETERS = {"trainable": 6, "not_trainable": 0}


def confused(counts: list[list[int]]) -> dict:
    matrix = np.array(counts)
    right, rows = int(np.trace(matrix)), int(matrix.sum())
    accuracy = {"test_accuracy": right / rows, "test_accuracy_interval": retraining.wilson_interval(right, rows)}
    return NONE | {"model": "model.keras", "test_samples": rows, "confusion_matrix": counts} | accuracy


def trained(*fits: dict, train_on: str = "train") -> dict:
    told = [{"epochs": len(next(iter(metrics.values()))), "metrics": metrics} for metrics in fits]
    return NONE | {"model": "model.keras", "train_on": train_on, "fits": told}


def missed(path: Path, count: int, x: np.ndarray | None = None) -> Path:
    outputs = np.tile([0.1, 0.9], (50, 1))
    true = np.where(np.arange(50) < count, 0, 1)
    inspection.write(path, inspection.mistakes(outputs, np.zeros((50, 4)) if x is None else x, true))
    return path


def layered(inputs: dict[str, list[str]], connected: bool = True) -> dict:
    layers = [
        {"name": name, "class": "Dense", "output_shape": [None, 2], "parameters": PARAMETERS, "activation": "relu"}
        | {"inputs": sources}
        for name, sources in inputs.items()
    ]
    return {"name": "own", "class": "Functional", "parameters": PARAMETERS, "connected": connected, "layers": layers}


def chain(count: int) -> dict:
    return layered({f"layer_{number}": [f"layer_{number - 1}"] if number else [] for number in range(count)})


def words(picture: Picture) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in picture.figure.findobj(Text) if text.get_text()]


def caption(name: str, figures: dict) -> str:
    text = (ROOT / "report" / f"{name}.rst").read_text()
    return " ".join(captions.filled(text, figures).split())


@pytest.fixture(autouse=True)
def look():
    with style.style():
        yield


def test_confusion_has_a_number_in_each_cell_that_occurs() -> None:
    picture = final_model.confusion(confused([[90, 9, 1], [0, 100, 0], [3, 0, 97]]))
    said = words(picture)
    assert {"90", "9", "1", "100", "3", "97"} <= set(said)
    assert "0" not in said
    assert "95.67 % of 300 right\n95 % Wilson interval 92.73 % to 97.45 %" in said
    assert "take class 0 for 1 (9 times)" in caption("confusion", picture.figures)


def test_confusion_of_many_classes_is_without_numbers() -> None:
    picture = final_model.confusion(confused((np.eye(100, dtype=int) * 987).tolist()))
    assert "987" not in words(picture)
    assert "No row was misclassified" in caption("confusion", picture.figures)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (NONE, "trains no model to keep"),
        (NONE | {"model": "model.keras"}, "was not tested"),
        (NONE | {"model": "model.keras", "test_loss": 0.5, "test_samples": 4}, "no classifier"),
    ],
)
def test_without_classes_confusion_says_why(metrics: dict, said: str) -> None:
    picture = final_model.confusion(metrics)
    assert said in " ".join(" ".join(words(picture)).split())
    assert "no confusion matrix" in caption("confusion", picture.figures)


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (7, 7), (45, 40)])
def test_mistakes_are_images_with_what_they_were_taken_for(tmp_path: Path, count: int, shown: int) -> None:
    x = np.random.default_rng(1).uniform(size=(50, 9, 9))
    picture = final_model.mistakes(missed(tmp_path / "mistakes.npz", count, x))
    assert sum(len(axes.images) for axes in picture.figure.axes) == shown
    assert words(picture).count("true 0, predicted 1\nprobability 0.90") == shown
    told = caption("mistakes", picture.figures)
    assert f"Of the 50 rows of the test, the final model misclassified {count}." in told
    assert ("All of them are shown" in told) == (shown == count)


def test_mistakes_without_images_are_a_table(tmp_path: Path) -> None:
    said = words(final_model.mistakes(missed(tmp_path / "mistakes.npz", 3)))
    assert [said.count(text) for text in ("Test row", "0.90")] == [1, 3]


def test_no_mistakes_are_said(tmp_path: Path) -> None:
    right = final_model.mistakes(missed(tmp_path / "right.npz", 0))
    assert words(right) == ["No mistakes: all 50 test rows are classified right"]
    assert "made no mistake in the 50 rows" in caption("mistakes", right.figures)
    inspection.write(tmp_path / "none.npz", inspection.no_mistakes())
    none = final_model.mistakes(tmp_path / "none.npz")
    assert "No classes were tested" in words(none)[0]
    assert "No classes were tested" in caption("mistakes", none.figures)


def test_a_probability_is_not_rounded_to_certainty() -> None:
    assert [final_model._probability(value) for value in (0.994, 0.9951, 1.0)] == ["0.99", ">0.99", "1.00"]


def test_training_draws_the_last_fit() -> None:
    curves = {
        "loss": [2.0, 1.0, 0.5],
        "acc": [0.3, 0.6, 0.8],
        "val_loss": [1.5, None, 0.75],
        "val_acc": [0.5, 0.6, 0.7],
    }
    picture = final_model.training(trained({"loss": [9.0]}, curves, train_on="all"))
    loss, accuracy = picture.figure.axes
    assert [list(line.get_ydata()) for line in loss.lines] == [curves["loss"], [1.5, 0.75]]
    assert [list(line.get_xdata()) for line in loss.lines] == [[1, 2, 3], [1, 3]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [curves["acc"], curves["val_acc"]]
    assert "validation (also trained on)" in words(picture)
    told = caption("training", picture.figures)
    assert "in 3 epochs, in the last of 2 fits. The training loss ended at 0.5" in told
    assert "validation accuracy at 0.7" in told
    assert "part of the training data" in told


def test_training_without_validation_does_not_tell_of_it() -> None:
    picture = final_model.training(trained({"loss": [2.0]}, train_on="all"))
    assert len(picture.figure.axes) == 1
    assert "part of the training data" not in caption("training", picture.figures)


@pytest.mark.parametrize(
    ("metrics", "said"), [(NONE, "trains no model"), (trained(), "otherwise"), (trained({"loss": [None]}), "no finite")]
)
def test_without_curves_training_says_why(metrics: dict, said: str) -> None:
    picture = final_model.training(metrics)
    assert said in " ".join(" ".join(words(picture)).split())
    assert "no curves" in caption("training", picture.figures)


def test_arrows_past_boxes_do_not_run_over_each_other() -> None:
    # From 0 to 2 and 6, from 1 to 3, from 3 back to 1, from 4 to 6.
    lanes = final_model._lanes({0: [2, 6], 1: [3], 3: [1], 4: [6]})
    assert lanes == [[4, 1], [3], [0]]


def test_a_network_has_a_box_a_layer_and_an_arrow_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.patches import FancyBboxPatch

    arrows = []
    monkeypatch.setattr(final_model, "_arrow", lambda _axes, points, _colour: arrows.append(points))
    picture = final_model.network(layered({"a": [], "b": ["a"], "c": ["b", "a"], "d": ["c", "d"]}))
    boxes = picture.figure.findobj(FancyBboxPatch)
    assert len(boxes) == 4
    assert words(picture).count("output 2") == words(picture).count("Dense (relu)") == 4
    assert "6 parameters in all" in words(picture)
    assert "its 4 layers" in caption("network", picture.figures)
    # From a to b, b to c and c to d between the boxes, from a to c and d to d at their right.
    assert sorted(map(len, arrows)) == [2, 2, 2, 4, 4]
    right = max(box.get_x() + box.get_width() for box in boxes)
    assert all(right <= x < style.WIDTH for points in arrows if len(points) == 4 for x, _ in points)
    edges = {round(box.get_y() + part * box.get_height(), 6) for box in boxes for part in (0, 1)}
    assert {round(y, 6) for points in arrows if len(points) == 2 for _, y in points} <= edges


@pytest.mark.parametrize(("count", "drawn", "left_out"), [(60, 60, 0), (61, 60, 1), (300, 60, 240)])
def test_of_a_large_network_the_middle_is_left_out(count: int, drawn: int, left_out: int) -> None:
    picture = final_model.network(chain(count))
    said = words(picture)
    assert said.count("output 2") == drawn
    assert [text for text in said if "left out" in text] == (
        [f"{left_out} layer{'s' if left_out > 1 else ''} left out"] if left_out else []
    )
    assert {"layer_0", f"layer_{count - 1}"} <= set(said)
    assert ("left out in the middle" in caption("network", picture.figures)) == bool(left_out)


def test_a_model_that_tells_nothing_has_boxes_only() -> None:
    from matplotlib.patches import FancyArrowPatch

    picture = final_model.network(layered({"a": [], "b": []}, connected=False))
    assert not picture.figure.findobj(FancyArrowPatch)
    assert "there are no arrows" in caption("network", picture.figures)
    none = final_model.network(inspection.network(None))
    assert "no final model" in caption("network", none.figures)


def test_a_long_name_is_cut_to_its_room() -> None:
    name = final_model._fitted("a_very_long_name_" * 20, 2.0, 8)
    assert name.endswith("…")
    assert 1.8 < final_model._width(name, 8) <= 2.0
