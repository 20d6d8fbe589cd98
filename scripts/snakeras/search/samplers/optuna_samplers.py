"""Optuna's samplers: TPE, which keeps the conditions of nested choices, and a Gaussian process."""

from typing import TYPE_CHECKING

from snakeras.search.samplers.ask import Ask
from snakeras.search.samplers.space import Hyperparameter, Point

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial


def propose_tpe(ask: Ask, *, multivariate: bool = True, n_ei_candidates: int = 24) -> Point:
    """Return a point by ``TPESampler``, which draws all hyperparameters together where ``multivariate``."""
    from optuna.samplers import TPESampler

    sampler = TPESampler(
        seed=ask.seed % 2**32,
        n_startup_trials=1,
        multivariate=multivariate,
        group=multivariate and ask.space.has_conditions,
        n_ei_candidates=n_ei_candidates,
    )
    return _proposed(sampler, ask, flat=False)


def propose_gp(ask: Ask, *, deterministic_objective: bool = False) -> Point:
    """Return a point by ``GPSampler``.

    It learns from completed trials alone, so pruned ones are told as completed; and it would draw at random what does
    not apply to every trial, so all hyperparameters are told of all.
    """
    import torch
    from optuna.samplers import GPSampler

    sampler = GPSampler(
        seed=ask.seed % 2**32,
        n_startup_trials=1,
        deterministic_objective=deterministic_objective,
        warn_independent_sampling=False,
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _proposed(sampler, ask, flat=True)
    finally:
        torch.set_num_threads(threads)


def _proposed(sampler: "BaseSampler", ask: Ask, flat: bool) -> Point:
    """Return what a sampler proposes in a study of the trials so far.

    Args:
        flat: Whether all hyperparameters apply in it to every trial, and pruned trials are completed ones.
    """
    import optuna
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    distributions = {one.label: _distribution(one) for one in ask.space.hyperparameters}

    def add(point: Point, **given: object) -> None:
        natives = ask.space.natives(point)
        params = {label: native for label, native in natives.items() if flat or label in point}
        known = {label: distributions[label] for label in params}
        study.add_trial(create_trial(params=params, distributions=known, **given))

    for result in ask.results:
        if result.loss is None:
            add(result.point, state=TrialState.FAIL)
        elif result.pruned_at is None or flat:
            add(result.point, state=TrialState.COMPLETE, value=result.loss)
        else:
            add(result.point, state=TrialState.PRUNED, intermediate_values={result.pruned_at: result.loss})
    for point in ask.pending:
        add(point, state=TrialState.RUNNING)
    trial, values = study.ask(), {}
    for one in ask.space.hyperparameters:
        if flat or ask.space.applies(one, values):
            values[one.label] = one.value(_suggested(trial, one))
    return ask.space.only_applying(values)


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
