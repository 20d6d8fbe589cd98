"""The searches that libraries are compared on: search space, model, and the one way in which all train it.

A Hyperas file gets a copy of this module and of ``trace`` beside it, so it imports nothing else of ours.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compared import trace

if TYPE_CHECKING:
    import keras

PARTS = ("train", "validation", "test")
AfterEpoch = Callable[[int, float], None]


@dataclass(frozen=True)
class Number:
    """A number between two others: in steps, or with equal weight for equal ratios."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @property
    def values(self) -> list:
        """Return its steps, whole where the step is."""
        count = round((self.high - self.low) / self.step) + 1
        return [self.low + place * self.step for place in range(count)]


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: list


def digits(hp: dict) -> "keras.Model":
    """Return the tutorial's network as its script has it, ``int`` around two of its dropouts and all."""
    import keras

    model = keras.models.Sequential()
    model.add(keras.layers.Input((28, 28, 1)))
    model.add(keras.layers.Conv2D(int(hp["f1"]), int(hp["k1"]), activation="relu", padding="same"))
    model.add(keras.layers.MaxPooling2D(pool_size=2))
    model.add(keras.layers.Dropout(hp["d1"]))
    model.add(keras.layers.Conv2D(int(hp["f2"]), int(hp["k2"]), activation="relu"))
    model.add(keras.layers.MaxPooling2D(pool_size=2))
    model.add(keras.layers.Dropout(int(hp["d2"])))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(int(hp["dense"])))
    model.add(keras.layers.Dropout(int(hp["d3"])))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(optimizer=keras.optimizers.Adam(), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


DIGITS = {
    "f1": Number(8, 64, 4),
    "k1": Number(3, 10, 1),
    "d1": Number(0, 1),
    "f2": Number(8, 128, 4),
    "k2": Number(3, 10, 1),
    "d2": Number(0, 1),
    "dense": Number(8, 128, 4),
    "d3": Number(0, 1),
    "batch_size": Number(10, 1000, 10),
}


def text(hp: dict) -> "keras.Model":
    """Return a classifier of word numbers with an embedding and a GRU."""
    import keras

    gru = keras.layers.GRU(int(hp["units"]))
    layers = [
        keras.layers.Input((WORDS,)),
        keras.layers.Embedding(VOCABULARY, int(hp["embedding"])),
        keras.layers.Bidirectional(gru) if hp["direction"] == "both" else gru,
        keras.layers.Dropout(hp["dropout"]),
        keras.layers.Dense(TOPICS, activation="softmax"),
    ]
    model = keras.models.Sequential(layers)
    rate = keras.optimizers.Adam(float(hp["rate"]))
    model.compile(optimizer=rate, loss="categorical_crossentropy", metrics=["accuracy"])
    return model


WORDS, VOCABULARY, TOPICS, KEYWORDS = 24, 2000, 4, 40
TEXT = {
    "embedding": Number(8, 64, 8),
    "units": Number(8, 64, 8),
    "direction": Choice(["forward", "both"]),
    "dropout": Number(0, 0.7),
    "rate": Number(1e-4, 1e-1, log=True),
    "batch_size": Choice([16, 32, 64, 128]),
}


def table(hp: dict) -> "keras.Model":
    """Return a regression of eight columns with one to three hidden layers."""
    import keras

    model = keras.models.Sequential([keras.layers.Input((8,))])
    for _ in range(int(hp["layers"])):
        model.add(keras.layers.Dense(int(hp["units"]), activation=hp["activation"]))
        model.add(keras.layers.Dropout(hp["dropout"]))
    model.add(keras.layers.Dense(1))
    model.compile(optimizer=keras.optimizers.Adam(float(hp["rate"])), loss="mse")
    return model


TABLE = {
    "layers": Choice([1, 2, 3]),
    "units": Number(8, 128, 8),
    "activation": Choice(["relu", "tanh", "elu"]),
    "dropout": Number(0, 0.5),
    "rate": Number(1e-4, 1e-1, log=True),
    "batch_size": Choice([16, 32, 64, 128, 256]),
}


@dataclass(frozen=True)
class Task:
    """One search that all libraries run."""

    title: str
    build: Callable[[dict], "keras.Model"]  # a compiled model by hyperparameters
    space: dict[str, Number | Choice]
    metric: str = "val_accuracy"
    mode: str = "max"
    epochs: int = 8
    seeds: int = 5
    full: bool = False  # too long for all libraries

    def loss(self, score: float) -> float:
        """Return a score as a number that is better when lower."""
        return -score if self.mode == "max" else score


TASKS = {
    "digits": Task("The tutorial, 5,000 digits", digits, DIGITS),
    "text": Task("Text, embedding and GRU", text, TEXT),
    "table": Task("Regression on a table", table, TABLE, metric="val_loss", mode="min"),
    "mnist": Task("The tutorial, all of MNIST", digits, DIGITS, epochs=5, seeds=2, full=True),
}


def arrays(folder: str | Path, *parts: str) -> list[np.ndarray]:
    """Return inputs and targets of each part, as memory maps."""
    return [np.load(Path(folder, f"{name}_{part}.npy"), mmap_mode="r") for part in parts for name in "xy"]


def traced(task: Task, hp: dict, after_epoch: AfterEpoch | None = None) -> "keras.callbacks.Callback":
    """Return a callback that notes each epoch's score, then hands its number (from 1) and loss to ``after_epoch``.

    It has a clock too: ``called``, when this function was called, and ``begun``, when the fit began (seconds since the
    epoch); ``epochs``, the seconds that each epoch trained; ``validation``, the seconds of all validation.
    """
    import keras

    fit, clock = trace.new_fit(), {"called": time.time(), "epochs": [], "validation": 0.0}

    # Nothing here acts between two batches: Keras may then do several at once.
    class Traced(keras.callbacks.Callback):
        def on_train_begin(self, logs: dict | None = None) -> None:
            clock["begun"] = self.since = time.time()

        def on_test_begin(self, logs: dict | None = None) -> None:
            clock["epochs"].append(time.time() - self.since)
            self.since = time.time()

        def on_test_end(self, logs: dict | None = None) -> None:
            clock["validation"] += time.time() - self.since
            self.since = time.time()

        def on_epoch_end(self, epoch: int, logs: dict) -> None:
            # A fit that goes on from another one's end counts its own epochs.
            self.trained = getattr(self, "trained", 0) + 1
            score = float(logs[task.metric])
            trace.note(hp, fit, self.trained, score, clock)
            if after_epoch:
                after_epoch(epoch + 1, task.loss(score))

    return Traced()


def trained(task: Task, hp: dict, data: list, epochs: int, after_epoch: AfterEpoch | None = None) -> dict:
    """Train a model, and return hyperopt's result: its loss is the validation score after the last epoch."""
    x, y, *validation = data
    follow = traced(task, hp, after_epoch)
    history = task.build(hp).fit(
        x,
        y,
        epochs=epochs,
        batch_size=int(hp["batch_size"]),
        validation_data=tuple(validation),
        callbacks=[follow],
        verbose=0,
    )
    return {"loss": task.loss(history.history[task.metric][-1]), "status": "ok"}


def tested(task: Task, hp: dict, folder: Path, epochs: int) -> float:
    """Train with these hyperparameters on training and validation data; return the score on the test data."""
    x, y, x_validation, y_validation, x_test, y_test = arrays(folder, *PARTS)
    model = task.build(hp)
    x, y = np.concatenate([x, x_validation]), np.concatenate([y, y_validation])
    model.fit(x, y, epochs=epochs, batch_size=int(hp["batch_size"]), verbose=0)
    return float(model.evaluate(x_test, y_test, verbose=0, return_dict=True)[task.metric.removeprefix("val_")])
