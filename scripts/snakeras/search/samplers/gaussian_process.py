"""Bayesian optimization with scikit-learn's Gaussian process and the expected improvement."""

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from snakeras.search.samplers.ask import Ask, best_and_newest
from snakeras.search.samplers.space import Point, Space


def propose(
    ask: Ask,
    *,
    candidates: Annotated[int, Field(ge=1, le=100_000)] = 1024,
    history: Annotated[int, Field(ge=2)] = 100,
) -> Point:
    """Return the candidate with the largest expected improvement on the best result.

    A pending trial is taken to end as the model expects it: no other is proposed near it for the same reason.

    Args:
        candidates: So many from all over the space, and as many again near the three best trials.
        history: The model learns from so many trials, the best half of them and the newest: its time grows with their
            third power.
    """
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    told = best_and_newest(ask.losses, history)
    places = np.array([ask.space.places(point) for point, _ in told])
    rows, losses = _features(ask.space, places), _standard(np.array([loss for _, loss in told]))
    kernel = ConstantKernel(1.0, (0.05, 20)) * Matern([0.5] * rows.shape[1], (0.05, 20), nu=2.5)
    model = GaussianProcessRegressor(kernel + WhiteKernel(1e-2, (1e-4, 0.3)), optimizer=_fitted)
    model.fit(rows, losses)
    options = _candidates(ask, places[np.argsort(losses)[:3]], candidates)
    for point in ask.pending:
        row = _features(ask.space, ask.space.places(point)[np.newaxis])
        rows, losses = np.vstack([rows, row]), np.append(losses, model.predict(row))
        model = GaussianProcessRegressor(model.kernel_, optimizer=None).fit(rows, losses)
    mean, deviation = model.predict(_features(ask.space, options), return_std=True)
    return ask.space.of_places(options[np.argmax(_expected_improvement(losses.min() - mean, deviation))])


def _fitted(objective: Callable, start: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the kernel's parameters with the largest likelihood, nearly: the last digits cost most of the time."""
    from scipy.optimize import minimize

    found = minimize(objective, start, method="L-BFGS-B", jac=True, bounds=bounds, options={"maxiter": 30})
    return found.x, found.fun


def _standard(losses: np.ndarray) -> np.ndarray:
    """Return losses of mean 0 and standard deviation 1; those far out are first drawn in, so that others differ."""
    low, middle, high = np.percentile(losses, (25, 50, 75))
    losses = np.minimum(losses, high + 3 * (high - low)) if high > low else losses
    return (losses - losses.mean()) / (losses.std() or 1.0)


def _features(space: Space, places: np.ndarray) -> np.ndarray:
    """Return a row for each row of places, of values that can be tried: a column for each category of a choice, and
    the middle for what does not apply.
    """
    columns, values, applies = [], {}, {}
    for number, one in enumerate(space.hyperparameters):
        value = values[one.label] = one.at(places[:, number])
        leads = [[applies[label] & (values[label] == index) for label, index in path] for path in one.paths]
        applies[one.label] = here = np.any(
            [np.all([np.ones(len(places), bool), *path], axis=0) for path in leads], axis=0
        )
        if one.kind == "category":
            columns += [(here & (value == category)) / np.sqrt(2) for category in range(one.count)]
        else:
            columns.append(np.where(here, one.place(value), 0.5))
    return np.column_stack(columns)


def _candidates(ask: Ask, best: np.ndarray, count: int) -> np.ndarray:
    """Return places all over the space, and near the best ones."""
    from scipy.stats import qmc

    rng = np.random.default_rng(ask.seed)
    everywhere = qmc.Sobol(best.shape[1], rng=rng).random(count)
    near = best[rng.integers(len(best), size=count)]
    step = rng.choice([0.02, 0.1, 0.3], size=(count, 1)) * rng.standard_normal(near.shape)
    return np.vstack([everywhere, np.clip(near + step * (rng.random(near.shape) < 0.5), 0, 1)])


def _expected_improvement(gain: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    from scipy.stats import norm

    scaled = gain / np.maximum(deviation, 1e-9)
    return deviation * (scaled * norm.cdf(scaled) + norm.pdf(scaled))
