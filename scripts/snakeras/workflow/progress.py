"""Lines about the progress of a search: a trial's outcome, the best so far, the time left. Read from trials' files."""

from collections import Counter
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.times import busy_seconds, duration, moment
from snakeras.process import lifetime
from snakeras.search import best_trial, earlier_trials, pruners, trial_records

KEYS = ("trial", "status", "failure", "pruned", "loss", "fits", "determined_by")


def starts(trial: int, total: int) -> str:
    """Return the line for a trial that begins."""
    return f"trial {trial_records.name(trial)} starts, one of {total}"


def best_completed(records: list[dict]) -> dict | None:
    """Return the best of the completed trials; None without any."""
    return best_trial.best(record for record in records if record["status"] == "completed")


def ends(trial: int, total: int, folder: Path, parallelism: int, earlier: list[dict], model: Path | None = None) -> str:
    """Return the line for a trial that has just written its files into ``folder``.

    It reads only the trials that may have run at the same time: all that this one looked back on, ``earlier``, are
    finished. So it takes no longer for the thousandth trial than for the first. ``model``, the model file, is to say
    where a trial failed. Of skipped trials, only the first one's line says all.
    """
    before = len(earlier_trials.visible(trial, parallelism))
    near = range(max(0, before - parallelism), min(total, trial + 2 * parallelism))
    ended = {number: pair for number in near if (pair := read(folder, number))}
    this, _ = ended[trial]
    # Files of an earlier configuration may still lie there, of trials that will run again.
    ended = {
        number: (record, run)
        for number, (record, run) in ended.items()
        if _same_search(record, this) and not _was_skipped(record, run, this)
    }
    records = [*earlier, *(record for number, (record, _) in ended.items() if number >= before)]
    like = _like(this, ended)
    parts = [f"trial {trial_records.name(trial)}: {like or outcome(this, model)}"]
    if (best := best_completed(records)) and like != "skipped":
        parts.append(f"best so far {outcome(best)} (trial {trial_records.name(best['trial'])})")
    parts.append(f"{len(records)} of {total} done{bad(Counter(record['status'] for record in records))}")
    if left := seconds_left(total, records, list(ended.values())):
        parts.append(f"about {duration(left)} left")
    return "; ".join(parts)


def bad(counts: dict[str, int]) -> str:
    """Return in brackets how many trials were pruned, failed or skipped; nothing if all completed."""
    named = [f"{counts[status]} {status}" for status in ("pruned", "failed", "skipped") if counts.get(status)]
    return f" ({', '.join(named)})" if named else ""


def seconds_left(total: int, records: list[dict], pace: list[tuple[dict, dict]]) -> float:
    """Return how long the trials take that are not among these records, at the ``pace`` of records and their runs.

    From the first skipped trial on, they take no time.
    """
    end = min((record["trial"] for record in records if record["status"] == "skipped"), default=total)
    left = end - sum(record["trial"] < end for record in records)
    runs = [run for record, run in pace if record["status"] != "skipped"]
    return left * busy_seconds(runs) / len(runs) if runs else 0.0


def read(folder: Path, trial: int) -> tuple[dict, dict] | None:
    """Return what lines need of a trial's record and run record; None if its files are not whole."""
    path = folder / f"{trial_records.name(trial)}.json"
    try:
        record, run = files.read_json(path), files.read_json(path.with_suffix(".run.json"))
        known = {key: record[key] for key in KEYS} | {key: record.get(key) for key in ("failed_at", "skipped")}
        return known, {key: run[key] for key in ("started", "finished")}
    # Another trial's file may be missing, just being replaced, or left from another version.
    except (UserError, KeyError):
        return None


def _same_search(record: dict, other: dict) -> bool:
    keys = ("model", "search", "data", "warm_start")
    return all(record["determined_by"].get(key) == other["determined_by"].get(key) for key in keys)


def _was_skipped(record: dict, run: dict, this: dict) -> bool:
    """Return whether a trial was skipped in an earlier run of Snakemake, and so may run again after ``this`` one."""
    is_skipped = record["status"] == "skipped" != this["status"]
    return is_skipped and moment(run["finished"]).timestamp() < lifetime.snakemake_started()


def _like(record: dict, ended: dict[int, tuple[dict, dict]]) -> str | None:
    """Return how a trial failed or was skipped in a few words, if an earlier one beside it was so in the same way."""
    before = [other for other, _ in ended.values() if other["trial"] < record["trial"]]
    alike = [other for other in before if other["status"] == record["status"]]
    if record["status"] == "skipped":
        return "skipped" if alike else None
    if record["status"] != "failed":
        return None
    twin = next((other for other in alike if trial_records.reason(other) == trial_records.reason(record)), None)
    return twin and f"failed in the same way as trial {trial_records.name(twin['trial'])}"


def outcome(record: dict, model: Path | None = None) -> str:
    """Return how a trial ended, in a few words."""
    if record["status"] == "failed":
        # Keras explains at length; all of it is in the trial's file.
        return f"failed ({trial_records.reason(record, model, 200)})"
    if record["status"] == "skipped":
        return f"skipped ({record['skipped']})"
    if record["status"] == "pruned":
        pruned = record["pruned"]
        return f"pruned after epoch {pruned['epoch']} ({pruned['monitor']} {pruned['value']:.4f})"
    return ", ".join([f"loss {record['loss']:.6g}", *monitored(record)])


def monitored(record: dict) -> list[str]:
    """Return the metric that the pruner goes by and its last value, as a text; empty if there is none beside the loss.

    That is the last fit's that has it, as a trial's ``val_accuracy``.
    """
    monitor = record["determined_by"].get("search", {}).get("pruner", {}).get("monitor", "auto")
    for metrics in (fit["metrics"] for fit in reversed(record["fits"])):
        if found := pruners.monitored(metrics, monitor, "auto"):
            value = metrics[found[0]][-1]
            # A value that JSON cannot express is no float.
            return [f"{found[0]} {value:.4f}"] if isinstance(value, float) and value != record["loss"] else []
    return []
