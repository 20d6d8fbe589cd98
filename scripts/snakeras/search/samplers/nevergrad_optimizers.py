"""Nevergrad's optimizers, run again from the beginning of the search: some refuse points that they did not propose."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from snakeras.search.samplers.ask import Ask, Result
from snakeras.search.samplers.space import Hyperparameter, Point

if TYPE_CHECKING:
    from nevergrad.parametrization.core import Parameter

# Those of its 541 that were seen to repeat themselves here; most of the others are variants of these, or want a package
# more. What cannot propose a point before it is told of the last (NelderMead, Powell, SQP) is not among them.
OPTIMIZERS = (
    *("CMA", "DE", "DiscreteOnePlusOne", "EDA", "ES", "MetaModel", "NGOpt", "NgIohTuned", "OnePlusOne", "PSO"),
    *("PortfolioDiscreteOnePlusOne", "RandomSearch", "ScrHammersleySearch", "TBPSA", "TwoPointsDE"),
)


def propose(ask: Ask, optimizer: str = "NGOpt", *, budget: Annotated[int, Field(ge=1)] = 100) -> Point:
    """Return the trial's point: the answer to one ask more than there are trials before it.

    A trial is asked for before the last ``parallelism - 1`` are told, as in the search itself. Points that were not
    asked for, of other searches or given by the user, are told all the same; ``EDA`` alone does not learn from them.

    Args:
        budget: The number of trials that the optimizer plans with; it may well be another than ``max_evals``.
    """
    import nevergrad

    known = nevergrad.p.Dict(**{one.label: _parameter(one) for one in ask.space.hyperparameters})
    known.random_state = np.random.RandomState(ask.search_seed)
    np.random.seed(ask.search_seed)
    running = nevergrad.optimizers.registry[optimizer](known, budget=budget, num_workers=ask.parallelism)
    worst = max((result.loss for result in ask.results if result.loss is not None), default=0.0)

    def tell(result: Result, candidate: "Parameter | None" = None) -> None:
        if candidate is None or (result.point and result.point != ask.space.of_natives(candidate.value)):
            candidate = running.parametrization.spawn_child(new_value=ask.space.natives(result.point))
        with suppress(nevergrad.errors.TellNotAskedNotSupportedError):
            running.tell(candidate, worst if result.loss is None else result.loss)

    for other in ask.others:
        tell(other)
    asked, own = [], ask.own
    for trial in range(ask.trial + 1):
        if trial >= ask.parallelism:
            ended = own[trial - ask.parallelism]
            tell(ended, asked[ended.trial])
        asked.append(running.ask())
    return ask.space.of_natives(asked[-1].value)


def _parameter(one: Hyperparameter) -> "Parameter":
    import nevergrad

    if one.low == one.high:
        return nevergrad.p.Constant(one.low)
    if one.kind == "category":
        return nevergrad.p.Choice(range(one.count))
    scalar = nevergrad.p.Log if one.log else nevergrad.p.Scalar
    parameter = scalar(lower=one.low, upper=one.high)
    return parameter.set_integer_casting() if one.kind == "integer" else parameter
