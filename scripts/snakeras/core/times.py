"""Times of runs: read from run.json, added up, written for people."""

import datetime


def moment(text: str) -> datetime.datetime:
    """Return a time of run.json (ISO 8601, with its offset from UTC)."""
    return datetime.datetime.fromisoformat(text)


def duration(seconds: float) -> str:
    """Return a time span for people, in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def busy_seconds(runs: list[dict]) -> float:
    """Return for how many seconds at least one of these runs (as in run.json) was going on, without pauses."""
    spans = sorted((moment(run["started"]), moment(run["finished"])) for run in runs)
    total, until = datetime.timedelta(), spans[0][0] if spans else None
    for start, end in spans:
        total += max(end - max(start, until), datetime.timedelta())
        until = max(end, until)
    return total.total_seconds()
