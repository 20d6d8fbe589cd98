"""A Hyperas file whose trials differ in how well they learn, and some of which cannot be built."""

import numpy as np
from hyperas.distributions import choice, loguniform
from hyperopt import STATUS_OK


def data():
    rng = np.random.RandomState(0)
    x = rng.normal(size=(400, 6))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    x_train, y_train, x_test, y_test = x[:300], y[:300], x[300:], y[300:]
    return x_train, y_train, x_test, y_test


def model(x_train, y_train, x_test, y_test):
    from tensorflow import keras

    network = keras.Sequential()
    network.add(keras.layers.Input((6,)))
    network.add(keras.layers.Dense({{choice([8, 16, 32, -1])}}, activation="relu"))
    network.add(keras.layers.Dense(1, activation="sigmoid"))
    network.compile(keras.optimizers.Adam({{loguniform(-7, -2)}}), "binary_crossentropy", metrics=["accuracy"])
    history = network.fit(x_train, y_train, epochs=4, validation_data=(x_test, y_test), verbose=0)
    print("the model function goes on after fit")
    return {"loss": -max(history.history["val_accuracy"]), "status": STATUS_OK}
