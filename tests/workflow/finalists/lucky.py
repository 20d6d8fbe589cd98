import random

from hyperas.distributions import uniform


def data():
    nothing = 0
    return nothing


def model(nothing):
    x = {{uniform(0, 1)}}
    return {"loss": 0.01 * x + random.random(), "status": "ok"}
