"""A Hyperas file whose computing process ends in several ways, each for some of its points."""

import os
import signal
import time

import numpy as np
from hyperas.distributions import choice, uniform
from hyperopt import STATUS_OK


def data():
    ways = ["fine", "raises", "segfaults", "aborts", "is killed", "exits", "hangs"]
    return ways


def model(ways):
    x = {{uniform(0, 1)}}
    way = {{choice(["fine", "fine", "fine", "raises", "segfaults", "aborts", "is killed", "exits", "hangs"])}}
    assert way in ways
    if way == "raises":
        raise ValueError("a kernel larger than its input")
    if way == "segfaults":
        os.kill(os.getpid(), signal.SIGSEGV)
    if way == "aborts":
        os.abort()
    if way == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "exits":
        os._exit(7)
    if way == "hangs":
        time.sleep(600)
    return {"loss": x, "status": STATUS_OK}
