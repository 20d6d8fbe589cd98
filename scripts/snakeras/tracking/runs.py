"""Runs on a tracker: found by their tags or created, then filled by calls that may be repeated.

A run is created, filled and ended last, so publishing can stop anywhere and be called again.
"""

import getpass
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from snakeras.tracking import connection

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Metric, Run

# Tags by which runs are found again.
SEARCH_DIGEST, TRIAL_DIGEST, CONTENT = "snakeras.search_digest", "snakeras.digest", "snakeras.content"
PARENT = "mlflow.parentRunId"
# Items in a request. MLflow takes 1000 metrics, and 1 MB: 16 of the longest tags with six bytes a character.
METRICS, VALUES = 1000, 16

Item = TypeVar("Item")


def search(client: "MlflowClient", experiment_id: str, tags: dict[str, str]) -> list["Run"]:
    """Return all runs that bear these tags, in the order of their ids."""
    condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    found = pages(lambda token: client.search_runs([experiment_id], condition, page_token=token))
    return sorted(found, key=lambda run: run.info.run_id)


def find(client: "MlflowClient", experiment_id: str, tags: dict[str, str]) -> "Run | None":
    """Return the run that bears these tags, None without one.

    Two machines may have created one each at the same moment: all but the first are deleted.
    """
    found = search(client, experiment_id, tags)
    for run in found[1:]:
        client.delete_run(run.info.run_id)
    return found[0] if found else None


def find_or_create(client: "MlflowClient", experiment_id: str, name: str, tags: dict[str, str], start: int) -> "Run":
    """Return the run that bears these tags, else a new one; ``start`` in milliseconds since 1970."""
    try:
        user = getpass.getuser()
    # Some containers have no name for the user's number.
    except (KeyError, OSError):
        user = str(os.getuid())
    source = {"mlflow.user": user, "mlflow.source.type": "PROJECT"}
    return connection.created_once(
        lambda: find(client, experiment_id, tags),
        lambda: client.create_run(experiment_id, start, tags=source | tags, run_name=name),
    )


def log_values(client: "MlflowClient", run_id: str, parameters: dict[str, str], tags: dict[str, str]) -> None:
    """Log parameters and set tags."""
    from mlflow.entities import Param, RunTag
    from mlflow.utils import chunk_list

    for some in chunk_list([Param(*item) for item in parameters.items()], VALUES):
        client.log_batch(run_id, params=some)
    for some in chunk_list([RunTag(*item) for item in tags.items()], VALUES):
        client.log_batch(run_id, tags=some)


def log_metrics(client: "MlflowClient", run: "Run", points: Iterable[tuple]) -> None:
    """Log those points that the run does not have: MLflow cannot remove one, and some stores keep it twice.

    A point has the arguments of ``mlflow.entities.Metric``, as ``run_values.Point``.
    """
    from mlflow.entities import Metric
    from mlflow.utils import chunk_list

    new = {point_key(metric): metric for metric in (Metric(*point) for point in points)}
    for key in run.data.metrics.keys() & {metric.key for metric in new.values()}:
        for point in client.get_metric_history(run.info.run_id, key):
            new.pop(point_key(point), None)
    for some in chunk_list(list(new.values()), METRICS):
        client.log_batch(run.info.run_id, metrics=some)


def point_key(point: "Metric") -> tuple:
    """Return what makes a point of a metric the same: SQL stores have no infinity, and NaN has to equal itself."""
    value = "nan" if math.isnan(point.value) else min(max(point.value, -sys.float_info.max), sys.float_info.max)
    return point.key, point.step, point.timestamp, value


def log_datasets(client: "MlflowClient", run_id: str, datasets: list["DatasetInput"]) -> None:
    """Make datasets inputs of a run.

    Trials share datasets. If two bring a new one at the same moment the tracker refuses one of them; a second attempt
    finds the dataset there.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.log_inputs(run_id, datasets)
    except MlflowException:
        client.log_inputs(run_id, datasets)


def pages(request: Callable[[str | None], Iterable[Item]]) -> Iterator[Item]:
    """Yield the items of all pages of a search; ``request`` returns the page of a token."""
    token = None
    while True:
        page = request(token)
        yield from page
        token = page.token
        if not token:
            return
