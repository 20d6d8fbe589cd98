"""Optuna's samplers: TPE, which keeps the conditions of nested choices, and a Gaussian process."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from snakeras.search.samplers.ask import Ask, best_and_newest
from snakeras.search.samplers.space import Hyperparameter, Point, Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial, TrialState


def propose_tpe(ask: Ask, *, multivariate: bool = True, n_ei_candidates: Annotated[int, Field(ge=1)] = 24) -> Point:
    """Return a point by ``TPESampler``, which draws all hyperparameters together where ``multivariate``."""
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    sampler = TPESampler(
        seed=ask.seed % 2**32,
        n_startup_trials=1,
        multivariate=multivariate,
        group=multivariate and ask.space.has_conditions,
        n_ei_candidates=n_ei_candidates,
    )
    trials = [_trial(ask.space, point, TrialState.RUNNING) for point in ask.pending]
    for result in ask.results:
        if result.loss is None:
            trials.append(_trial(ask.space, result.point, TrialState.FAIL))
        elif result.pruned_at is None:
            trials.append(_trial(ask.space, result.point, TrialState.COMPLETE, value=result.loss))
        else:
            ended = {"intermediate_values": {result.pruned_at: result.loss}}
            trials.append(_trial(ask.space, result.point, TrialState.PRUNED, **ended))
    trial, values = _asked(sampler, trials), {}
    for one in ask.space.hyperparameters:
        if ask.space.applies(one, values):
            values[one.label] = one.value(_suggested(trial, one))
    return values


def propose_gp(ask: Ask, *, deterministic_objective: bool = False, history: Annotated[int, Field(ge=2)] = 300) -> Point:
    """Return a point by ``GPSampler``.

    It learns from completed trials alone, so pruned and failed ones are told as completed; and it would draw at random
    what does not apply to every trial, so all hyperparameters are told of all.

    Args:
        history: It learns from so many trials: its time grows with their third power.
    """
    import torch
    from optuna.samplers import GPSampler
    from optuna.trial import TrialState

    sampler = GPSampler(
        seed=ask.seed % 2**32,
        n_startup_trials=1,
        deterministic_objective=deterministic_objective,
        warn_independent_sampling=False,
    )
    space = ask.space
    trials = [
        _trial(space, space.filled(point), TrialState.COMPLETE, value=loss)
        for point, loss in best_and_newest(ask.losses, history)
    ]
    trials += [_trial(space, space.filled(point), TrialState.RUNNING) for point in ask.pending]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trial = _asked(sampler, trials)
        return space.of_natives({one.label: _suggested(trial, one) for one in space.hyperparameters})
    finally:
        torch.set_num_threads(threads)


def _trial(space: Space, point: Point, state: "TrialState", **given: object) -> "FrozenTrial":
    """Return a trial of Optuna's with the hyperparameters of ``point``."""
    from optuna.trial import create_trial

    natives = space.natives(point)
    distributions = {one.label: _distribution(one) for one in space.hyperparameters if one.label in point}
    params = {label: natives[label] for label in distributions}
    return create_trial(state=state, params=params, distributions=distributions, **given)


def _asked(sampler: "BaseSampler", trials: list["FrozenTrial"]) -> "Trial":
    """Return a new trial in a study of these trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    study.add_trials(trials)
    return study.ask()


def _suggested(trial: "Trial", one: Hyperparameter) -> float:
    """Return the native value that an Optuna trial gets."""
    if one.kind == "category":
        return trial.suggest_categorical(one.label, range(one.count))
    if one.kind == "integer":
        return trial.suggest_int(one.label, int(one.low), int(one.high))
    return trial.suggest_float(one.label, one.low, one.high, log=one.log)


def _distribution(one: Hyperparameter) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if one.kind == "category":
        return CategoricalDistribution(range(one.count))
    if one.kind == "integer":
        return IntDistribution(int(one.low), int(one.high))
    return FloatDistribution(one.low, one.high, log=one.log)
