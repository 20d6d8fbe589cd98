"""The figures of the final model's test, for people."""

import math


def named(metrics: dict) -> dict[str, float]:
    """Return the metrics that the model was compiled with, by their names, of ``metrics.json``.

    Those without a value are left out, and the one that ``test_accuracy`` tells already.
    """
    values = {name: value for name, value in metrics.get("test_metrics", {}).items() if value is not None}
    accuracy = metrics["test_accuracy"]
    # Keras computes in single precision.
    return {
        name: value
        for name, value in values.items()
        if accuracy is None or not math.isclose(value, accuracy, abs_tol=1e-5)
    }
