"""hyperopt's search space as a flat list of hyperparameters, in the terms of other libraries."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from snakeras.core.errors import UserError

# Of a normal distribution, cut off at either end: 3.1 standard deviations from its mean.
TAIL = 1e-3
DISTRIBUTIONS = (
    *("uniform", "quniform", "loguniform", "qloguniform", "normal", "qnormal", "lognormal", "qlognormal"),
    *("randint", "categorical"),
)

Numbers = float | np.ndarray
Point = dict[str, float | int]  # label: hyperopt's value, of the hyperparameters that apply


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter of hyperopt's space.

    A library is told of it in one of two forms. Its *place* is a number from 0 to 1: the share of the distribution
    below a value. Its *native* value is of ``kind``, from ``low`` to ``high``: the index of a category, a number of
    steps, or a real number, whose logarithm is even where ``log``.
    """

    label: str
    distribution: str
    arguments: dict
    is_choice: bool  # its value is the index of what is chosen
    paths: frozenset  # of frozensets of (label, index): it applies where all pairs of one of them hold

    @property
    def kind(self) -> Literal["category", "integer", "real"]:
        """What its native values are."""
        if self.is_choice:
            return "category"
        return "integer" if self.distribution in ("randint", "quniform") else "real"

    @property
    def log(self) -> bool:
        """Whether native values are to be drawn by their logarithm."""
        return "loguniform" in self.distribution

    @property
    def is_normal(self) -> bool:
        """Whether it is of a normal distribution or one made from it; its native value is its place."""
        return "normal" in self.distribution

    @property
    def weights(self) -> list[float]:
        """The probability of each category of a ``pchoice``; empty for others, whose values are equally likely."""
        return [float(weight) for weight in self.arguments.get("p", [])]

    @property
    def count(self) -> int:
        """The number of native values, of a hyperparameter that is not real."""
        return int(self.high - self.low) + 1

    @cached_property
    def _range(self) -> tuple[float, float]:
        given = self.arguments
        if self.distribution == "categorical":
            return 0, len(given["p"]) - 1
        if self.distribution == "randint":
            low, high = (given["low"], given["high"]) if given.get("high") is not None else (0, given["low"])
            return int(low), int(high) - 1
        if self.is_normal:
            return TAIL, 1 - TAIL
        if self.distribution == "quniform":
            return tuple(round(float(given[key]) / given["q"]) for key in ("low", "high"))
        return tuple(math.exp(given[key]) if self.log else float(given[key]) for key in ("low", "high"))

    @property
    def low(self) -> float:
        """The least native value."""
        return self._range[0]

    @property
    def high(self) -> float:
        """The largest native value."""
        return self._range[1]

    def native(self, value: float) -> float:
        """Return hyperopt's value in the library's form."""
        if self.is_normal:
            return float(self._within(self._share_below(value)))
        if self.kind == "real":
            return float(self._within(value))
        return int(self._within(round(value / self.arguments.get("q", 1))))

    def value(self, native: float) -> float:
        """Return the library's value in hyperopt's form."""
        if self.is_normal:
            return self.plain(self.at(native))
        return self.plain(native * self.arguments["q"] if self.distribution == "quniform" else self._rounded(native))

    def plain(self, value: float) -> float:
        """Return a value as a number of Python's own, as hyperopt's distribution gives it."""
        return int(value) if self.distribution in ("randint", "categorical") else float(value)

    def place(self, value: Numbers) -> Numbers:
        """Return the share of the distribution below a value; of discrete ones, with half of that of the value."""
        if self.weights:
            edges = np.cumsum([0.0, *self.weights])
            return ((edges[:-1] + edges[1:]) / 2)[value]
        if self.distribution == "randint":
            return (value - self.low + 0.5) / self.count
        return np.clip(self._share_below(value), 0, 1)

    def at(self, place: Numbers) -> Numbers:
        """Return the value at a place from 0 to 1."""
        if self.weights:
            return np.searchsorted(np.cumsum(self.weights)[:-1], place, side="right")
        if self.distribution == "randint":
            return int(self.low) + np.minimum(np.floor(place * self.count), self.count - 1).astype(int)
        given = self.arguments
        if self.is_normal:
            from scipy.special import ndtri

            even = given["mu"] + given["sigma"] * ndtri(np.clip(place, TAIL, 1 - TAIL))
        else:
            even = given["low"] + np.clip(place, 0, 1) * (given["high"] - given["low"])
        return self._rounded(np.exp(even) if "log" in self.distribution else even)

    def _share_below(self, value: Numbers) -> Numbers:
        given = self.arguments
        even = np.log(np.maximum(value, 1e-300)) if "log" in self.distribution else value
        if self.is_normal:
            from scipy.special import ndtr

            return ndtr((even - given["mu"]) / given["sigma"])
        return (even - given["low"]) / (given["high"] - given["low"])

    def _rounded(self, value: Numbers) -> Numbers:
        """Return a value as hyperopt rounds it."""
        step = self.arguments.get("q")
        return np.round(value / step) * step if step else value

    def _within(self, native: float) -> float:
        return min(max(native, self.low), self.high)


