"""The test of a scikit-learn estimator, in the terms in which a Keras model is tested."""

import numpy as np

from snakeras.core.errors import flat
from snakeras.search import trial_records


class Tested:
    """An estimator with the methods of a Keras model that a test needs.

    ``classes`` are those of a classifier (None where they are not known), and ``targets`` has their numbers.

    Args:
        y: Targets of the test. A classifier's may be numbers or texts, in one column or one-hot.
    """

    def __init__(self, model: object, y: object) -> None:
        from sklearn.base import is_classifier, is_regressor

        self._model = model
        self._score = "accuracy" if is_classifier(model) else "r2" if is_regressor(model) else None
        self._y = y
        self.targets, self.classes = np.asarray(y), None
        # Of a classifier for one-hot targets, classes_ is a list of what each column can be.
        if self._score == "accuracy" and self.targets.size == len(self.targets) and hasattr(model, "classes_"):
            labels = self.targets.ravel()
            self.classes = np.unique([*model.classes_, *labels])
            self.targets = np.searchsorted(self.classes, labels)

    def evaluate(self, x: object, _y: object, **_options: object) -> dict[str, float]:
        """Return the estimator's score by the name of what it is; empty where it is not known what it is."""
        return {self._score: float(self._model.score(x, self._y))} if self._score else {}

    def predict(self, x: object, **_options: object) -> np.ndarray:
        """Return what it predicts, shape (n,) or (n, columns).

        Of a classifier by classes, shape (n, classes), that is the probability of the predicted class (NaN where the
        estimator knows none), and 0 for the others.
        """
        predicted = np.asarray(self._model.predict(x))
        if self.classes is None:
            return predicted
        numbers = np.searchsorted(self.classes, predicted)
        rows = np.arange(len(numbers))
        outputs = np.zeros((len(numbers), len(self.classes)))
        outputs[rows, numbers] = np.nan
        if hasattr(self._model, "predict_proba"):
            columns = np.searchsorted(self._model.classes_, predicted)
            outputs[rows, numbers] = np.asarray(self._model.predict_proba(x))[rows, columns]
        return outputs


def described(model: object, x: object) -> dict | None:
    """Return what an estimator takes and gives, as ``final_model.described``; None where it takes no plain array."""
    try:
        row = np.asarray(x)[:1]
        predicted = np.asarray(model.predict(row))
        forms = [
            {
                "name": name,
                "dtype": "string" if array.dtype.kind in "OUS" else array.dtype.name,
                "shape": [None, *array.shape[1:]],
            }
            for name, array in (("inputs", row), ("outputs", predicted))
        ]
        if row.dtype.kind not in "biuf" or hasattr(x, "columns"):
            return None
        values = {
            "example": [trial_records.encode(row.tolist())],
            "prediction": [trial_records.encode(predicted.tolist())],
        }
        return {"inputs": forms[:1], "outputs": forms[1:]} | values
    # An estimator of the script's own may do anything.
    except Exception as error:
        print(f"no example: {flat(error)}")
        return None
