"""What a user gives a search beside its settings: start points and a warm start."""

from collections.abc import Callable
from dataclasses import dataclass, field

from snakeras.core.errors import Mistake
from snakeras.core.settings import TrialSettings
from snakeras.model_file import loader
from snakeras.search import warm_start
from snakeras.search.samplers import algorithms
from snakeras.search.samplers.named import NamedSpace, Outside


@dataclass(frozen=True)
class Steering:
    """Values by the names that are shown."""

    points: list[dict] = field(default_factory=list)  # of the first trials
    warm_start: list[dict] = field(default_factory=list)  # trials of other searches, by ``warm_start.read``
    defaults: dict = field(default_factory=dict)  # for hyperparameters that those lack


@dataclass(frozen=True)
class Steered:
    """The same for one trial, in hyperopt's terms."""

    suggest: Callable
    before: list[dict]  # documents that stand before its history
    record: dict  # what its record says of them
    lines: list[str]  # for people


def steered(search: TrialSettings, model_file: loader.Loaded, trial: int, given: Steering) -> Steered:
    """Return how a trial is proposed. Raise Mistake if the search space does not have a point that is given."""
    if not given.points and not given.warm_start:
        return Steered(algorithms.configured(search), [], {}, [])
    space, values = NamedSpace(model_file.script, model_file.space), {}
    # Its own, and those of trials in flight.
    for number in range(max(0, trial - search.parallelism + 1), min(trial + 1, len(given.points))):
        try:
            values[number], _ = space.read(given.points[number])
        except Outside as error:
            raise Mistake(f"search.points[{number}].{error}") from None
    usable, unused = warm_start.usable(given.warm_start, given.defaults, space)
    suggest = algorithms.configured(search, space, values, len(usable))
    if not given.warm_start:
        return Steered(suggest, [], {}, [])
    record = {"warm_start": {"used": len(usable), "not_used": unused}}
    return Steered(suggest, warm_start.documents(usable), record, [warm_start.told(len(usable), unused)])
