"""What a trial's run holds in MLflow: its status, times, tags, params and metrics, from its two JSON files.

Times are in milliseconds since 1970. A point, one value of a metric, is the key, value, time and step.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from snakeras.core.errors import flat
from snakeras.core.times import moment
from snakeras.search import pruners, trial_records

# MLflow's UI and the tutorial of Hyperas call them so.
ACCURACY, VALIDATION_ACCURACY = "acc", "val_acc"
# MLflow's limits, in characters.
LONGEST_KEY, LONGEST_TAG, LONGEST_PARAMETER = 250, 5000, 6000


Point = tuple[str, float, int, int]


class RunValues(NamedTuple):
    """What a run in MLflow holds."""

    name: str
    status: str  # MLflow's: FINISHED or FAILED
    start: int
    end: int
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: list[Point]


def of_trial(search: str, trial: dict, ran: dict) -> RunValues:
    """Return what the run of a trial holds, from the search's name, the trial's record and the record of its run."""
    name = f"{search} {trial_records.name(trial['trial'])}"
    end = milliseconds(ran["finished"])
    status = trial["status"]
    if status == "pruned":
        status = f"pruned at epoch {trial['pruned']['epoch']}"
    parameters = hyperparameters(trial["hyperparameters"])
    packages = trial["determined_by"]["packages"].items()
    tags = as_tags(parameters) | {
        "mlflow.runName": name,
        "snakeras.search": search,
        "snakeras.trial": str(trial["trial"]),
        "snakeras.seed": str(trial["seed"]),
        "snakeras.status": status,
        "snakeras.device": ran["device"],
        "snakeras.host": ran["host"],
        **{f"snakeras.packages.{package}": version for package, version in packages},
        **commit(ran),
    }
    if trial["failure"]:
        place = f", at {trial['failed_at']}" if trial["failed_at"] else ""
        failure = f"{trial['failure']}{place}"
        tags |= as_tags({"snakeras.failure": failure, "mlflow.note.content": failure})
    single = {"objective": trial["loss"], "epochs": trial["epochs"]}
    single |= {"duration_seconds": ran["seconds"], "peak_memory_mb": ran["peak_memory_mb"]}
    return RunValues(
        name=name,
        status="FAILED" if trial["status"] == "failed" else "FINISHED",
        start=milliseconds(ran["started"]),
        end=end,
        tags=tags,
        parameters={key: value[:LONGEST_PARAMETER] for key, value in parameters.items()},
        metrics=points(single, end) + list(curves(trial["fits"], ran.get("epochs_ended", []), end)),
    )


def points(values: dict[str, float | None], time: int, step: int = 0) -> list[Point]:
    """Return metrics of one value each, without those that are None."""
    return [(key, float(value), time, step) for key, value in values.items() if value is not None]


def curves(fits: list[dict], ended: list[list[str]], otherwise: int, prefix: str = "") -> Iterator[Point]:
    """Yield the metrics of each epoch; the step is the number of the epoch, from 0.

    The trial's validation accuracy is that of the last fit that has one. The curves of this fit, else of the last, have
    names without a group. If there are several fits, each also has its curves in a group of its own.

    Args:
        fits: As in a trial's record.
        ended: When each epoch of each fit ended, in ISO 8601; may be shorter or empty.
        otherwise: Time of an epoch that is not in ``ended``.
    """
    fits = trial_records.decode(fits)
    with_accuracy = [number for number, fit in enumerate(fits) if pruners.validation_accuracy(fit["metrics"])]
    chosen = (with_accuracy or [len(fits) - 1])[-1]
    for number, fit in enumerate(fits):
        times = [milliseconds(text) for text in ended[number]] if number < len(ended) else []
        accuracy = pruners.validation_accuracy(fit["metrics"])
        groups = [""] * (number == chosen) + [f"fit {number}/"] * (len(fits) > 1)
        for name, values in fit["metrics"].items():
            for group in groups:
                key = valid_name(prefix + group + _short_name(name, accuracy))
                for step, value in enumerate(values):
                    # Some metrics do not have a value for every epoch.
                    if value is not None:
                        yield key, float(value), times[step] if step < len(times) else otherwise, step


def _short_name(name: str, validation_accuracy: str | None) -> str:
    """Return MLflow's name of a metric, given Keras's name of the validation accuracy."""
    if validation_accuracy and name == validation_accuracy:
        return VALIDATION_ACCURACY
    if name == "accuracy" or (validation_accuracy and name == validation_accuracy.removeprefix("val_")):
        return ACCURACY
    return name


def hyperparameters(values: dict) -> dict[str, str]:
    """Return hyperparameters as texts under names that MLflow takes."""
    return {valid_name(name): str(value) for name, value in values.items()}


def as_tags(values: dict[str, str]) -> dict[str, str]:
    """Return texts of any length and kind as values of tags."""
    return {name: flat(value)[:LONGEST_TAG] for name, value in values.items()}


def commit(ran: dict) -> dict[str, str]:
    """Return the tags that name the Git commit of the model file; none if it was not under Git."""
    git = ran.get("git") or {}
    if not git.get("commit"):
        return {}
    return {"mlflow.source.git.commit": git["commit"], "snakeras.git.changed": str(git["changed"]).lower()}


def valid_name(name: str) -> str:
    """Return a name of characters that MLflow takes, in the length that it takes."""
    return re.sub(r"[^/\w.\- :]", "_", name).strip("/.")[:LONGEST_KEY] or "_"


def milliseconds(text: str) -> int:
    """Return a time in ISO 8601 as milliseconds since 1970."""
    return round(moment(text).timestamp() * 1000)
