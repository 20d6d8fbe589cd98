"""The data of the compared searches."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from compared.tasks import KEYWORDS, PARTS, TOPICS, VOCABULARY, WORDS

VALIDATION = 0.1667  # config.yaml's share of the training data
Arrays = dict[str, np.ndarray]


def mnist(dataset: str, seed: int, raw: Path | None) -> Arrays:
    """Return the arrays of one of Snakeras's own datasets; MNIST's files are fetched into ``raw`` once."""
    from snakeras.data import datasets

    return datasets.make(dataset, VALIDATION, seed, raw)


def texts(seed: int, _raw: Path | None) -> Arrays:
    """Return texts whose topic is that of the last of their key words, one label in ten drawn at random."""
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
    draws, rows = np.random.default_rng(seed), 20640
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


# By a seed, and a folder for what is fetched.
DATA: dict[str, Callable[[int, Path | None], Arrays]] = {
    "digits": partial(mnist, "mnist-5k"),
    "text": texts,
    "table": houses,
    "mnist": partial(mnist, "mnist"),
}


def write(task: str, seed: int, samples: int | None, raw: Path, folder: Path) -> None:
    """Write a task's arrays, at most so many rows of each, unless they are there."""
    if folder.exists():
        return
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    for name, array in DATA[task](seed, raw).items():
        # The rows of mnist-5k stand in the order of their classes.
        rows = np.random.default_rng(seed).permutation(len(array))[:samples]
        np.save(unfinished / f"{name}.npy", array[rows])
    unfinished.rename(folder)
