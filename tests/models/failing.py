"""A Hyperas file that fails in several ways, each for some of its points."""

import numpy as np
from hyperas.distributions import choice
from hyperopt import STATUS_OK


def data():
    counted = []
    return counted


def model(counted):
    way = {{choice(["fine", "raises", "type error", "nan", "no loss", "exits"])}}
    counted.append(way)
    if way == "raises":
        raise ValueError("a network that cannot be\nbuilt")
    if way == "type error":
        raise TypeError("unsupported")
    if way == "nan":
        return {"loss": np.nan, "status": STATUS_OK}
    if way == "no loss":
        return {"status": STATUS_OK}
    if way == "exits":
        raise SystemExit(3)
    return {"loss": float(len(counted)), "status": STATUS_OK}
