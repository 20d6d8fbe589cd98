"""Progress for people: which trial of how many, the best so far, time left. Read from the trials' files."""

import json
import textwrap
from pathlib import Path

from snakeras.core import files
from snakeras.core.times import busy_seconds, duration
from snakeras.search import trial_records

KEYS = ("trial", "status", "failure", "pruned", "loss", "val_accuracy")


def starts(trial: int, total: int) -> str:
    """The line for a trial that begins."""
    return f"trial {trial_records.name(trial)} starts, one of {total}"


def best_of(documents: list[dict]) -> dict | None:
    """What a line needs of the best of these trials; None without a completed one."""
    best = trial_records.best(documents, "completed")
    return best and {key: best.get(key) for key in KEYS}


def ends(trial: int, total: int, folder: Path, parallelism: int, best: dict | None = None) -> str:
    """The line for a trial that has just written its files into ``folder``.

    It costs the same for the first trial as for the thousandth: of the others it reads only those that may have run at
    the same time. All that it looked back on are finished.

    Parameters
    ----------
    best
        Of the trials that it looked back on, by ``best_of``.
    """
    before = len(trial_records.visible(trial, parallelism))
    near = range(max(0, before - parallelism), min(total, trial + 2 * parallelism))
    found = {number: files for number in near if (files := read(folder, number))}
    own = found[trial][0]
    # Trials of an earlier configuration may lie there still, to be run again after this one.
    done = {number: files for number, files in found.items() if _alike(files[0], own)}
    finished = before + sum(number >= before for number in done)
    parts = [f"trial {trial_records.name(trial)}: {outcome(own)}"]
    best = best_of([document for document, _ in done.values()] + ([best] if best else []))
    if best:
        parts.append(f"best so far {outcome(best)} (trial {trial_records.name(best['trial'])})")
    parts.append(f"{finished} of {total} done")
    if left := total - finished:
        parts.append(f"about {duration(left * busy_seconds([run for _, run in done.values()]) / len(done))} left")
    return "; ".join(parts)


def read(folder: Path, number: int) -> tuple[dict, dict] | None:
    """What lines need of a trial's document, and when it ran; None where its files are not whole."""
    try:
        paths = [folder / f"{trial_records.name(number)}{end}" for end in (".json", ".run.json")]
        document, run = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
        own = {key: document[key] for key in (*KEYS, "determined_by")}
        return own, {key: run[key] for key in ("started", "finished")}
    # Another trial's file may be missing, just being replaced, or left from another version.
    except (OSError, ValueError, KeyError):
        return None


def _alike(document: dict, other: dict) -> bool:
    """Whether two trials are of the same search: determined by the same, but for their places in it."""
    keys = ("model", "search", "data")
    return all(document["determined_by"].get(key) == other["determined_by"].get(key) for key in keys)


def outcome(document: dict) -> str:
    """What came of a trial, in a few words."""
    if document["status"] == "failed":
        # Keras explains at length; all of it is in the trial's file.
        return f"failed ({textwrap.shorten(document['failure'], 200, placeholder=' ...')})"
    if document["status"] == "pruned":
        pruned = document["pruned"]
        return f"pruned after epoch {pruned['epoch']} ({pruned['monitor']} {pruned['value']:.4f})"
    if isinstance(document["val_accuracy"], float):
        return f"val_accuracy {document['val_accuracy']:.4f}"
    return f"loss {document['loss']:.6g}"


def summary(folder: Path, tracking: dict) -> str | None:
    """The last lines of a finished search in results folder ``folder``; None where it is not finished."""
    try:
        best = json.loads((folder / "best.json").read_text(encoding="utf-8"))
        metrics = json.loads((folder / "final" / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    # A run that was asked for best.json alone leaves an older final model beside it.
    if metrics["hyperparameters"] != best["hyperparameters"]:
        return None
    point = ", ".join(f"{name}={_short(value)}" for name, value in best["hyperparameters"].items())
    lines = ["", f"Best hyperparameters (trial {trial_records.name(best['trial'])}): {point}"]
    if best["val_accuracy"] is not None:
        lines.append(f"Validation accuracy in the search: {best['val_accuracy']:.4f}")
    if metrics["test_accuracy"] is not None:
        low, high = metrics["test_accuracy_interval"]
        lines.append(
            f"Test accuracy of the final model:  {metrics['test_accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f})"
        )
    elif metrics["test_loss"] is not None:
        lines.append(f"Test loss of the final model: {metrics['test_loss']:.6g}")
    elif metrics["model"] is None:
        lines.append(f"The model file trains no model to keep; its loss with these: {metrics['loss']:.6g}")
    else:
        lines.append("The final model was not tested: its fit had no validation data to test it on")
    lines.append(f"Files: {folder / 'best.json'}, {folder / 'trials.csv'}, {folder / 'final'}/")
    if tracking["mflux"]:
        lines.append(f"Tracked in MFlux.ai; to look: {tracking['mflux_host'] or 'https://www.mflux.ai'}")
    elif tracking["uri"]:
        lines.append(f"Tracked in MLflow; to look: {ui_command(tracking['uri'])}")
    return "\n".join(lines)


def unpublished(plan: object) -> str | None:
    """The last lines of a search of which only publishing is missing; None if anything else is.

    Parameters
    ----------
    plan
        By ``plan.Plan``.
    """
    missing = [path for path in plan.published if not Path(path).exists()]
    try:
        found = json.loads(Path(plan.results, "best.json").read_text(encoding="utf-8"))
        made_with = found["provenance"]
        # What lies there may be of an earlier configuration.
        current = (
            made_with["config"] == {"search": plan.search, "data": plan.data}
            and made_with["model_sha256"] == files.sha256_of_file(Path(plan.model[0]))
            and sum(found["trials"].values()) == plan.max_evals
            # Snakemake takes away what a job that failed was to make.
            and all(Path(path).exists() for path in plan.trials)
        )
    except (OSError, ValueError, KeyError):
        return None
    said = summary(Path(plan.results), plan.tracking | {"uri": None, "mflux": False})
    if not missing or not current or not said:
        return None
    return f"{said}\nNot all of it is published yet: see the lines above, then call again"


def ui_command(uri: str) -> str:
    """How to open the MLflow UI on a tracking URI."""
    if uri.startswith(("http://", "https://")):
        return uri
    return f"mlflow ui --backend-store-uri {uri}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
