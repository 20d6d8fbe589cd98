"""Progress for people: which trial of how many, the best so far, time left. Read from the trials' files."""

import json
import textwrap
from pathlib import Path

from snakeras.core.times import busy_seconds, duration
from snakeras.search import best_trial, trial_records

KEYS = ("trial", "status", "failure", "pruned", "loss", "val_accuracy")


def starts(trial: int, total: int) -> str:
    """The line for a trial that begins."""
    return f"trial {trial_records.name(trial)} starts, one of {total}"


def best_of(documents: list[dict]) -> dict | None:
    """What a line needs of the best of these trials; None without a completed one."""
    best = best_trial.best(documents)
    return best if best and best["status"] == "completed" else None


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
