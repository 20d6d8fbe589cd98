"""The searches that libraries are compared on: data, search space, model, and the one way in which all train it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compared import trace

if TYPE_CHECKING:
    import keras

PARTS = ("train", "validation", "test")
VALIDATION = 0.1667  # config.yaml's share of the training data
Arrays = dict[str, np.ndarray]
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


def mnist(dataset: str, seed: int, raw: Path | None) -> Arrays:
    """Return the arrays of one of Snakeras's own datasets; MNIST's files are fetched into ``raw`` once."""
    from snakeras.data import datasets

    return datasets.make(dataset, VALIDATION, seed, raw)


def texts(seed: int, _raw: Path | None) -> Arrays:
    """Return texts whose topic is that of the last of their key words, one in ten of them mislabelled."""
    draws, rows = np.random.default_rng(seed), 6000
    common = 1 / np.arange(1, VOCABULARY - TOPICS * KEYWORDS + 1)
    x = TOPICS * KEYWORDS + draws.choice(len(common), (rows, WORDS), p=common / common.sum())
    topic = draws.integers(TOPICS, size=(rows, 3))
    places = np.sort(draws.permuted(np.tile(np.arange(WORDS), (rows, 1)), axis=1)[:, :3], axis=1)
    np.put_along_axis(x, places, topic * KEYWORDS + draws.integers(KEYWORDS, size=topic.shape), axis=1)
    label = np.where(draws.random(rows) < 0.1, draws.integers(TOPICS, size=rows), topic[:, -1])
    return split(x.astype("int32"), np.eye(TOPICS, dtype="float32")[label])


def houses(seed: int, _raw: Path | None) -> Arrays:
    """Return standardized columns like those of California's housing table, and prices that depend on them."""
    draws, rows = np.random.default_rng(seed), 6000
    income = draws.lognormal(1.2, 0.5, rows)
    age = draws.uniform(1, 52, rows)
    rooms = draws.lognormal(1.6, 0.3, rows)
    bedrooms = rooms * draws.uniform(0.15, 0.3, rows)
    people = draws.lognormal(7, 0.7, rows)
    household = draws.lognormal(1, 0.3, rows)
    north, east = draws.uniform(32.5, 42, rows), draws.uniform(0, 5, rows)
    coast = np.exp(-east * (1 + 0.1 * (north - 32.5)))
    cities = sum(np.exp(-((north - place) ** 2 + (east - 0.5) ** 2) / 0.5) for place in (34, 37.8))
    price = 0.5 * income * (0.6 + coast) + 1.5 * cities + 0.3 * np.sin(age / 8) - 2 * bedrooms / rooms
    price += 0.4 * np.tanh(rooms - household) + draws.normal(0, 0.3, rows)
    x = np.stack([income, age, rooms, bedrooms, np.log(people), household, north, east], axis=1)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    return split(x.astype("float32"), price.astype("float32")[:, np.newaxis])


def split(x: np.ndarray, y: np.ndarray) -> Arrays:
    """Return the rows as two thirds to train on, a sixth to validate on, and a sixth to test on."""
    ends = {"train": (0, 4), "validation": (4, 5), "test": (5, 6)}
    rows = {part: slice(len(x) * low // 6, len(x) * high // 6) for part, (low, high) in ends.items()}
    return {f"{name}_{part}": a[rows[part]] for name, a in (("x", x), ("y", y)) for part in PARTS}


@dataclass(frozen=True)
class Task:
    """One search that all libraries run."""

    title: str
    build: Callable[[dict], "keras.Model"]  # a compiled model by hyperparameters
    space: dict[str, Number | Choice]
    data: Callable[[int, Path | None], Arrays]  # by a seed and a folder for what is fetched
    metric: str = "val_accuracy"
    mode: str = "max"
    epochs: int = 8
    seeds: int = 5
    full: bool = False  # too long for all libraries

    def loss(self, score: float) -> float:
        """Return a score as a number that is better when lower."""
        return -score if self.mode == "max" else score


SMALL, ALL = partial(mnist, "mnist-5k"), partial(mnist, "mnist")
TASKS = {
    "digits": Task("The tutorial, 5,000 digits", digits, DIGITS, SMALL),
    "text": Task("Text, embedding and GRU", text, TEXT, texts),
    "table": Task("Regression on a table", table, TABLE, houses, metric="val_loss", mode="min"),
    "mnist": Task("The tutorial, all of MNIST", digits, DIGITS, ALL, epochs=5, seeds=2, full=True),
}


def write(task: str, seed: int, samples: int | None, raw: Path, folder: Path) -> None:
    """Write a task's arrays, at most so many rows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in TASKS[task].data(seed, raw).items():
        # The rows of mnist-5k stand in the order of their classes.
        rows = np.random.default_rng(seed).permutation(len(array))[:samples]
        np.save(folder / f"{name}.npy", array[rows])


def arrays(folder: str | Path, *parts: str) -> list[np.ndarray]:
    """Return inputs and targets of each part, as memory maps."""
    return [np.load(Path(folder, f"{name}_{part}.npy"), mmap_mode="r") for part in parts for name in "xy"]


def traced(task: Task, hp: dict, after_epoch: AfterEpoch | None = None) -> "keras.callbacks.Callback":
    """Return a callback that notes each epoch's score, then hands its number (from 1) and loss to ``after_epoch``."""
    import keras

    fit = trace.new_fit()

    class Traced(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict) -> None:
            # A fit that goes on from another one's end counts its own epochs.
            self.trained = getattr(self, "trained", 0) + 1
            score = float(logs[task.metric])
            trace.note(hp, fit, self.trained, score)
            if after_epoch:
                after_epoch(epoch + 1, task.loss(score))

    return Traced()


def trained(task: Task, hp: dict, data: list, epochs: int, after_epoch: AfterEpoch | None = None) -> dict:
    """Train a model, and return hyperopt's result: its loss is the validation score after the last epoch."""
    x, y, *validation = data
    history = task.build(hp).fit(
        x,
        y,
        epochs=epochs,
        batch_size=int(hp["batch_size"]),
        validation_data=tuple(validation),
        callbacks=[traced(task, hp, after_epoch)],
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
