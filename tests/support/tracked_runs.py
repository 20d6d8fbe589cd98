"""What a search's tracker holds, and what publishing complains of."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def client_of(uri: str) -> "MlflowClient":
    import mlflow

    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def runs(uri: str, experiment: str) -> tuple["Run", list["Run"]]:
    """The search's run, and those of its trials in the order of their numbers; all else was logged by scripts."""
    client = client_of(uri)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id], max_results=1000)
    trials = [run for run in found if "snakeras.trial" in run.data.tags]
    (search,) = (run for run in found if "mlflow.parentRunId" not in run.data.tags)
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {search.info.run_id}
    others = [run for run in found if run not in trials and run != search]
    assert {run.data.tags["snakeras.trial_run"] for run in others} <= {run.info.run_id for run in trials}
    return search, sorted(trials, key=lambda run: int(run.data.tags["snakeras.trial"]))


def complaints(said: str) -> list[str]:
    """The lines of publishing that people see."""
    return re.findall(r"^publish_\w+: .*", said, re.MULTILINE)
