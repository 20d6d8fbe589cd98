import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from snakeras.final import final_model, held_out


@pytest.mark.parametrize(("right", "n"), [(0, 10), (5, 10), (989, 1000), (10_000, 10_000)])
def test_wilson_interval_is_the_textbooks(right: int, n: int) -> None:
    z, p = 1.959963984540054, right / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert final_model.wilson_interval(right, n) == pytest.approx(
        [max(0, centre - half), min(1, centre + half)], abs=1e-12
    )


class Classifier(SimpleNamespace):
    """Stands for a Keras model that predicts what it is given."""

    calls = 0

    def predict(self, x: np.ndarray, **_: object) -> np.ndarray:
        self.calls += 1
        return x

    def evaluate(self, x: np.ndarray, y: np.ndarray, **_: object) -> dict:
        return {"loss": 0.5, "auc": 0.75, "kappa": math.nan}

    def count_params(self) -> int:
        return 42


PREDICTED = np.eye(3)[[0, 1, 1, 2, 0]]


@pytest.mark.parametrize(
    "true", [np.eye(3)[[0, 1, 2, 2, 0]], np.array([0, 1, 2, 2, 0]), np.array([[0], [1], [2], [2], [0]])]
)
def test_metrics_of_a_classifier(true: np.ndarray) -> None:
    model = Classifier()
    metrics, _ = final_model.test_metrics(model, PREDICTED, true)
    assert metrics["confusion_matrix"] == [[2, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert metrics["test_accuracy"] == 0.8
    assert metrics["per_class_accuracy"] == [1.0, 1.0, 0.5]
    assert metrics["test_accuracy_interval"] == final_model.wilson_interval(4, 5)
    assert (metrics["test_loss"], metrics["parameters"], model.calls) == (0.5, 42, 1)


def test_a_class_without_test_data_has_no_accuracy() -> None:
    metrics, _ = final_model.test_metrics(Classifier(), PREDICTED[:2], np.array([0, 1]))
    assert metrics["per_class_accuracy"] == [1.0, 1.0, None]


def test_two_classes_by_one_probability() -> None:
    metrics, _ = final_model.test_metrics(Classifier(), np.array([[0.9], [0.2], [0.6]]), np.array([1, 0, 0]))
    assert metrics["confusion_matrix"] == [[1, 1], [0, 1]]


def test_two_classes_may_be_floats() -> None:
    metrics, _ = final_model.test_metrics(Classifier(), np.array([[0.9], [0.2]]), np.array([[1.0], [1.0]]))
    assert metrics["confusion_matrix"] == [[0, 0], [1, 1]]


def test_a_regression_has_a_loss_only() -> None:
    metrics, _ = final_model.test_metrics(Classifier(), np.array([[0.9], [0.2]]), np.array([1.1, 0.3]))
    assert metrics["test_accuracy"] is metrics["confusion_matrix"] is None
    assert metrics["test_loss"] == 0.5
    assert metrics["test_metrics"] == {"auc": 0.75, "kappa": None}


class Two(Classifier):
    """Stands for a model with two outputs: three classes, and a number."""

    output_names = ("kind", "size")

    def evaluate(self, x: list, y: object, **_: object) -> dict:
        return {"loss": 0.75, "kind_loss": 0.5, "size_loss": 0.25, "kind_acc": 0.8, "size_mae": math.inf}


SIZES = np.array([[0.5], [1.5], [2.5], [0.1], [0.2]])


@pytest.mark.parametrize(
    "true", [[np.array([0, 1, 2, 2, 0]), SIZES], {"size": SIZES, "kind": np.array([0, 1, 2, 2, 0])}]
)
def test_each_of_several_outputs_is_tested(true: object) -> None:
    test = held_out.HeldOut([PREDICTED, SIZES], true, True)
    metrics, mistakes = final_model.tested(Two(), test, None)
    kind, size = metrics["outputs"]["kind"], metrics["outputs"]["size"]
    assert list(metrics["outputs"]) == ["kind", "size"]
    assert (metrics["test_loss"], metrics["test_samples"], metrics["test_accuracy"]) == (0.75, 5, None)
    assert (kind["test_loss"], kind["test_accuracy"], kind["metrics"]) == (0.5, 0.8, {"acc": 0.8})
    assert kind["confusion_matrix"] == [[2, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert (size["test_loss"], size["confusion_matrix"], size["metrics"]) == (0.25, None, {"mae": None})
    assert not mistakes["classified"]


def test_a_model_with_one_output_has_the_keys_it_had() -> None:
    metrics, _ = final_model.test_metrics(Classifier(), PREDICTED, np.array([0, 1, 2, 2, 0]))
    assert list(metrics) == list(final_model.UNTESTED)


def test_texts_that_the_model_function_was_given_are_found() -> None:
    def found(**values: object) -> object:
        loaded = SimpleNamespace(module=SimpleNamespace(**values), script=SimpleNamespace(parameters=list(values)))
        return final_model._texts(loaded, np.array(["a", "b"]))

    texts = ["one", "two"]
    assert found(x=np.ones((2, 3)), y=["a", "b"], texts=texts, more=["one"]).tolist() == texts
    assert found(texts=pd.Series(texts, index=[7, 9]), x=[[1], [2]]).tolist() == texts
    assert found(x=np.ones(2), y=np.array(["a", "b"]), n=2) is None


def test_the_mistakes_are_those_of_the_confusion_matrix() -> None:
    model = Classifier()
    metrics, mistakes = final_model.tested(model, held_out.HeldOut(PREDICTED, np.array([0, 1, 2, 2, 0]), False), None)
    assert metrics["confusion_matrix"] == [[2, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert [mistakes[name].tolist() for name in ("index", "true", "predicted")] == [[2], [2], [1]]
    assert model.calls == 1


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("its fit had no validation data", "its fit had no validation data"),
        (held_out.HeldOut(PREDICTED, np.array([0, 1, 2]), True), "could not be broadcast"),
    ],
)
def test_what_is_not_tested_has_no_mistakes_and_says_why(test: object, reason: str) -> None:
    metrics, mistakes = final_model.tested(Classifier(), test, None)
    assert metrics["test_samples"] == 0
    assert reason in metrics["not_tested"]
    assert not mistakes["classified"]


def test_a_model_that_cannot_be_described_is_kept() -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("no shape")

    assert final_model._for_pictures(broken, lambda: "nothing", 1, 2) == "nothing"
    assert final_model._for_pictures(max, lambda: "nothing", 1, 2) == 2
