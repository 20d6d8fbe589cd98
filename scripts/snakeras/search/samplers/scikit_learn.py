"""scikit-learn's random search."""

from snakeras.search.samplers.ask import Ask
from snakeras.search.samplers.space import Point


def propose_random(ask: Ask) -> Point:
    """Return a point by ``ParameterSampler``, which draws the places of all hyperparameters evenly."""
    from scipy.stats import uniform
    from sklearn.model_selection import ParameterSampler

    even = {one.label: uniform() for one in ask.space.hyperparameters}
    (places,) = ParameterSampler(even, n_iter=1, random_state=ask.seed % 2**32)
    return ask.space.of_places([places[label] for label in even])
