from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from snakeras.final import final_model, inspection
from snakeras.report import captions, final_model_pictures, style

NONE = {"model": None, "train_on": "train", "fits": []} | final_model.UNTESTED


def confused(counts: list[list[int]]) -> dict:
    matrix = np.array(counts)
    right, rows = int(np.trace(matrix)), int(matrix.sum())
    accuracy = {"test_accuracy": right / rows, "test_accuracy_interval": final_model.wilson_interval(right, rows)}
    return NONE | {"model": "model.keras", "test_samples": rows, "confusion_matrix": counts} | accuracy


def trained(*fits: dict, train_on: str = "train") -> dict:
    told = [{"epochs": len(next(iter(metrics.values()))), "metrics": metrics} for metrics in fits]
    return NONE | {"model": "model.keras", "train_on": train_on, "fits": told}


def missed(path: Path, count: int, x: np.ndarray | None = None) -> Path:
    outputs = np.tile([0.1, 0.9], (50, 1))
    true = np.where(np.arange(50) < count, 0, 1)
    inspection.write(path, inspection.mistakes(outputs, np.zeros((50, 4)) if x is None else x, true))
    return path


def words(picture: tuple) -> list[str]:
    from matplotlib.text import Text

    cells = [
        cell.get_text() for axes in picture[0].axes for table in axes.tables for cell in table.get_celld().values()
    ]
    return [text.get_text() for text in [*picture[0].findobj(Text), *cells] if text.get_text()]


def caption(name: str, figures: dict) -> str:
    text = (ROOT / "report" / f"{name}.rst").read_text()
    return " ".join(captions.filled(text, figures).split())


@pytest.fixture(autouse=True)
def look():
    with style.style():
        yield


def test_confusion_has_a_number_in_each_cell_that_occurs() -> None:
    picture = final_model_pictures.confusion(confused([[90, 9, 1], [0, 100, 0], [3, 0, 97]]))
    said = words(picture)
    assert {"90", "9", "1", "100", "3", "97"} <= set(said)
    assert "95.67 % of 300 right\n95 % Wilson interval 92.73 % to 97.45 %" in said
    assert "take class 0 for 1 (9 times)" in caption("confusion", picture[1])


def test_confusion_of_many_classes_is_without_numbers() -> None:
    picture = final_model_pictures.confusion(confused((np.eye(100, dtype=int) * 987).tolist()))
    assert "987" not in words(picture)
    assert "No row was misclassified" in caption("confusion", picture[1])


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (NONE, "trains no model to keep"),
        (NONE | {"model": "model.keras"}, "was not tested"),
        (NONE | {"model": "model.keras", "test_loss": 0.5, "test_samples": 4}, "no classifier"),
    ],
)
def test_without_classes_confusion_says_why(metrics: dict, said: str) -> None:
    picture = final_model_pictures.confusion(metrics)
    assert said in " ".join(" ".join(words(picture)).split())
    assert "no confusion matrix" in caption("confusion", picture[1])


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (7, 7), (45, 40)])
def test_mistakes_are_images_with_what_they_were_taken_for(tmp_path: Path, count: int, shown: int) -> None:
    x = np.random.default_rng(1).uniform(size=(50, 9, 9))
    picture = final_model_pictures.mistakes(missed(tmp_path / "mistakes.npz", count, x))
    assert sum(len(axes.images) for axes in picture[0].axes) == shown
    assert words(picture).count("true 0\npredicted 1\nprobability 0.90") == shown
    told = caption("mistakes", picture[1])
    assert f"Of the 50 rows of the test, the final model misclassified {count}." in told
    assert ("All of them are shown" in told) == (shown == count)


def test_mistakes_without_images_are_a_table(tmp_path: Path) -> None:
    said = words(final_model_pictures.mistakes(missed(tmp_path / "mistakes.npz", 3)))
    assert [said.count(text) for text in ("Test row", "0.90")] == [1, 3]


