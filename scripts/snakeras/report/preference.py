"""Which values of a hyperparameter TPE prefers, by hyperopt's own functions, and the values that the trials had."""

import ast
import math
import operator
from dataclasses import dataclass

import numpy as np

from snakeras.model_file import hyperas_compat
from snakeras.search import trial_records

# The defaults of hyperopt.tpe.suggest, which Hyperas leaves as they are.
GAMMA = 0.25
PRIOR_WEIGHT = 1.0
FORGETTING = 25
# Below this hyperopt takes a number for 0 (hyperopt.tpe.EPS).
TINY = 1e-12

FEWEST = 3  # finished trials that tell of a preference
GRID = 256  # values of a continuous hyperparameter
CONTINUOUS = ("uniform", "loguniform", "normal", "lognormal")
DISTRIBUTIONS = CONTINUOUS + tuple(f"q{kind}" for kind in CONTINUOUS)
LOGARITHMIC = tuple(kind for kind in DISTRIBUTIONS if "log" in kind)

_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Observed:
    """The values of one hyperparameter.

    Parameters
    ----------
    values
        By the number of the trial; trials without it are not there. For options, the index of what was chosen.
    options
        How each option reads, in the script's order, then what was chosen but is none of them; None for numbers.
    logarithmic
        Whether the script draws its logarithm.
    """

    values: dict[int, float]
    options: list[str] | None
    logarithmic: bool


@dataclass(frozen=True)
class Preference:
    """How much TPE prefers some values of a hyperparameter.

    Parameters
    ----------
    values
        Array of shape (n,), float64, ascending; for a choice, the indices of all options.
    ratio
        Array of shape (n,), float64: l(x) / g(x), by which TPE ranks what it may propose. Above 1 the better trials are
        denser than the rest.
    """

    values: np.ndarray
    ratio: np.ndarray


@dataclass(frozen=True)
class _Prior:
    """A distribution as TPE's Parzen estimators take it; all but ``step`` in logarithms if it is ``logarithmic``."""

    mu: float
    sigma: float
    low: float | None
    high: float | None
    step: float | None
    logarithmic: bool


def observed(search: dict, name: str) -> Observed:
    """The values that the trials of a search had for one hyperparameter.

    Where its distribution is not known, numbers are numbers and anything else is one of the options that appear.

    Parameters
    ----------
    search
        As ``gathered.described`` gives it.
    """
    distribution = search["space"][name] or {"kind": None, "arguments": []}
    found = {
        trial["trial"]: trial["hyperparameters"][name] for trial in search["trials"] if name in trial["hyperparameters"]
    }
    if distribution["kind"] != "choice" and all(map(is_number, found.values())):
        return Observed(
            {number: float(value) for number, value in found.items()},
            None,
            distribution["kind"] in LOGARITHMIC,
        )
    options = distribution["arguments"] if distribution["kind"] == "choice" else []
    constants = [constant(option) for option in options]
    others = sorted(
        {_key(value) for value in found.values()} - {_key(value) for value in constants}, key=lambda key: str(key[1])
    )
    # Of equal options the first stands for all.
    index = {key: place for place, key in reversed(list(enumerate([*map(_key, constants), *others])))}
    return Observed(
        {number: float(index[_key(value)]) for number, value in found.items()},
        [_label(value) for value in [*constants, *(value for _, value in others)]],
        False,
    )


def is_number(value: object) -> bool:
    """Whether a hyperparameter's value is a number: truth values are options."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def of(search: dict, name: str) -> Preference | None:
    """What TPE prefers of one hyperparameter after all trials of a search.

    As in ``hyperopt.tpe.suggest``, trials count by their loss, which is infinite for those that failed. For a
    ``pchoice`` it is as if its options had been equally probable: their probabilities are not known here.

    Parameters
    ----------
    search
        As ``gathered.described`` gives it.

    Returns
    -------
    Preference or None
        None where the distribution is not known, or where fewer than three trials finished with a loss.
    """
    distribution, seen = search["space"][name], observed(search, name)
    finished = [trial for trial in search["trials"] if trial["status"] != "failed" and trial["loss"] is not None]
    if len(finished) < FEWEST or not known(distribution):
        return None
    if (seen.options is not None) != (distribution["kind"] == "choice"):
        return None
    if seen.options is not None and len(seen.options) > len(distribution["arguments"]):
        return None
    better, rest = split(search["trials"], seen.values)
    values = grid(distribution, list(seen.values.values()))
    ratio = np.exp(log_ratio(values, distribution, better, rest))
    # hyperopt may round to a step of which nothing lies between the bounds.
    possible = np.isfinite(ratio)
    return Preference(values[possible], ratio[possible])


def known(distribution: dict | None) -> bool:
    """Whether a distribution is one of Hyperas's, with arguments that it can be drawn with."""
    if not distribution:
        return False
    kind, arguments = distribution["kind"], distribution["arguments"]
    if kind == "choice":
        return True
    if kind == "randint":
        return len(arguments) in (1, 2) and len(_integers(arguments)) > 0
    if kind not in DISTRIBUTIONS or len(arguments) != (3 if kind.startswith("q") else 2):
        return False
    return _prior(distribution).sigma > 0 and all(step > 0 for step in arguments[2:])


