"""Bayesian optimization with scikit-learn's Gaussian process and the expected improvement."""

import warnings
from typing import Annotated

import numpy as np
from pydantic import Field

from snakeras.search.samplers.ask import Ask
from snakeras.search.samplers.space import Point, Space


def propose(
    ask: Ask,
    *,
    candidates: Annotated[int, Field(ge=1, le=100_000)] = 1024,
    history: Annotated[int, Field(ge=2)] = 200,
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

    told = _chosen(ask.losses, history)
    points, losses = [point for point, _ in told], _standard(np.array([loss for _, loss in told]))
    rows = np.array([_features(ask.space, point) for point in points])
    kernel = ConstantKernel(1.0, (0.05, 20)) * Matern([0.5] * rows.shape[1], (0.05, 20), nu=2.5)
    model = GaussianProcessRegressor(kernel + WhiteKernel(1e-2, (1e-4, 0.3)), random_state=ask.seed % 2**32)
    with warnings.catch_warnings(action="ignore"):
        # Of scales at their bounds: hyperparameters that do not matter.
        model.fit(rows, losses)
    for point in ask.pending:
        row = [_features(ask.space, point)]
        rows, losses = np.vstack([rows, row]), np.append(losses, model.predict(row))
        model = GaussianProcessRegressor(model.kernel_, optimizer=None).fit(rows, losses)
    options = _candidates(ask, [points[place] for place in np.argsort(losses[: len(points)])[:3]], candidates)
    mean, deviation = model.predict(np.array([_features(ask.space, option) for option in options]), return_std=True)
    return options[int(np.argmax(_expected_improvement(losses.min() - mean, deviation)))]


def _chosen(told: list[tuple[Point, float]], count: int) -> list[tuple[Point, float]]:
    """Return the best ``count // 2`` trials and the newest of the others, in their order."""
    by_loss = sorted(range(len(told)), key=lambda index: told[index][1])
    best, others = by_loss[: count // 2], by_loss[count // 2 :]
    return [told[index] for index in sorted([*best, *sorted(others)[-(count - len(best)) :]])]


def _standard(losses: np.ndarray) -> np.ndarray:
    """Return losses of mean 0 and standard deviation 1; those far out are first drawn in, so that others differ."""
    low, middle, high = np.percentile(losses, (25, 50, 75))
    losses = np.minimum(losses, high + 3 * (high - low)) if high > low else losses
    return (losses - losses.mean()) / (losses.std() or 1.0)


def _features(space: Space, point: Point) -> list[float]:
    """Return the places of the hyperparameters, categories as a number each; those that don't apply at the middle."""
    features = []
    for one, place in zip(space.hyperparameters, space.places(point), strict=True):
        if one.kind == "category":
            index = point.get(one.label)
            features += [float(index == number) / np.sqrt(2) for number in range(one.count)]
        else:
            features.append(float(place))
    return features


def _candidates(ask: Ask, best: list[Point], count: int) -> list[Point]:
    """Return points all over the space, and points near the best ones."""
    from scipy.stats import qmc

    rng = np.random.default_rng(ask.seed)
    dimensions = len(ask.space.hyperparameters)
    with warnings.catch_warnings(action="ignore"):
        everywhere = qmc.Sobol(dimensions, rng=rng).random(count)
    near = np.array([ask.space.places(point) for point in best])[rng.integers(len(best), size=count)]
    step = rng.choice([0.02, 0.1, 0.3], size=(count, 1)) * rng.standard_normal(near.shape)
    near = np.clip(near + step * (rng.random(near.shape) < 0.5), 0, 1)
    return [ask.space.of_places(places) for places in np.vstack([everywhere, near])]


def _expected_improvement(gain: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    from scipy.stats import norm

    scaled = gain / np.maximum(deviation, 1e-9)
    return deviation * (scaled * norm.cdf(scaled) + norm.pdf(scaled))
