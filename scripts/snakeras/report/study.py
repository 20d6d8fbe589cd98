"""A search as an Optuna study: for Optuna's pictures, its dashboard, and one's own analysis."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from snakeras.core import times
from snakeras.report import search_data

if TYPE_CHECKING:
    import optuna

ATTRIBUTES = ("trial", "epochs", "host", "device", "gpu", "peak_memory_mb", "failure", "failed_at")


def load(folder: str | Path) -> "optuna.Study":
    """Return the search in ``folder``, such as ``results/mnist``, as an in-memory study of its trials that have ended.

    Raise UserError when there is no search in the folder, or a trial's file was altered.
    """
    return from_search(search_data.read(Path(folder)))


def from_search(
    search: dict, unfinished: dict[int, str] | None = None, storage: "optuna.storages.BaseStorage | None" = None
) -> "optuna.Study":
    """Return a search, by ``search_data.describe``, as a study, in memory if there is no storage.

    ``unfinished`` are the trials without a result, by number: ``RUNNING`` or ``WAITING``. Optuna knows of no skipped
    trials: they are left out, but for those before a trial that ran, which wait, so that each has its own number.
    """
    import optuna

    distributions = {name: distribution(search, name) for name in search["space"]}
    ran = {trial["trial"]: trial for trial in search["trials"] if trial["status"] != "skipped"}
    skipped = {trial["trial"]: "WAITING" for trial in search["trials"] if ran and trial["trial"] < max(ran)}
    trials = {
        number: optuna.trial.create_trial(state=optuna.trial.TrialState[state])
        for number, state in (skipped | (unfinished or {})).items()
    }
    trials |= {number: _frozen(trial, distributions) for number, trial in ran.items()}
    direction = "maximize" if search["objective"]["better"] == "higher" else "minimize"
    with _quiet():
        study = optuna.create_study(storage=storage, study_name=search["name"], direction=direction)
        study.set_metric_names([search["objective"]["key"]])
        # Those trials are not the study's own, whose numbers are those of the search.
        if "warm_start" in search:
            study.set_user_attr("warm_start", search["warm_start"])
    study.add_trials(trials[number] for number in sorted(trials))
    return study


def distribution(search: dict, name: str) -> "optuna.distributions.BaseDistribution":
    """Return Optuna's distribution for a hyperparameter of Hyperas.

    Where Optuna has no such distribution, or a trial has a value outside of it, the range of the trials' values is
    taken.
    """
    from optuna.distributions import CategoricalDistribution

    values = [trial["hyperparameters"][name] for trial in search["trials"] if name in trial["hyperparameters"]]
    known = search["space"][name] or {"kind": None, "arguments": []}
    kind, arguments = known["kind"], known["arguments"]
    if kind == "choice" or any(isinstance(value, bool | str | None) for value in values):
        options = [*(arguments if kind == "choice" else []), *values]
        return CategoricalDistribution(list(dict.fromkeys(options)))  # True and 1 are the same option for Optuna
    low, high, step, log = _bounds(kind, arguments) or (math.inf, -math.inf, None, kind in ("lognormal", "qlognormal"))
    return _numeric(values, low, high, step, log, whole=kind in ("randint", "uniformint"))


def _bounds(kind: str | None, arguments: list[float]) -> tuple[float, float, float | None, bool] | None:
    """Return lowest and highest value, step and whether the scale is logarithmic; None for a range without bounds."""
    match kind, arguments:
        case "uniform", [low, high]:
            return low, high, None, False
        case "quniform", [low, high, step]:
            # hyperopt rounds to multiples of the step.
            return round(low / step) * step, round(high / step) * step, step, False
        case "loguniform", [low, high]:
            return math.exp(low), math.exp(high), None, True
        case "qloguniform", [low, high, step]:
            low, high = (round(math.exp(bound) / step) * step for bound in (low, high))
            return (low, high, None, True) if low > 0 else (low, high, step, False)
        case "randint", [high]:
            return 0, high - 1, 1, False
        case "randint", [low, high]:
            return low, high - 1, 1, False
        case "uniformint", [low, high, *_]:
            return low, high, 1, False
    return None


def _numeric(
    values: list[float], low: float, high: float, step: float | None, log: bool, whole: bool
) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import FloatDistribution, IntDistribution

    steps = [(value - low) / step for value in values] if step else []
    if not all(math.isclose(count, round(count), abs_tol=1e-8) for count in steps):
        step = None
    low, high = min([low, *values]), max([high, *values])
    if whole and all(value == int(value) for value in (low, high, *values)):
        return IntDistribution(int(low), int(high))
    log = log and low > 0
    # Optuna's own rule for a step that does not divide the range is a warning.
    high = low + round((high - low) / step) * step if step else high
    return FloatDistribution(float(low), float(high), log=log, step=step)


def _frozen(trial: dict, distributions: dict) -> "optuna.trial.FrozenTrial":
    """Return a trial that has ended as Optuna's."""
    from optuna.distributions import IntDistribution
    from optuna.trial import TrialState, create_trial

    states = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    params = {
        name: int(value) if isinstance(distributions[name], IntDistribution) else value
        for name, value in trial["hyperparameters"].items()
    }
    made = create_trial(
        state=states[trial["status"]],
        value=None if trial["status"] == "failed" else trial["value"],
        params=params,
        distributions={name: distributions[name] for name in params},
        intermediate_values={epoch: value for epoch, value in enumerate(trial["curve"], start=1) if value is not None},
        user_attrs={name: trial[name] for name in ATTRIBUTES if trial[name] is not None},
    )
    if trial["started"] and trial["finished"]:
        # Optuna wants local times without a zone.
        made.datetime_start, made.datetime_complete = (
            times.moment(trial[key]).astimezone().replace(tzinfo=None) for key in ("started", "finished")
        )
    return made


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from telling of each new study, and that names of metrics are experimental."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore", category=optuna.exceptions.ExperimentalWarning):
            yield
    finally:
        optuna.logging.set_verbosity(before)
