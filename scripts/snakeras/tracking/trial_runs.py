"""What MLflow is told about a trial: status, times, tags, parameters and metrics of its run, from its files alone."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from snakeras.core.errors import flat
from snakeras.search import pruners, trial_records

# How MLflow's UI and the tutorial call what Keras calls accuracy.
ACCURACY, VALIDATION_ACCURACY = "acc", "val_acc"
# MLflow's limits.
LONGEST_KEY, LONGEST_TAG, LONGEST_PARAMETER = 250, 5000, 6000


@dataclass
class Run:
    """A run as MLflow shall have it."""

    name: str
    status: str  # MLflow's: FINISHED or FAILED
    start: int  # milliseconds since 1970, as all times in MLflow
    end: int
    tags: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[str, float, int, int]] = field(default_factory=list)  # key, value, time, step


def of_trial(search: str, document: dict, happened: dict) -> Run:
    """The run of a trial.

    Parameters
    ----------
    search
        The search's name.
    document, happened
        The trial's two JSON files: what it determined, and what merely happened.
    """
    start, end = milliseconds(happened["started"]), milliseconds(happened["finished"])
    run = Run(
        name=f"{search} {trial_records.name(document['trial'])}",
        status="FAILED" if document["status"] == "failed" else "FINISHED",
        start=start,
        end=end,
    )
    values = hyperparameters(document["hyperparameters"])
    run.parameters = {name: value[:LONGEST_PARAMETER] for name, value in values.items()}
    run.tags = described(values) | {
        "mlflow.runName": run.name,
        "snakeras.search": search,
        "snakeras.trial": str(document["trial"]),
        "snakeras.seed": str(document["seed"]),
        "snakeras.status": status(document),
        "snakeras.device": happened["device"],
        "snakeras.host": happened["host"],
        **{f"snakeras.packages.{name}": text for name, text in document["determined_by"]["packages"].items()},
        **commit(happened),
    }
    if document["failure"]:
        place = f", at {document['failed_at']}" if document["failed_at"] else ""
        run.tags |= described({"snakeras.failure": f"{document['failure']}{place}"})
        run.tags["mlflow.note.content"] = run.tags["snakeras.failure"]
    once = {
        "objective": document["loss"],
        "epochs": document["epochs"],
        "duration_seconds": happened["seconds"],
        "peak_memory_mb": happened["peak_memory_mb"],
    }
    run.metrics = [(key, float(value), end, 0) for key, value in once.items() if value is not None]
    run.metrics += curves(document["fits"], happened.get("epochs_ended", []), end)
    return run


def status(document: dict) -> str:
    """How a trial ended, in a few words."""
    if document["status"] == "pruned":
        return f"pruned at epoch {document['pruned']['epoch']}"
    return document["status"]


def curves(
    fits: list[dict], ended: list[list[str]], otherwise: int, prefix: str = ""
) -> Iterator[tuple[str, float, int, int]]:
    """Metrics per epoch; the step is the number of the epoch, from 0.

    Those of the fit that the trial's validation accuracy is from (without one, of the last) have plain names. Of
    several fits each has its curves in a group of its own too.

    Parameters
    ----------
    fits
        As in a trial's JSON file.
    ended
        When each epoch of each fit ended, in ISO 8601; may be shorter or empty.
    otherwise
        The time of an epoch that has none there, in milliseconds.
    prefix
        Of all names.
    """
    fits = trial_records.decode(fits)
    named = [number for number, fit in enumerate(fits) if pruners.validation_accuracy(fit["metrics"])]
    chosen = (named or [len(fits) - 1])[-1]
    for number, fit in enumerate(fits):
        times = [milliseconds(text) for text in ended[number]] if number < len(ended) else []
        accuracy = pruners.validation_accuracy(fit["metrics"])
        groups = [""] * (number == chosen) + [f"fit {number}/"] * (len(fits) > 1)
        for name, values in fit["metrics"].items():
            for group in groups:
                key = cleaned(prefix + group + short_name(name, accuracy))
                for step, value in enumerate(values):
                    # Some metrics are not of every epoch.
                    if value is not None:
                        yield key, float(value), times[step] if step < len(times) else otherwise, step


def short_name(name: str, validation_accuracy: str | None) -> str:
    """What MLflow shows a metric of Keras as, where ``validation_accuracy`` is the name of that, if there is one."""
    if validation_accuracy and name == validation_accuracy:
        return VALIDATION_ACCURACY
    if validation_accuracy and name == validation_accuracy.removeprefix("val_"):
        return ACCURACY
    return ACCURACY if name == "accuracy" else name


def hyperparameters(values: dict) -> dict[str, str]:
    """Hyperparameters as MLflow takes them: names of its alphabet, values as texts."""
    return {cleaned(name): str(value) for name, value in values.items()}


def described(values: dict[str, str]) -> dict[str, str]:
    """Texts of any length and kind as tags."""
    return {name: flat(value)[:LONGEST_TAG] for name, value in values.items()}


def commit(happened: dict) -> dict[str, str]:
    """The tags that tell the commit of the model file, if it was under Git."""
    found = happened.get("git") or {}
    if not found.get("commit"):
        return {}
    return {"mlflow.source.git.commit": found["commit"], "snakeras.git.changed": str(found["changed"]).lower()}


def cleaned(name: str) -> str:
    """A name in MLflow's alphabet."""
    return re.sub(r"[^/\w.\- :]", "_", name).strip("/.")[:LONGEST_KEY] or "_"


def milliseconds(text: str) -> int:
    """A time in ISO 8601 as milliseconds since 1970."""
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000)
