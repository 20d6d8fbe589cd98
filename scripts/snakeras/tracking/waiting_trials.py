"""Publish in one process all trials that waited for it: to import MLflow takes longer than to publish a trial."""

from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import connection, trial_run


def publish_trial(
    tracking: TrackingSettings,
    parent: dict,
    name: str,
    trial: str,
    trials: Path,
    manifest: Path | None,
    waiting: list[str],
    published: Path,
) -> dict:
    """Publish a trial, or find that another job has; return what ``trial_run.publish_trial`` does.

    The first job of a trial that waits also publishes the others. Their jobs wait for it, before they import MLflow.
    One that it could not publish is left to its own job, which says why.

    Args:
        tracking, parent, name, manifest: As for ``trial_run.publish_trial``.
        trial: The trial's number, as its files in the folder ``trials`` are called.
        waiting: The trials whose results were there when Snakemake started.
        published: A folder for what was published of these since then.
    """

    def publish(number: str) -> dict:
        paths = trials / f"{number}.json", trials / f"{number}.run.json", trials / number
        return trial_run.publish_trial(tracking, parent, name, *paths, manifest)

    if trial not in waiting:
        return publish(trial)
    with connection.locked(str(published.absolute()), timeout=-1):
        if (result := published / f"{trial}.json").exists():
            return files.read_json(result)
        own = publish(trial)
        files.write_json(result, own)
        for path in (published / f"{other}.json" for other in waiting):
            if not path.exists():
                try:
                    files.write_json(path, publish(path.stem))
                except UserError:
                    break
    return own
