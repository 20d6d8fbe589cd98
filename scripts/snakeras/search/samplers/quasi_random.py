"""Points that fill the space evenly: scrambled sequences of SciPy's, one for the whole search."""

from typing import Literal

from snakeras.search.samplers.ask import Ask
from snakeras.search.samplers.space import Point


def propose(ask: Ask, *, sequence: Literal["sobol", "halton"] = "sobol") -> Point:
    """Return the point of the trial's number in the sequence of the search's seed; results do not matter."""
    from scipy.stats import qmc

    kind = {"sobol": qmc.Sobol, "halton": qmc.Halton}[sequence]
    points = kind(len(ask.space.hyperparameters), scramble=True, rng=ask.search_seed)
    # It takes 0 for a negative number.
    if ask.trial:
        points.fast_forward(ask.trial)
    return ask.space.of_places(points.random(1)[0])
