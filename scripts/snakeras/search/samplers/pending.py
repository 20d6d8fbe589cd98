"""Trials in flight: what those that a trial may not see propose is known all the same, and can be told its sampler."""

from collections.abc import Callable

import numpy as np

# What hyperopt draws from its generator for each proposal (FMinIter.run).
PROPOSAL_SEEDS = 2**31 - 1


def generator(seed: int, trial: int) -> np.random.Generator:
    """Return hyperopt's generator as an uninterrupted search would have it at trial ``trial``."""
    rng = np.random.default_rng(seed)
    for _ in range(trial):
        rng.integers(PROPOSAL_SEEDS)
    return rng


def suggest(
    new_ids: list[int],
    domain: object,
    trials: object,
    seed: int,
    suggest_one: Callable,
    search_seed: int,
    parallelism: int,
) -> list[dict]:
    """Return what ``suggest_one`` proposes, told of the trials in flight as trials in hyperopt's state RUNNING.

    Those depend on what they see and on the trials in flight before them, so they are proposed again in order.

    Args:
        trials: The trials that the new one may look back on: all but the last ``parallelism - 1`` before it. Those
            of other searches stand before them, with negative numbers.
    """
    from hyperopt.base import JOB_STATE_RUNNING, trials_from_docs

    (trial,) = new_ids
    others = [document for document in trials.trials if document["tid"] < 0]
    ended = trials.trials[len(others) :]
    first = len(ended)
    proposed = list(ended)
    draws = generator(search_seed, first)
    for number in range(first, trial + 1):
        visible = max(0, number - parallelism + 1)
        running = [document | {"state": JOB_STATE_RUNNING} for document in proposed[visible:]]
        seen = trials_from_docs(others + ended[:visible] + running, validate=False)
        drawn = int(draws.integers(PROPOSAL_SEEDS)) if number < trial else seed
        proposed += suggest_one([number], domain, seen, drawn)
    return proposed[trial:]
