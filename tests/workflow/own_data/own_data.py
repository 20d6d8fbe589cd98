"""A Hyperas file without Keras, whose data function reads by a relative path and draws without a seed."""

import numpy as np
from hyperas import optim
from hyperas.distributions import quniform
from hyperopt import STATUS_OK, Trials, tpe
from shapes import classes
from sklearn.ensemble import RandomForestClassifier


def get_data():
    centres = np.loadtxt("centres.csv", delimiter=",")
    labels = np.arange(300) % 3
    points = centres[labels] + np.random.normal(size=(300, 2))
    x_train, y_train, x_test, y_test = points[:240], labels[:240], points[240:], labels[240:]
    return x_train, y_train, x_test, y_test


def classifier(x_train, y_train, x_test, y_test):
    trees = int({{quniform(3, 9, 1)}})
    forest = RandomForestClassifier(trees, max_features=min(classes, 2))
    forest.fit(x_train, y_train)
    return {"loss": -forest.score(x_test, y_test), "status": STATUS_OK, "model": forest}


optim.minimize(classifier, get_data, tpe.suggest, 5, Trials())
