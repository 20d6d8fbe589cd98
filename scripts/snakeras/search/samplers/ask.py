"""What a sampler is told when it is asked for a point, and the suggest function that asks it."""

import math
import random
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snakeras.core.errors import UserError, one_line
from snakeras.search.samplers.space import Point, Space

# Where losses end for a sampler: what is computed from them must stay finite.
LARGEST_LOSS = 1e30


@dataclass(frozen=True)
class Result:
    """A trial that ended: its point, and its loss, None where it failed."""

    trial: int  # negative for one of another search
    point: Point
    loss: float | None
    pruned_at: int | None = None  # the epoch


@dataclass(frozen=True)
class Ask:
    """All that decides what a sampler proposes."""

    space: Space
    trial: int
    seed: int  # of this proposal
    search_seed: int
    parallelism: int
    results: list[Result]  # of the trials that this one may look back on, in order; some may be without a point
    pending: list[Point]  # of trials before this one whose results it may not see

    @property
    def others(self) -> list[Result]:
        """The results of other searches, which stand before those of this one."""
        return [result for result in self.results if result.trial < 0]

    @property
    def own(self) -> list[Result]:
        """The results of this search."""
        return self.results[len(self.others) :]

    @property
    def losses(self) -> list[tuple[Point, float]]:
        """Each point with its loss, of failed trials the worst, for libraries that know of no failures."""
        worst = max((result.loss for result in self.results if result.loss is not None), default=0.0)
        return [
            (result.point, worst if result.loss is None else result.loss) for result in self.results if result.point
        ]


def best_and_newest(told: list[tuple[Point, float]], count: int) -> list[tuple[Point, float]]:
    """Return the best ``count // 2`` trials and the newest of the others, in their order.

    For models whose time grows with the third power of the number of trials.
    """
    by_loss = sorted(range(len(told)), key=lambda index: told[index][1])
    best, others = by_loss[: count // 2], by_loss[count // 2 :]
    return [told[index] for index in sorted([*best, *sorted(others)[-(count - len(best)) :]])]


def suggest(
    new_ids: list[int],
    domain: object,
    trials: object,
    seed: int,
    name: str,
    propose: Callable[[Ask], Point],
    start: Callable[[Ask], Point] | None = None,
    n_startup_jobs: int | None = None,
    search_seed: int = 0,
    parallelism: int = 1,
) -> list[dict]:
    """Return hyperopt's document of a new trial: its point is what ``propose`` answers.

    The answer is a function of the arguments alone: of ``seed`` too where a library draws from global generators, and
    of no number of threads.

    Args:
        trials: Trials in hyperopt's state RUNNING are pending ones.
        start: What answers instead until ``n_startup_jobs`` trials have ended, and one of them with a loss; None: a
            random draw does.
        n_startup_jobs: None for no start.
    """
    from hyperopt import rand
    from threadpoolctl import threadpool_limits

    ask = _ask(new_ids[0], domain, trials, int(seed), search_seed, parallelism)
    known = any(result.loss is not None for result in ask.results)
    started = n_startup_jobs is None or (known and len(ask.results) >= n_startup_jobs)
    answer = propose if started else start
    if answer is None or not ask.space.hyperparameters:
        return rand.suggest(new_ids, domain, trials, seed)
    random.seed(ask.seed)
    np.random.seed(ask.seed % 2**32)
    try:
        # What they warn of is of no use to the user: experimental options, a model's parameters at their bounds.
        with threadpool_limits(1), warnings.catch_warnings(action="ignore"):
            point = answer(ask)
    # A library may raise anything.
    except Exception as error:
        traceback.print_exc()
        raise UserError(f"search.algo: {name} proposed nothing for trial {ask.trial}: {one_line(error)}") from error
    return _document(point, domain, trials, ask)


def _ask(trial: int, domain: object, trials: object, seed: int, search_seed: int, parallelism: int) -> Ask:
    from hyperopt.base import JOB_STATE_DONE

    results, pending = [], []
    for document in trials.trials:
        point = {label: value[0] for label, value in document["misc"]["vals"].items() if len(value)}
        if document["state"] != JOB_STATE_DONE:
            pending.append(point)
            continue
        result = document["result"]
        loss, pruned = result.get("loss"), result.get("pruned")
        if result["status"] != "ok" or loss is None or not math.isfinite(loss):
            loss = None
        else:
            loss = min(max(float(loss), -LARGEST_LOSS), LARGEST_LOSS)
        pruned_at = pruned["epoch"] if isinstance(pruned, dict) else None
        results.append(Result(document["tid"], point, loss, pruned_at))
    return Ask(Space(domain.expr), trial, seed, search_seed, parallelism, results, pending)


def _document(point: Point, domain: object, trials: object, ask: Ask) -> list[dict]:
    from hyperopt.base import miscs_update_idxs_vals

    labels = [one.label for one in ask.space.hyperparameters]
    values = {label: [point[label]] if label in point else [] for label in labels}
    misc = {"tid": ask.trial, "cmd": domain.cmd, "workdir": domain.workdir}
    miscs_update_idxs_vals([misc], {label: [ask.trial] * len(value) for label, value in values.items()}, values)
    return trials.new_trial_docs([ask.trial], [None], [domain.new_result()], [misc])
