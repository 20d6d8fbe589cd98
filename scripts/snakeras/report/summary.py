"""The summary of a search on one page: its data, what was found, what it cost, and how to run it again."""

import math
from pathlib import Path

from snakeras.core import files, times
from snakeras.core.text import number
from snakeras.report import captions, pages, search_data


def saved_epochs(search: dict) -> int | None:
    """Return the epochs that pruning spared: what the pruned trials did not train of all that they would have.

    They would have trained as many as each completed one did, several fits in a trial together, or as ``epochs`` of the
    settings if that is more. None where the completed ones differ and the settings do not say: then nobody knows.
    """
    completed = {trial["epochs"] for trial in search["trials"] if trial["status"] == "completed"}
    known = [search["search"].get("epochs") or 0, *(completed if len(completed) == 1 else [])]
    planned = max(known)
    if not planned:
        return None
    pruned = [trial["epochs"] for trial in search["trials"] if trial["status"] == "pruned"]
    return sum(max(0, planned - epochs) for epochs in pruned)


def figures(search: dict, best: dict, metrics: dict, data: dict | None, run_record: dict, command: str) -> dict:
    """Return all that the page and its caption tell, texts and numbers; None for what does not apply or is not known.

    Parameters
    ----------
    search
        By ``search_data.describe``.
    best, metrics, data, run_record
        The documents ``best.json``, ``final/metrics.json``, ``data.json`` and ``final/run.json``; ``data`` is None
        where the script has its own data function.
    command
        What to call to run the search again.
    """
    settings, trials = search["search"], search["trials"]
    memory = [trial["peak_memory_mb"] for trial in trials if trial["peak_memory_mb"] is not None]
    interval = metrics["test_accuracy_interval"]
    made_with = best["provenance"]
    git = run_record.get("git")
    return {
        "name": search["name"],
        "dataset": data and data["dataset"],
        "arrays": _arrays(data) if data else [],
        "validation_share": data and number(100 * data["validation_fraction"]),
        "data_sha256": made_with["data_sha256"],
        "algorithm": settings["algo"],
        "startup_trials": settings.get("startup_trials") if settings["algo"] == "tpe" else None,
        **search_data.counts(search),
        "parallelism": settings["parallelism"],
        "seed": settings["seed"],
        "pruner": _pruner(settings.get("pruner") or {"type": "none"}),
        "objective": search["objective"]["label"],
        "best": best["trial"],
        "hyperparameters": {name: number(value) for name, value in best["hyperparameters"].items()},
        "val_accuracy": _accuracy(best["val_accuracy"]),
        "loss": _number(best["loss"]),
        "model": metrics["model"],
        "parameters": metrics["parameters"] and f"{metrics['parameters']:,}",
        "final_loss": _number(metrics["loss"]),
        "test_accuracy": _accuracy(metrics["test_accuracy"]),
        "test_interval": interval and [_accuracy(end) for end in interval],
        "test_loss": _number(metrics["test_loss"]),
        "test_samples": metrics["test_samples"],
        "test_seen": metrics["test_data_seen_by_search"],
        "train_on": metrics["train_on"],
        "epochs": sum(trial["epochs"] for trial in trials),
        "saved_epochs": saved_epochs(search),
        **_spent([trial for trial in trials if trial["started"] and trial["finished"]]),
        "devices": ", ".join(sorted({trial["device"] for trial in trials if trial["device"]})) or None,
        "memory": f"{max(memory):.0f}" if memory else None,
        "command": command,
        "commit": git and git["commit"],
        "changed": bool(git and git["changed"]),
        "commit_of": git and git.get("of"),
        "python": run_record.get("python"),
        "packages": made_with["packages"],
        "config_sha256": made_with["config_sha256"],
        "model_sha256": made_with["model_sha256"],
    }


def write(
    search: dict, best: dict, metrics: dict, data: dict | None, run_record: dict, command: str, html: Path
) -> dict:
    """Write the page, and return the figures of the caption, both as of ``figures``."""
    found = figures(search, best, metrics, data, run_record, command)
    body = captions.filled((pages.REPORT / "summary.html").read_text(encoding="utf-8"), found, html=True)
    files.write_text(html, pages.page(f"{search['name']}: summary", body))
    return found


def _spent(trials: list[dict]) -> dict[str, str | None]:
    """Return the time of all trials together, from the first to the last, in which one ran, and what that gained."""
    if not trials:
        return dict.fromkeys(("computing", "wall", "active", "speed_up"))
    computing, active = sum(trial["seconds"] for trial in trials), times.busy_seconds(trials)
    first, last = (
        choose(times.moment(trial[key]) for trial in trials) for choose, key in ((min, "started"), (max, "finished"))
    )
    return {
        "computing": times.duration(computing),
        "wall": times.duration((last - first).total_seconds()),
        "active": times.duration(active),
        "speed_up": f"{computing / active:.1f}" if active else None,
    }


def _arrays(data: dict) -> list[tuple[str, str]]:
    """Return name, shape and dtype of each prepared array."""
    return [
        (name, f"{' × '.join(map(str, entry['shape']))}, {entry['dtype']}") for name, entry in data["arrays"].items()
    ]


def _pruner(settings: dict) -> str:
    more = ", ".join(f"{key} {value}" for key, value in settings.items() if key != "type")
    return f"{settings['type']} ({more})" if more else settings["type"]


def _accuracy(value: object) -> str | None:
    return f"{100 * value:.2f} %" if isinstance(value, int | float) else None


def _number(value: object) -> str | None:
    return f"{value:.6g}" if isinstance(value, int | float) and math.isfinite(value) else None
