"""A very small network, for tests that really train."""

from hyperas.distributions import choice, quniform, uniform
from hyperopt import STATUS_OK


def data():
    import numpy as np

    with np.load("digits.npz") as arrays:
        x_train, y_train, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    return x_train, y_train, x_test, y_test


def model(x_train, y_train, x_test, y_test):
    from tensorflow import keras

    network = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(int({{quniform(8, 32, 4)}}), activation={{choice(["relu", "tanh"])}}),
            keras.layers.Dropout({{uniform(0, 0.5)}}),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    network.fit(x_train, y_train, batch_size=20, epochs=2, validation_data=(x_test, y_test))
    loss, accuracy = network.evaluate(x_test, y_test, verbose=0)
    return {"loss": -accuracy, "status": STATUS_OK}
