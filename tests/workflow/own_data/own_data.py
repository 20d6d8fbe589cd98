"""A Hyperas file with a data function of its own, which reads by a relative path and draws without a seed."""

import numpy as np
from hyperas import optim
from hyperas.distributions import uniform
from hyperopt import STATUS_OK, Trials, tpe
from shapes import classes


def get_data():
    centres = np.loadtxt("centres.csv", delimiter=",")
    labels = np.arange(300) % 3
    points = centres[labels] + np.random.normal(size=(300, 2))
    x_train, y_train, x_test, y_test = points[:240], labels[:240], points[240:], labels[240:]
    return x_train, y_train, x_test, y_test


def classifier(x_train, y_train, x_test, y_test):
    from tensorflow import keras

    network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(classes, activation="softmax")])
    rate = {{uniform(0.01, 0.2)}}
    network.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = network.fit(x_train, y_train, epochs=3, validation_data=(x_test, y_test), verbose=0)
    return {"loss": history.history["val_loss"][-1], "status": STATUS_OK}


optim.minimize(classifier, get_data, tpe.suggest, 5, Trials())
