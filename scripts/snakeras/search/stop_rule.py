"""When no more trials are run, by the records that a trial may look back on: by nothing else, so never by the time."""

import math
from collections.abc import Sequence

from snakeras.core.settings import StopRule
from snakeras.core.text import number
from snakeras.search import pruners, trial_records


def reason(records: Sequence[dict], rule: StopRule) -> str | None:
    """Return why a trial that sees these records, in order, is skipped; None if it runs.

    It is skipped once the rule held after any of them, or if any was skipped. So whoever sees more is skipped too, and
    a trial that runs never sees a skipped one.
    """
    best, since, epochs = None, 0, 0
    for record in records:
        if record["status"] == "skipped":
            return record["skipped"]
        name = f"trial {trial_records.name(record['trial'])}"
        epochs += record["epochs"]
        if record["status"] == "completed":
            if reached := _reached(record, rule):
                return f"target: {reached} of {name} reached search.stop.target, {rule.target:g}"
            improved = best is None or record["loss"] < best["loss"]
            best, since = (record, 0) if improved else (best, since + 1)
            if rule.patience is not None and since >= rule.patience:
                found = f"loss {number(best['loss'])} of trial {trial_records.name(best['trial'])}"
                return f"patience: {found} was not improved by search.stop.patience, {since}, completed trials"
        if rule.epochs is not None and epochs >= rule.epochs:
            return f"epochs: {epochs} up to {name} reached search.stop.epochs, {rule.epochs}"
    return None


def warning(records: Sequence[dict], rule: StopRule) -> str | None:
    """Return a line if no completed trial has a value that the target could be compared with; None if one has."""
    completed = [record for record in records if record["status"] == "completed"]
    if rule.target is None or not completed or any(value(record, rule.monitor, rule.mode) for record in completed):
        return None
    names = reported(completed)
    metric = "val_accuracy or val_loss" if rule.monitor == "auto" else rule.monitor
    known = f"a metric that the model reports: {', '.join(names)}" if names else "auto, since no trial reports metrics"
    return (
        f"warning: search.stop.target was compared with nothing, since no completed trial reports {metric}; expected "
        f"search.monitor to be {known}"
    )


def reported(records: Sequence[dict]) -> list[str]:
    """Return the names of the metrics that trials report."""
    return list(dict.fromkeys(name for record in records for fit in record["fits"] for name in fit["metrics"]))


def value(record: dict, monitor: str, mode: str) -> tuple[str, str, float] | None:
    """Return what the target is compared with: its name, whether its ``max`` or ``min`` is best, and its value.

    That is the monitored metric in the last fit that has it: after the epoch whose value the trial's loss is (or its
    negative, where a maximum is best), or else after the last epoch. Where a trial reports no metrics, and none is
    named, it is the trial's loss. None if there is no such value.
    """
    if not record["fits"] and monitor == "auto":
        return "loss", "min", record["loss"]
    for fit in reversed(record["fits"]):
        if found := pruners.monitored(fit["metrics"], monitor, mode):
            name, better = found
            known = [reached for reached in trial_records.decode(fit["metrics"][name]) if reached is not None]
            # A final model's function may have failed after its last fit.
            own = math.nan if record["loss"] is None else -record["loss"] if better == "max" else record["loss"]
            is_own = any(math.isclose(reached, own, rel_tol=1e-5, abs_tol=1e-9) for reached in known)
            return (name, better, own if is_own else known[-1]) if known else None
    return None


def _reached(record: dict, rule: StopRule) -> str | None:
    """Return the value of a completed trial that reached the target, in words; None if it did not."""
    if rule.target is None or not (found := value(record, rule.monitor, rule.mode)):
        return None
    name, mode, reached = found
    is_better = reached > rule.target if mode == "max" else reached < rule.target
    # Keras computes with fewer digits than a target is written with.
    is_reached = is_better or math.isclose(reached, rule.target, rel_tol=1e-6)
    return f"{name} {number(reached)}" if is_reached else None
