"""CMA-ES by the package ``cmaes``, all hyperparameters at their places in the unit cube."""

from typing import Annotated

import numpy as np
from pydantic import Field

from snakeras.search.samplers.ask import Ask
from snakeras.search.samplers.space import Point


def propose(
    ask: Ask,
    *,
    sigma: Annotated[float, Field(gt=0, le=1)] = 0.25,
    population_size: Annotated[int, Field(ge=2)] | None = None,
) -> Point:
    """Return a point drawn from the distribution that the results lead to.

    Its generations are as many results each as the population is large, in order: whoever drew them, it learns from
    their ranks.

    Args:
        sigma: The standard deviation at the beginning, in the unit cube.
        population_size: Trials of a generation; None: by the number of hyperparameters, 10 for nine.
    """
    from cmaes import CMA

    count = len(ask.space.hyperparameters)
    # It wants two dimensions at least: the second of one hyperparameter is without effect.
    dimensions = max(2, count)
    bounds = np.array([[0.0, 1.0]] * dimensions)
    strategy = CMA(
        np.full(dimensions, 0.5), sigma, bounds=bounds, seed=ask.seed % 2**32, population_size=population_size
    )
    told = [(np.resize(ask.space.places(point), dimensions), loss) for point, loss in ask.losses]
    size = strategy.population_size
    for start in range(0, len(told) - size + 1, size):
        strategy.tell(told[start : start + size])
    return ask.space.of_places(strategy.ask()[:count])
