"""Talos's sampling of a grid, which its reducers narrow round by round, run again from the beginning of the search."""

from types import SimpleNamespace
from typing import Annotated, Literal

from pydantic import Field

from snakeras.search.samplers.ask import Ask, Result
from snakeras.search.samplers.space import Hyperparameter, Point

LOSS = "snakeras loss"  # a column beside those of the hyperparameters


def propose(
    ask: Ask,
    *,
    reduction_method: Literal["correlation", "spearman", "pearson", "kendall", "trees", "forrest"] = "correlation",
    reduction_interval: Annotated[int, Field(ge=1)] = 5,
    reduction_window: Annotated[int, Field(ge=3)] = 20,
    reduction_threshold: Annotated[float, Field(ge=0, le=1)] = 0.2,
    levels: Annotated[int, Field(ge=2)] = 10,
    rows: Annotated[int, Field(ge=1, le=100_000)] = 1000,
) -> Point:
    """Return the point of the trial's round.

    Args:
        reduction_method, reduction_interval, reduction_window, reduction_threshold: As for ``talos.Scan``, whose own
            interval is ten times as long.
        levels: Values of a hyperparameter in the grid at most, of which each is equally likely; choices have all.
        rows: Points of the grid that are drawn at the beginning. Once they are used up, each trial draws one.
    """
    from talos.parameters.ParamSpace import ParamSpace
    from talos.reducers.reduce_run import reduce_run

    grid = {one.label: _levels(one, levels) for one in ask.space.hyperparameters}
    rounds = ParamSpace(grid, round_limit=rows, seed=ask.search_seed)
    scan = SimpleNamespace(
        param_object=rounds,
        reduction_method=reduction_method,
        reduction_interval=reduction_interval,
        reduction_window=reduction_window,
        reduction_threshold=reduction_threshold,
        reduction_metric=LOSS,
        minimize_loss=True,
        performance_target=None,
        seed=ask.search_seed,
        _param_dict_keys=list(grid),
    )
    proposed, others, own = [], ask.others, ask.own
    for trial in range(ask.trial + 1):
        # As many rounds have ended as are known to this trial.
        seen = own[: max(0, trial - ask.parallelism + 1)]
        scan.result = _table([*(ask.space.filled(one.point) for one in others), *proposed], [*others, *seen])
        if scan.result:
            reduce_run(scan)
        drawn = rounds.round_parameters()
        if not drawn:
            print(f"search.algo: talos has used up its {rows} rows; each trial now draws one of the whole grid")
            drawn = ParamSpace(grid, round_limit=1, seed=ask.seed).round_parameters()
        proposed.append(drawn)
    return ask.space.only_applying(proposed[-1])


def _levels(one: Hyperparameter, count: int) -> list[float]:
    """Return the values of a hyperparameter in the grid."""
    if one.kind == "category":
        return list(range(one.count))
    return list(dict.fromkeys(one.plain(one.at((level + 0.5) / count)) for level in range(count)))


def _table(proposed: list[dict], results: list[Result]) -> list[dict]:
    """Return the rounds that have ended, as rows, by the points that ran; of one that failed, the loss is the worst."""
    losses = [result.loss for result in results]
    worst = max((loss for loss in losses if loss is not None), default=0.0)
    losses = [worst if loss is None else loss for loss in losses]
    rows = zip(proposed, results, losses, strict=False)
    return [point | result.point | {LOSS: loss} for point, result, loss in rows]
