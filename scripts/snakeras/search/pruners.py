"""When to stop a bad trial early: pure functions of its curve and of those that it may look back on.

A curve is a list of floats, the monitored value at the end of each epoch in the form of a loss (lower is better,
accuracies are negated); NaN where an epoch has none.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Curve = list[float]

# The settings of search.pruner that each type of it goes by.
SETTINGS = {"none": (), "median": ("n_startup_trials", "n_warmup_steps"), "halving": ("min_epochs", "reduction")}

# In the names of metrics that are better when higher, and of those that are not all the same (dice_loss).
HIGHER_IS_BETTER = re.compile(
    r"acc|auc|precision|recall|f1|fbeta|iou|io_u|jaccard|dice|specificity|sensitivity|r2|cosine_similarity|kappa|mcc"
)
LOWER_IS_BETTER = re.compile(r"loss|error")


def is_rung(epoch: int, min_epochs: int, reduction: int) -> bool:
    """Whether ``epoch`` (from 1) is one of the rungs ``min_epochs * reduction**k``."""
    rung = min_epochs
    while rung < epoch:
        rung *= reduction
    return rung == epoch


def halving_goes_on(curve: Curve, earlier: list[Curve], min_epochs: int, reduction: int) -> bool:
    """The rule of asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter
    Tuning", algorithm 2), without its promotion of trials that were stopped.

    At a rung, of n trials that came so far, this one included, it goes on only as one of the best n / reduction.

    Parameters
    ----------
    curve
        Of the trial, up to now.
    earlier
        Of all trials that it looks back on, whatever became of them.
    """
    epoch = len(curve)
    if not is_rung(epoch, min_epochs, reduction):
        return True
    others = [_comparable(other[epoch - 1]) for other in earlier if len(other) >= epoch]
    own = _comparable(curve[-1])
    rank = 1 + sum(other < own for other in others)
    return rank <= max(1, (len(others) + 1) // reduction)


def median_goes_on(curve: Curve, completed: list[Curve], n_startup_trials: int, n_warmup_steps: int) -> bool:
    """Optuna's ``MedianPruner``: stop where the best so far is worse than the median of the completed trials here.

    Parameters
    ----------
    curve
        Of the trial, up to now.
    completed
        Of the completed trials that it looks back on.
    n_startup_trials
        Nothing is stopped before so many trials have completed.
    n_warmup_steps
        Nothing is stopped in the first so many epochs.
    """
    epoch = len(curve)
    if len(completed) < max(1, n_startup_trials) or epoch <= n_warmup_steps:
        return True
    own = [value for value in curve if not math.isnan(value)]
    if not own:
        return False
    others = [other[epoch - 1] for other in completed if len(other) >= epoch and not math.isnan(other[epoch - 1])]
    return not others or min(own) <= float(np.median(others))


def _comparable(value: float) -> float:
    """NaN compares with nothing; as a loss it is worse than any other."""
    return math.inf if math.isnan(value) else value


def monitored(metrics: dict[str, list], monitor: str, mode: str) -> tuple[str, str] | None:
    """Which metric is monitored, and whether its ``max`` or ``min`` is best; None where there is nothing to monitor.

    Parameters
    ----------
    metrics
        Names of a fit's metrics, with values.
    monitor
        A metric's name, or ``auto``: validation accuracy where the model reports it, else validation loss.
    mode
        ``max``, ``min``, or ``auto``: by the metric's name.

    """
    if monitor == "auto":
        monitor = validation_accuracy(metrics) or "val_loss"
    if monitor not in metrics:
        return None
    if mode == "auto":
        mode = "max" if HIGHER_IS_BETTER.search(monitor) and not LOWER_IS_BETTER.search(monitor) else "min"
    return monitor, mode


def validation_accuracy(metrics: dict[str, list]) -> str | None:
    """The name of the validation accuracy among these metrics, whichever kind of accuracy it is."""
    others = [name for name in metrics if name.startswith("val_") and name.endswith(("accuracy", "_acc"))]
    return next((name for name in ("val_accuracy", "val_acc", *others) if name in metrics), None)


def as_losses(values: list[float | None], mode: str) -> Curve:
    """A metric's values as a curve."""
    sign = -1.0 if mode == "max" else 1.0
    return [math.nan if value is None else sign * value for value in values]


@dataclass(frozen=True)
class Stop:
    """Why a trial was stopped."""

    epoch: int  # the last one that it trained, from 1
    monitor: str
    value: float  # of the monitored metric there
    loss: float  # the same in the form of a loss


def pruner(settings: dict, documents: list[dict]) -> Callable[[dict[str, list], bool], Stop | None]:
    """The decision for one trial at the end of each epoch of its first fit.

    Parameters
    ----------
    settings
        ``type``, what this type goes by, and ``monitor`` and ``mode``.
    documents
        The trials that it may look back on: ``status`` and, of each fit, ``metrics``.

    Returns
    -------
    callable
        Takes the fit's metrics up to now, and whether it has come to its end; gives None to go on. At the end it
        raises ValueError if there was no metric of the name that ``monitor`` asks for.
    """

    def decide(metrics: dict[str, list], ended: bool = False) -> Stop | None:
        if settings["type"] == "none":
            return None
        found = monitored(metrics, settings["monitor"], settings["mode"])
        if ended:
            if found is None and settings["monitor"] != "auto":
                names = ", ".join(metrics)
                raise ValueError(
                    f"search.monitor: found {settings['monitor']!r}, expected a metric of the model: {names}"
                )
            return None
        epoch = max(map(len, metrics.values()), default=0)
        # Some fits validate only every few epochs.
        if found is None or len(metrics[found[0]]) < epoch:
            return None
        name, mode = found
        curve = as_losses(metrics[name], mode)
        earlier = [
            (document["status"], as_losses(document["fits"][0]["metrics"].get(name, []), mode))
            for document in documents
            if document["fits"]
        ]
        if settings["type"] == "halving":
            curves = [other for _, other in earlier]
            goes_on = halving_goes_on(curve, curves, settings["min_epochs"], settings["reduction"])
        else:
            completed = [other for status, other in earlier if status == "completed"]
            goes_on = median_goes_on(curve, completed, settings["n_startup_trials"], settings["n_warmup_steps"])
        return None if goes_on else Stop(epoch, name, metrics[name][-1], curve[-1])

    return decide
