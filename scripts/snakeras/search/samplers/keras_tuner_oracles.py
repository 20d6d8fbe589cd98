"""KerasTuner's Bayesian optimization: its oracle alone, without the files and the loop around it."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from snakeras.search.samplers.ask import Ask, best_and_newest
from snakeras.search.samplers.space import Hyperparameter, Point

if TYPE_CHECKING:
    from keras_tuner import HyperParameters


def propose_bayesian(
    ask: Ask,
    *,
    alpha: Annotated[float, Field(gt=0)] = 1e-4,
    beta: Annotated[float, Field(ge=0)] = 2.6,
    history: Annotated[int, Field(ge=2)] = 100,
) -> Point:
    """Return a point by ``BayesianOptimizationOracle``, with its Gaussian process and its upper confidence bound.

    Args:
        alpha: What is added to the diagonal of its kernel matrix: the noise of a loss.
        beta: How much it explores.
        history: It learns from so many trials: its time grows with their third power.
    """
    import keras_tuner
    from keras_tuner.src.engine.trial import Trial

    space = keras_tuner.HyperParameters()
    for one in ask.space.hyperparameters:
        _register(space, one)
    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        keras_tuner.Objective("loss", "min"),
        max_trials=None,
        num_initial_points=1,
        seed=ask.seed % 2**32,
        hyperparameters=space,
        alpha=alpha,
        beta=beta,
    )
    for number, (point, loss) in enumerate(best_and_newest(ask.losses, history)):
        known = space.copy()
        known.values = ask.space.natives(point)
        trial = Trial(hyperparameters=known, trial_id=str(number), status="COMPLETED")
        trial.score = loss
        oracle.trials[trial.trial_id] = trial
    return ask.space.of_natives(oracle.populate_space("next")["values"])


def _register(space: "HyperParameters", one: Hyperparameter) -> None:
    """Add a hyperparameter to KerasTuner's."""
    if one.low == one.high:
        space.Fixed(one.label, one.low)
    elif one.kind == "category":
        space.Choice(one.label, list(range(one.count)), ordered=False)
    elif one.kind == "integer":
        space.Int(one.label, int(one.low), int(one.high))
    else:
        space.Float(one.label, one.low, one.high, sampling="log" if one.log else "linear")