def test_mistakes_of_texts_show_them_with_the_names_of_the_classes(tmp_path: Path) -> None:
    path, outputs = tmp_path / "mistakes.npz", np.tile([0.1, np.nan], (2, 1))
    found = inspection.mistakes(outputs, np.array(["dull " * 40, "fine"]), np.array([0, 1]))
    inspection.write(path, found | {"classes": np.array(["bad", "good"])})
    picture = final_model_pictures.mistakes(path)
    said = words(picture)
    assert [said.count(text) for text in ("Input", "bad", "good", "unknown")] == [1, 1, 1, 1]
    assert any(text.startswith("dull dull") and len(text) < 60 for text in said)
    assert "takes no images" in caption("mistakes", picture[1])


def test_confusion_calls_the_classes_by_their_names() -> None:
    picture = final_model_pictures.confusion(confused([[5, 2], [0, 5]]) | {"classes": ["bad", "good"]})
    assert {"bad", "good"} <= set(words(picture))
    assert "take class bad for good (2 times)" in caption("confusion", picture[1])


def test_no_mistakes_are_said(tmp_path: Path) -> None:
    right = final_model_pictures.mistakes(missed(tmp_path / "right.npz", 0))
    assert words(right) == ["No mistakes: all 50 test rows are classified right"]
    assert "made no mistake in the 50 rows" in caption("mistakes", right[1])
    inspection.write(tmp_path / "none.npz", inspection.no_mistakes())
    none = final_model_pictures.mistakes(tmp_path / "none.npz")
    assert "No classes were tested" in words(none)[0]
    assert "No classes were tested" in caption("mistakes", none[1])


def test_a_probability_is_not_rounded_to_certainty() -> None:
    assert [final_model_pictures._probability(value) for value in (0.994, 0.9951, 1.0)] == ["0.99", ">0.99", "1.00"]


def test_training_draws_all_fits_after_each_other() -> None:
    curves = {
        "loss": [2.0, 1.0, 0.5],
        "acc": [0.3, 0.6, 0.8],
        "val_loss": [1.5, None, 0.75],
        "val_acc": [0.5, 0.6, 0.7],
    }
    picture = final_model_pictures.training(trained({"loss": [9.0]}, curves, train_on="all"))
    loss, accuracy = picture[0].axes
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in loss.lines if line.get_linestyle() != ":"]
    assert lines == [([1, 2, 3, 4], [9.0, *curves["loss"]]), ([2, 4], [1.5, 0.75])]
    assert [line.get_xdata()[0] for line in loss.lines if line.get_linestyle() == ":"] == [1.5]
    assert list(accuracy.lines[0].get_ydata()) == curves["acc"]
    assert "validation (also trained on)" in words(picture)
    told = caption("training", picture[1])
    assert "in 4 epochs, in 2 fits one after the other" in told
    assert "The training loss ended at 0.5" in told
    assert "validation accuracy at 0.7" in told
    assert "part of the training data" in told


def test_each_member_of_an_ensemble_has_its_own_curves() -> None:
    fits = [trained({"loss": values})["fits"] for values in ([2.0, 1.0], [1.5, 0.5])]
    metrics = NONE | {"members": [{"fits": fits[0]}, {"failure": "out of luck", "fits": []}, {"fits": fits[1]}]}
    picture = final_model_pictures.training(metrics)
    (loss,) = picture[0].axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.0, 1.0], [1.5, 0.5]]
    told = caption("training", picture[1])
    assert "the average of 2 models" in told
    assert "It learned in 2 epochs." in told
    assert "The training loss ended at 1" in told


def test_training_without_validation_does_not_tell_of_it() -> None:
    picture = final_model_pictures.training(trained({"loss": [2.0]}, train_on="all"))
    assert len(picture[0].axes) == 1
    assert "part of the training data" not in caption("training", picture[1])


@pytest.mark.parametrize(
    ("metrics", "said"), [(NONE, "trains no model"), (trained(), "otherwise"), (trained({"loss": [None]}), "no finite")]
)
def test_without_curves_training_says_why(metrics: dict, said: str) -> None:
    picture = final_model_pictures.training(metrics)
    assert said in " ".join(" ".join(words(picture)).split())
    assert "no curves" in caption("training", picture[1])
