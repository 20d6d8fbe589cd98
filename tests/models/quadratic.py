"""A Hyperas file that trains nothing: every kind of draw, and a loss with noise from NumPy's generator."""

import numpy as np
from hyperas import optim
from hyperas.distributions import choice, loguniform, quniform, uniform
from hyperopt import STATUS_OK, Trials, tpe


def data():
    optimum = 1.5
    return optimum


def model(optimum):
    x = {{uniform(-5, 5)}}
    n = {{quniform(1, 20, 1)}}
    rate = {{loguniform(-5, 0)}}
    kind = {{choice(["a", "b", "c"])}}
    loss = (x - optimum) ** 2 + abs(n - 7) + rate + len(kind) + 0.01 * np.random.rand()
    return {"loss": loss, "status": STATUS_OK}


best, _ = optim.minimize(model=model, data=data, algo=tpe.suggest, max_evals=2, trials=Trials())
raise RuntimeError("the top level of a Hyperas file must never run")