class Space:
    """The hyperparameters of a search, those of nested choices after the choice that they depend on.

    Args:
        expression: hyperopt's graph of the space (``Domain.expr``).

    Raises:
        UserError: When the graph has a part that is no distribution of ours or no plain choice.
    """

    def __init__(self, expression: object) -> None:
        found = {}
        for node, path, is_choice in _walk(expression, frozenset()):
            found.setdefault(node.arg["label"].obj, []).append((node.arg["obj"], path, is_choice))
        self.hyperparameters = [
            Hyperparameter(
                label,
                visits[0][0].name,
                _arguments(label, visits[0][0]),
                is_choice=any(is_choice for _, _, is_choice in visits),
                paths=frozenset(path for _, path, _ in visits),
            )
            for label, visits in found.items()
        ]
        self.hyperparameters.sort(key=lambda one: (_depth(one), one.label))
        self.has_conditions = any(map(_depth, self.hyperparameters))

    def applies(self, one: Hyperparameter, point: Point) -> bool:
        """Whether a hyperparameter applies where those that it depends on have the values of ``point``."""
        return any(all(point.get(label) == index for label, index in path) for path in one.paths)

    def only_applying(self, values: Point) -> Point:
        """Return the values of the hyperparameters that apply."""
        point = {}
        for one in self.hyperparameters:
            if self.applies(one, point):
                point[one.label] = values[one.label]
        return point

    def filled(self, point: Point) -> Point:
        """Return values of all hyperparameters; those that don't apply are at their middle."""
        return {one.label: point.get(one.label, one.plain(one.at(0.5))) for one in self.hyperparameters}

    def natives(self, point: Point) -> dict:
        """Return native values of all hyperparameters."""
        filled = self.filled(point)
        return {one.label: one.native(filled[one.label]) for one in self.hyperparameters}

    def of_natives(self, natives: dict) -> Point:
        """Return the point of native values of all hyperparameters."""
        return self.only_applying({one.label: one.value(natives[one.label]) for one in self.hyperparameters})

    def places(self, point: Point) -> np.ndarray:
        """Return the places of all hyperparameters."""
        return np.array([one.place(point[one.label]) if one.label in point else 0.5 for one in self.hyperparameters])

    def of_places(self, places: np.ndarray) -> Point:
        """Return the point at these places of all hyperparameters."""
        pairs = zip(self.hyperparameters, places, strict=True)
        return self.only_applying({one.label: one.plain(one.at(place)) for one, place in pairs})


def _depth(one: Hyperparameter) -> int:
    """Return on how many choices a hyperparameter depends, at least."""
    return min(map(len, one.paths))


def _walk(node: object, path: frozenset, is_choice: bool = False) -> Iterator[tuple[object, frozenset, bool]]:
    """Yield each hyperparameter below a node of hyperopt's graph, its path, and whether it is a choice."""
    if node.name == "hyperopt_param":
        yield node, path, is_choice
    elif node.name == "switch":
        index, *options = node.inputs()
        if index.name != "hyperopt_param":
            raise UserError("the search space has a switch that is no choice: only hyperopt's own algorithms know it")
        yield from _walk(index, path, is_choice=True)
        for number, option in enumerate(options):
            yield from _walk(option, path | {(index.arg["label"].obj, number)})
    else:
        for one in node.inputs():
            yield from _walk(one, path)


def _arguments(label: str, node: object) -> dict:
    """Return the arguments of a distribution, a node of hyperopt's graph."""
    from hyperopt import pyll

    if node.name not in DISTRIBUTIONS:
        raise UserError(f"{label} is of the distribution {node.name}, expected one of {', '.join(DISTRIBUTIONS)}")
    known = {key: value for key, value in node.arg.items() if key in ("low", "high", "q", "mu", "sigma", "p")}
    return {key: pyll.rec_eval(value) for key, value in known.items() if hasattr(value, "name")}
