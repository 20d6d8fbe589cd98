"""The summary of a search on one page: its data, what was found, what it cost, and how to run it again."""

from pathlib import Path

from snakeras.core import files, times
from snakeras.final import test_figures
from snakeras.report import captions, search_data
from snakeras.search import warm_start


def write(
    search: dict, best: dict, metrics: dict, data: dict | None, run_record: dict, command: str, html: Path
) -> dict:
    """Write the page, and return the figures of its caption.

    ``search`` is by ``search_data.describe``; ``best``, ``metrics``, ``data`` and ``run_record`` are the documents
    ``best.json``, ``final/metrics.json``, ``data.json`` (None where the script has its own data function) and
    ``final/run.json``; ``command`` is what to call to run the search again.
    """
    warm = search.get("warm_start")
    figures = {
        "search": search,
        "settings": search["search"],
        "best": best,
        "metrics": metrics,
        "tested": test_figures.named(metrics),
        "data": data,
        "run": run_record,
        "command": command,
        "saved_epochs": saved_epochs(search),
        "warm_start": warm_start.told(warm["used"], warm["not_used"]) if warm else None,
        **search_data.counts(search),
        **_spent([trial for trial in search["trials"] if trial["status"] != "skipped" and trial["finished"]]),
    }
    body = captions.filled((captions.REPORT / "summary.html").read_text(encoding="utf-8"), figures, html=True)
    files.write_text(html, captions.page(f"{search['name']}: summary", body))
    return figures


def saved_epochs(search: dict) -> int | None:
    """Return the epochs that pruning saved: what the pruned trials did not train of all that they would have.

    They would have trained as many as each completed one did, several fits in a trial together, or as ``epochs`` of the
    settings if that is more. None where the completed ones differ and the settings do not say: then nobody knows.
    """
    completed = {trial["epochs"] for trial in search["trials"] if trial["status"] == "completed"}
    planned = max(search["search"].get("epochs") or 0, *(completed if len(completed) == 1 else [0]))
    pruned = [trial["epochs"] for trial in search["trials"] if trial["status"] == "pruned"]
    return sum(max(0, planned - epochs) for epochs in pruned) if planned else None


def _spent(trials: list[dict]) -> dict[str, str | None]:
    """Return the time of all trials together, from the first to the last, in which one ran, and what that gained."""
    if not trials:
        return dict.fromkeys(("computing", "wall", "active", "speed_up"))
    computing, active = sum(trial["seconds"] for trial in trials), times.busy_seconds(trials)
    first = min(times.moment(trial["started"]) for trial in trials)
    last = max(times.moment(trial["finished"]) for trial in trials)
    return {
        "computing": times.duration(computing),
        "wall": times.duration((last - first).total_seconds()),
        "active": times.duration(active),
        "speed_up": f"{computing / active:.1f}" if active else None,
    }
