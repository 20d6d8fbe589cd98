import numpy as np
from hyperas.distributions import quniform
from sklearn.ensemble import RandomForestClassifier


def data():
    x = np.random.rand(90, 3)
    y = np.where(x[:, 0] + 0.2 * np.random.rand(90) > 0.6, "high", "low")
    return x[:60], y[:60], x[60:], y[60:]


def forest(x_train, y_train, x_test, y_test):
    model = RandomForestClassifier(int({{quniform(3, 9, 2)}}), random_state=1)
    model.fit(x_train, y_train)
    return {"loss": -model.score(x_test, y_test), "model": model}
