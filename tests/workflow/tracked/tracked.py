"""A tiny Hyperas file that logs to MLflow itself; one of its trials fails."""

import tempfile
from pathlib import Path

import mlflow
import numpy as np
from hyperas.distributions import choice, uniform
from hyperopt import STATUS_OK
from keras import Input
from keras.layers import Dense
from keras.models import Sequential


def data():
    random = np.random.default_rng(3)
    x = random.normal(size=(480, 2)).astype("float32")
    y = np.eye(2, dtype="float32")[(x.sum(axis=1) > 0).astype(int)]
    x_train, y_train, x_test, y_test = x[:80], y[:80], x[80:], y[80:]
    return x_train, y_train, x_test, y_test


def model(x_train, y_train, x_test, y_test):
    rate = {{uniform(0, 1)}}
    units = {{choice([4, 8, 16])}}
    if rate > 0.85:
        raise ValueError("the rate is too high")
    network = Sequential([Input((2,)), Dense(units, activation="relu"), Dense(2, activation="softmax")])
    network.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
    network.optimizer.learning_rate = rate
    with mlflow.start_run(run_name="by the script"):
        mlflow.set_tag("purpose", "to be seen")
        mlflow.log_param("weights", network.count_params())
        history = network.fit(x_train, y_train, epochs=2, validation_data=(x_test, y_test), verbose=0)
        for step, loss in enumerate(history.history["loss"]):
            mlflow.log_metric("own_loss", loss, step=10 * step)
        with tempfile.TemporaryDirectory() as folder:
            note = Path(folder, "note.txt")
            note.write_text(f"{units} units")
            mlflow.log_artifact(str(note), "notes")
    return {"loss": -history.history["val_accuracy"][-1], "status": STATUS_OK, "model": network}
