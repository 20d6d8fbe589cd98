"""SHERPA's algorithms: functions of the hyperparameters and a table of results."""

import importlib.metadata
import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from snakeras.search.samplers.ask import Ask, best_and_newest
from snakeras.search.samplers.space import Hyperparameter, Point

if TYPE_CHECKING:
    from sherpa.core import Parameter

# The others want to train trials further (PopulationBasedTraining, SuccessiveHalving) or a grid (GridSearch).
ALGORITHMS = ("GPyOpt", "Genetic", "LocalSearch", "RandomSearch")


def propose(ask: Ask, algorithm: str = "GPyOpt", *, history: Annotated[int, Field(ge=2)] = 100) -> Point:
    """Return a point by one of SHERPA's algorithms.

    It is told of choices as they are, and of everything else as shares of the distribution: its own whole numbers leave
    out the largest.

    Args:
        history: It learns from so many trials: the time of GPyOpt grows with their third power.
    """
    import pandas

    sherpa = _imported()
    # Its own generator; GPyOpt draws from NumPy's.
    sherpa.core.rng.seed(ask.seed % 2**32)
    told = [
        _known(ask, point) | {"Objective": loss, "Status": "COMPLETED"}
        for point, loss in best_and_newest(ask.losses, history)
    ]
    made = getattr(sherpa.algorithms, algorithm)
    given = {"GPyOpt": {"max_concurrent": 1}, "LocalSearch": {"seed_configuration": None}}.get(algorithm, {})
    asked = made(**given)
    if algorithm == "LocalSearch":
        # Its first answer is the place to begin with; it then begins with the best result.
        asked.get_suggestion([], [], True)
    known = asked.get_suggestion([_parameter(one) for one in ask.space.hyperparameters], pandas.DataFrame(told), True)
    values = {
        one.label: int(known[one.label]) if one.kind == "category" else one.plain(one.at(float(known[one.label])))
        for one in ask.space.hyperparameters
    }
    return ask.space.only_applying(values)


def _imported() -> ModuleType:
    """Return the module ``sherpa``, whose GPyOpt asks setuptools' former ``pkg_resources`` for its version."""
    substitute = ModuleType("pkg_resources")
    substitute.get_distribution = importlib.metadata.distribution
    substitute.DistributionNotFound = importlib.metadata.PackageNotFoundError
    # It would set up logging for the whole process, if that were not done.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    added = "pkg_resources" not in sys.modules
    sys.modules.setdefault("pkg_resources", substitute)
    try:
        import sherpa
    finally:
        logging.getLogger().removeHandler(handler)
        if added:
            del sys.modules["pkg_resources"]
    return sherpa


def _known(ask: Ask, point: Point) -> dict:
    """Return a point in SHERPA's terms."""
    filled = ask.space.filled(point)
    return {
        one.label: filled[one.label] if one.kind == "category" else float(one.place(filled[one.label]))
        for one in ask.space.hyperparameters
    }


def _parameter(one: Hyperparameter) -> "Parameter":
    from sherpa.core import Choice, Continuous

    return Choice(one.label, list(range(one.count))) if one.kind == "category" else Continuous(one.label, [0.0, 1.0])
