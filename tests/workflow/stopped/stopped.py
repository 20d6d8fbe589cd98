"""A Hyperas file that trains nothing, and is quick."""

from hyperas.distributions import uniform


def data():
    optimum = 0.5
    return optimum


def model(optimum):
    x = {{uniform(0, 1)}}
    return abs(x - optimum)
