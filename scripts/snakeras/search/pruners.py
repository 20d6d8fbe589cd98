"""When to stop a bad trial early, by its learning curve and those of the trials that it may look back on.

A curve is a list of floats: the monitored value at the end of each epoch as a loss (lower is better, accuracies are
negated), NaN where an epoch has none.
"""

import math
import re
from dataclasses import dataclass

import numpy as np

from snakeras.core.settings import HalvingPruner, NoPruner, Pruner

Curve = list[float]

# Parts of the names of metrics that are better when higher, and of those that never are (dice_loss).
HIGHER_IS_BETTER = re.compile(
    r"acc|auc|precision|recall|f1|fbeta|iou|io_u|jaccard|dice|specificity|sensitivity|r2|cosine_similarity|kappa|mcc"
)
LOWER_IS_BETTER = re.compile(r"loss|error")


def is_rung(epoch: int, min_epochs: int, reduction: int) -> bool:
    """Return whether ``epoch`` (from 1) is one of the rungs ``min_epochs * reduction**k``."""
    rung = min_epochs
    while rung < epoch:
        rung *= reduction
    return rung == epoch


def halving_goes_on(curve: Curve, earlier: list[Curve], min_epochs: int, reduction: int) -> bool:
    """Return whether a trial goes on by asynchronous successive halving.

    At a rung that n trials have reached, this one included, it must be one of the best n / reduction (Li et al. 2020,
    "A System for Massively Parallel Hyperparameter Tuning", algorithm 2; stopped trials are never promoted). The trials
    that it looks back on count whatever their status.
    """
    epoch = len(curve)
    if not is_rung(epoch, min_epochs, reduction):
        return True
    values = [other[epoch - 1] for other in [curve, *earlier] if len(other) >= epoch]
    # NaN compares with nothing: as a loss it is worse than any other.
    own, *others = [math.inf if math.isnan(value) else value for value in values]
    rank = 1 + sum(other < own for other in others)
    return rank <= max(1, len(values) // reduction)


def median_goes_on(curve: Curve, completed: list[Curve], n_startup_trials: int, n_warmup_steps: int) -> bool:
    """Return whether a trial goes on by the rule of Optuna's ``MedianPruner``.

    Its best epoch so far must not be worse than the median of the completed trials at this epoch. Nothing is stopped
    before ``n_startup_trials`` have completed, nor in the first ``n_warmup_steps`` epochs.
    """
    epoch = len(curve)
    if len(completed) < max(1, n_startup_trials) or epoch <= n_warmup_steps:
        return True
    own = [value for value in curve if not math.isnan(value)]
    if not own:
        return False
    others = [other[epoch - 1] for other in completed if len(other) >= epoch and not math.isnan(other[epoch - 1])]
    return not others or min(own) <= float(np.median(others))


def monitored(metrics: dict[str, list], monitor: str, mode: str) -> tuple[str, str] | None:
    """Return the monitored metric, and whether its ``max`` or ``min`` is best; None if there is no such metric.

    With ``monitor`` auto it is validation accuracy where the model reports it, else validation loss. With ``mode`` auto
    its name decides.
    """
    if monitor == "auto":
        monitor = validation_accuracy(metrics) or "val_loss"
    if monitor not in metrics:
        return None
    if mode == "auto":
        mode = "max" if HIGHER_IS_BETTER.search(monitor) and not LOWER_IS_BETTER.search(monitor) else "min"
    return monitor, mode


def validation_accuracy(metrics: dict[str, list]) -> str | None:
    """Return the name of the validation accuracy, of whichever kind, among these metrics; None without one."""
    others = [name for name in metrics if name.startswith("val_") and name.endswith(("accuracy", "_acc"))]
    return next((name for name in ("val_accuracy", "val_acc", *others) if name in metrics), None)


def as_losses(values: list[float | None], mode: str) -> Curve:
    """Return a metric's values as a curve."""
    sign = -1.0 if mode == "max" else 1.0
    return [math.nan if value is None else sign * value for value in values]


@dataclass(frozen=True)
class Stop:
    """Why a trial was stopped."""

    epoch: int  # the last one that it trained, from 1
    monitor: str
    value: float  # of the monitored metric there
    loss: float  # the same as a loss


@dataclass(frozen=True)
class TrialPruner:
    """The pruner of one trial, asked in its first fit."""

    settings: Pruner
    earlier: list[dict]  # records that the trial may look back on: ``status`` and, of each fit, ``metrics``

    def stop(self, metrics: dict[str, list]) -> Stop | None:
        """Return why the trial ends after this epoch, by the fit's metrics up to now; None if it goes on."""
        settings = self.settings
        watched = None if isinstance(settings, NoPruner) else monitored(metrics, settings.monitor, settings.mode)
        epoch = max(map(len, metrics.values()), default=0)
        # Some fits validate only every few epochs.
        if watched is None or len(metrics[watched[0]]) < epoch:
            return None
        name, mode = watched
        curve = as_losses(metrics[name], mode)
        compared = [
            as_losses(record["fits"][0]["metrics"].get(name, []), mode)
            for record in self.earlier
            if record["fits"] and (isinstance(settings, HalvingPruner) or record["status"] == "completed")
        ]
        if isinstance(settings, HalvingPruner):
            goes_on = halving_goes_on(curve, compared, settings.min_epochs, settings.reduction)
        else:
            goes_on = median_goes_on(curve, compared, settings.n_startup_trials, settings.n_warmup_steps)
        return None if goes_on else Stop(epoch, name, metrics[name][-1], curve[-1])

    def check(self, metrics: dict[str, list]) -> None:
        """Raise ValueError if a fit ended without the metric that ``search.monitor`` names."""
        monitor = "auto" if isinstance(self.settings, NoPruner) else self.settings.monitor
        if monitor != "auto" and monitor not in metrics:
            names = ", ".join(metrics)
            raise ValueError(f"search.monitor: found {monitor!r}, expected a metric of the model: {names}")