def split(trials: list[dict], values: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    """The values of the better trials and of the rest, as TPE parts them: l(x) and g(x) of Bergstra et al. 2011.

    hyperopt takes for better not the share gamma of n trials, but ceil(gamma sqrt(n)), 25 at the most.

    Returns
    -------
    better, rest
        Arrays of shape (n,), float64, in the order of the trials.
    """
    tpe = _tpe()
    losses = [math.inf if trial["loss"] is None else trial["loss"] for trial in trials]
    numbers = [trial["trial"] for trial in trials]
    better, rest = tpe.ap_split_trials(list(values), list(values.values()), numbers, losses, GAMMA)
    return better.astype(float), rest.astype(float)


def grid(distribution: dict, values: list[float]) -> np.ndarray:
    """Values to look at, ascending: all options, else the whole range of the distribution, in its steps.

    One without bounds reaches three standard deviations, and to all of ``values``.
    """
    if distribution["kind"] == "choice":
        return np.arange(len(distribution["arguments"]), dtype=float)
    if distribution["kind"] == "randint":
        integers = _integers(distribution["arguments"])
        return np.arange(integers.start, integers.stop, dtype=float)
    prior = _prior(distribution)
    low, high = prior.low, prior.high
    if low is None:
        places = [*_centres(np.asarray(values, dtype=float), prior), prior.mu]
        low = min(prior.mu - 3 * prior.sigma, *places)
        high = max(prior.mu + 3 * prior.sigma, *places)
    points = np.linspace(low, high, GRID)
    if prior.logarithmic:
        points = np.exp(points)
    return np.unique(np.round(points / prior.step) * prior.step) if prior.step else points


def log_ratio(values: np.ndarray, distribution: dict, better: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """ln l(x) - ln g(x), whose largest value among some drawn from l(x) TPE proposes (Bergstra et al. 2011).

    Parameters
    ----------
    values
        x: array of shape (n,), float64; indices for a choice.
    distribution
        One that is ``known``.
    better, rest
        By ``split``.

    Returns
    -------
    numpy.ndarray
        Of shape (n,), float64; not finite where the distribution has no such value.
    """
    density = _log_probability if distribution["kind"] in ("choice", "randint") else _log_density
    with np.errstate(divide="ignore", invalid="ignore"):
        return density(values, distribution, better) - density(values, distribution, rest)


def _log_density(values: np.ndarray, distribution: dict, observations: np.ndarray) -> np.ndarray:
    """The adaptive Parzen estimator of these observations: hyperopt.tpe's samplers, as densities."""
    tpe, prior = _tpe(), _prior(distribution)
    mixture = tpe.adaptive_parzen_normal(_centres(observations, prior), PRIOR_WEIGHT, prior.mu, prior.sigma)
    if prior.logarithmic and prior.step:
        return tpe.LGMM1_lpdf(values, *mixture, low=prior.low, high=prior.high, q=prior.step)
    # Without a step hyperopt does not scale its LGMM1_lpdf to the bounds: that changes none of its proposals, but would
    # shift where l(x) = g(x). The derivative of the logarithm cancels out of their ratio.
    places = np.log(values) if prior.logarithmic else values
    return tpe.GMM1_lpdf(places, *mixture, low=prior.low, high=prior.high, q=prior.step)


def _log_probability(values: np.ndarray, distribution: dict, observations: np.ndarray) -> np.ndarray:
    """hyperopt.tpe.ap_randint_sampler, by which choices are drawn too: recent trials count more, each option once."""
    if distribution["kind"] == "choice":
        integers = range(len(distribution["arguments"]))
    else:
        integers = _integers(distribution["arguments"])
    weights = _tpe().linear_forgetting_weights(len(observations), FORGETTING)
    places = observations.astype(int) - integers.start
    counts = np.bincount(places, weights, len(integers)) + PRIOR_WEIGHT
    return np.log(counts / counts.sum())[values.astype(int) - integers.start]


def _centres(observations: np.ndarray, prior: _Prior) -> np.ndarray:
    """What the normal distributions of the estimator are put on."""
    if not prior.logarithmic:
        return observations
    return np.log(np.maximum(observations, TINY if prior.low is None else max(TINY, math.exp(prior.low))))


def _prior(distribution: dict) -> _Prior:
    kind, (first, second, *step) = distribution["kind"], distribution["arguments"]
    rest = {"step": step[0] if step else None, "logarithmic": "log" in kind}
    if "uniform" in kind:
        return _Prior((first + second) / 2, second - first, first, second, **rest)
    return _Prior(first, second, None, None, **rest)


def _integers(arguments: list) -> range:
    return range(*map(int, arguments))


def _tpe() -> object:
    hyperas_compat.import_hyperopt()
    import hyperopt.tpe

    return hyperopt.tpe


def constant(option: str) -> object:
    """What the text of an option stands for, as a trial tells it; the text itself unless it is made of constants."""
    try:
        value = _value(ast.parse(option, mode="eval").body)
    except (SyntaxError, ValueError, ArithmeticError, TypeError):
        return option
    value = trial_records.plain(value)
    return str(value) if isinstance(value, list | dict) else value


def _value(node: ast.expr) -> object:
    match node:
        # ast.literal_eval stops at 10 ** -3, which is common in scripts for Hyperas.
        case ast.BinOp() if type(node.op) in _OPERATIONS:
            return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
        case ast.UnaryOp(op=ast.USub()):
            return -_value(node.operand)
        case _:
            return ast.literal_eval(node)


def _key(value: object) -> tuple[bool, object]:
    """Equal for equal values, but for 1 and True."""
    return isinstance(value, bool), value


def _label(value: object) -> str:
    return str(value) or "''"
