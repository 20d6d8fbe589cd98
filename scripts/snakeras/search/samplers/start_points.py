"""Points that the user gives: laid over what the algorithm proposes for the trials of their numbers."""

from collections.abc import Callable

from snakeras.search.samplers.named import NamedSpace
from snakeras.search.samplers.space import Point


def suggest(
    new_ids: list[int],
    domain: object,
    trials: object,
    seed: int,
    suggest_one: Callable,
    space: NamedSpace,
    values: dict[int, Point],
) -> list[dict]:
    """Return what ``suggest_one`` proposes, with the values that are given for a trial in their place.

    Of a branch that was not proposed, what is left out is drawn from ``seed``.

    Args:
        values: hyperopt's, by the trial's number.
    """
    documents = suggest_one(new_ids, domain, trials, seed)
    for document in documents:
        misc = document["misc"]
        if given := values.get(misc["tid"]):
            drawn = {label: value[0] for label, value in misc["vals"].items() if len(value)}
            point = space.completed(given, drawn, int(seed))
            labels = dict.fromkeys([*misc["vals"], *(one.label for one in space.flat.hyperparameters)])
            misc["vals"] = {label: [point[label]] if label in point else [] for label in labels}
            misc["idxs"] = {label: [misc["tid"]] if label in point else [] for label in labels}
    return documents
