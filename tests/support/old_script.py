"""Scripts for old Keras, which the fixture ``script`` runs: it gives their names and the warnings about old ones."""

from collections.abc import Callable

import pytest

# Of all tests that run them.
MARKS = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::snakeras.model_file.keras_legacy.translation.OldName"),
]
# A network with two outputs.
TWO = """
inputs = Input((8,))
def two(**compiled):
    model = Model(inputs, [Dense(1, name="z")(inputs), Dense(3, activation="softmax", name="b")(inputs)])
    model.compile("sgd", **compiled)
    return model
y, LOSSES = np.arange(20) % 2, ["mse", "categorical_crossentropy"]
"""
Script = Callable[[str], tuple[dict, list[str]]]
