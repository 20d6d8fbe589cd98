import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from snakeras.final import estimators, final_model, held_out

X = np.array([[0.0, 1.0], [0.2, 0.9], [2.0, 0.1], [2.1, 0.0], [4.0, 5.0], [4.2, 5.1]] * 3)
NUMBERS = np.array([0, 0, 1, 1, 2, 2] * 3)


def fitted_and_tested(model: BaseEstimator, y: object, x: object = X) -> tuple[dict, dict]:
    model.fit(x, y)
    return final_model.tested(model, held_out.HeldOut(x, np.asarray(y), False), None)


@pytest.mark.parametrize(
    ("names", "classes"),
    [(["a", "b", "c"], ["a", "b", "c"]), ([0, 1, 2], ["0", "1", "2"]), ([1, 5, -2], ["-2", "1", "5"])],
)
def test_a_classifier_is_tested_by_its_own_classes(names: list, classes: list[str]) -> None:
    y = np.array(names)[NUMBERS]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e6)).fit(X, y)
    wrong = y.copy()
    wrong[0] = names[1]
    metrics, mistakes = final_model.tested(model, held_out.HeldOut(X, wrong, False), None)
    assert metrics["test_accuracy"] == pytest.approx(17 / 18)
    assert metrics["test_metrics"] == {"accuracy": metrics["test_accuracy"]}
    assert metrics["classes"] == classes
    assert np.trace(metrics["confusion_matrix"]) == 17
    assert (metrics["test_loss"], metrics["parameters"], metrics["test_samples"]) == (None, None, 18)
    (row,), (true,), (predicted,) = (mistakes[key] for key in ("index", "true", "predicted"))
    assert (row, mistakes["classes"][true], mistakes["classes"][predicted]) == (0, str(names[1]), str(names[0]))
    assert 0.5 < mistakes["probability"][0] <= 1


def test_targets_may_be_a_column() -> None:
    model = LogisticRegression().fit(X, NUMBERS)
    assert final_model.tested(model, held_out.HeldOut(X, NUMBERS[:, None], False), None)[0]["test_accuracy"] == 1


def test_a_model_that_was_not_fitted_says_so() -> None:
    metrics, _ = final_model.tested(LogisticRegression(), held_out.HeldOut(X, NUMBERS, False), None)
    assert "not fitted yet" in metrics["not_tested"]


def test_a_class_that_only_the_test_has_counts_as_missed() -> None:
    model = LogisticRegression().fit(X[:4], NUMBERS[:4])
    metrics, _ = final_model.tested(model, held_out.HeldOut(X, NUMBERS, False), None)
    assert metrics["classes"] == ["0", "1", "2"]
    assert metrics["per_class_accuracy"][2] == 0


def test_without_probabilities_a_mistake_has_none() -> None:
    model = LinearSVC().fit(X, NUMBERS)
    _, mistakes = final_model.tested(model, held_out.HeldOut(X, NUMBERS[::-1], False), None)
    assert mistakes["count"] > 0
    assert np.isnan(mistakes["probability"]).all()


def test_one_hot_targets_have_an_accuracy() -> None:
    metrics, mistakes = fitted_and_tested(RandomForestClassifier(5, random_state=0), np.eye(3)[NUMBERS])
    assert metrics["test_metrics"]["accuracy"] == 1
    assert not mistakes["count"]


@pytest.mark.parametrize("model", [LinearRegression(), PLSRegression(1)])
@pytest.mark.parametrize("y", [X[:, 0] + 1, np.array([0, 0, 1, 1, 1, 1] * 3)])
def test_a_regressor_has_r2(model: BaseEstimator, y: np.ndarray) -> None:
    metrics, mistakes = fitted_and_tested(model, y)
    assert list(metrics["test_metrics"]) == ["r2"]
    assert metrics["test_metrics"]["r2"] <= 1
    assert metrics["test_accuracy"] is None and not mistakes["classified"]


def test_what_predicts_neither_is_not_tested(capsys: pytest.CaptureFixture) -> None:
    metrics, _ = fitted_and_tested(StandardScaler(), NUMBERS)
    assert "predict" in metrics["not_tested"]
    metrics, _ = fitted_and_tested(KMeans(3, n_init=1, random_state=0), NUMBERS)
    assert metrics["test_metrics"] == {}


def test_it_tells_what_it_takes_and_gives() -> None:
    model = LogisticRegression().fit(X, np.array(["a", "b", "c"])[NUMBERS])
    found = final_model.described(model, (X, NUMBERS))
    assert found["inputs"] == [{"name": "inputs", "dtype": "float64", "shape": [None, 2]}]
    assert found["outputs"] == [{"name": "outputs", "dtype": "string", "shape": [None]}]
    assert (found["example"], found["prediction"]) == ([[[0.0, 1.0]]], [["a"]])
    # Served without its columns, it could not tell them apart.
    assert estimators.described(model, pd.DataFrame(X)) is None
    assert final_model.described(model, None) is None
