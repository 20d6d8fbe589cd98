"""The last lines of a search on the terminal: what was found, and where to look."""

import json
from pathlib import Path

from snakeras.core import files
from snakeras.core.settings import TrackingSettings
from snakeras.core.text import number
from snakeras.search import trial_records
from snakeras.workflow.search_files import SearchFiles


def summary(results: str, tracking: TrackingSettings | None) -> str | None:
    """Return the last lines of a finished search, from its results folder; None if it is not finished.

    Parameters
    ----------
    tracking
        Where it is tracked; None to leave that out.
    """
    folder = Path(results)
    try:
        best = json.loads((folder / "best.json").read_text(encoding="utf-8"))
        metrics = json.loads((folder / "final" / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # After a run for best.json alone, the final model beside it is of an earlier search.
    if metrics["hyperparameters"] != best["hyperparameters"]:
        return None
    point = ", ".join(f"{name}={number(value)}" for name, value in best["hyperparameters"].items())
    lines = ["", f"Best hyperparameters (trial {trial_records.name(best['trial'])}): {point}"]
    if best["val_accuracy"] is not None:
        lines.append(f"Validation accuracy in the search: {best['val_accuracy']:.4f}")
    lines.append(_test_result(metrics))
    lines.append(f"Files: {folder / 'best.json'}, {folder / 'trials.csv'}, {folder / 'final'}/")
    if tracking and tracking.mflux:
        lines.append(f"Tracked in MFlux.ai; to look: {tracking.mflux_host or 'https://www.mflux.ai'}")
    elif tracking and tracking.uri:
        lines.append(f"Tracked in MLflow; to look: {_ui_command(tracking.uri)}")
    return "\n".join(lines)


def _test_result(metrics: dict) -> str:
    if metrics["test_accuracy"] is not None:
        low, high = metrics["test_accuracy_interval"]
        accuracy = f"{metrics['test_accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f})"
        return f"Test accuracy of the final model:  {accuracy}"
    if metrics["test_loss"] is not None:
        return f"Test loss of the final model: {metrics['test_loss']:.6g}"
    if metrics["model"] is None:
        return f"The model file trains no model to keep; its loss with these: {metrics['loss']:.6g}"
    return "The final model was not tested: its fit had no validation data to test it on"


def unpublished(search_files: SearchFiles, made_with: dict) -> str | None:
    """Return the last lines of a search of which only publishing is missing; None if anything else is.

    Parameters
    ----------
    made_with
        The settings that decide what a trial gives.
    """
    missing = [path for path in search_files.published if not Path(path).exists()]
    try:
        best = json.loads(Path(search_files.results, "best.json").read_text(encoding="utf-8"))
        # It may be of an earlier configuration.
        current = (
            best["provenance"]["config"] == made_with
            and best["provenance"]["model_sha256"] == files.sha256_of_file(Path(search_files.model[0]))
            and sum(best["trials"].values()) == len(search_files.trials)
            # Snakemake deletes the outputs of a job that failed.
            and all(Path(path).exists() for path in search_files.trials)
        )
    except (OSError, ValueError, KeyError):
        return None
    lines = summary(search_files.results, tracking=None)
    if not missing or not current or not lines:
        return None
    return f"{lines}\nNot all of it is published yet: see the lines above, then call again"


def _ui_command(uri: str) -> str:
    """Return how to open the MLflow UI on a tracking URI."""
    if uri.startswith(("http://", "https://")):
        return uri
    return f"mlflow ui --backend-store-uri {uri}"
