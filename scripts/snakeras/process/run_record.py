"""The run record: time, place and cost of a computation (``run.json``). Never part of a result."""

import datetime
import os
import platform
import resource
import sys

# getrusage counts in KiB on Linux and in bytes on macOS.
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


def now() -> datetime.datetime:
    """Return the local time, with its offset from UTC."""
    return datetime.datetime.now(datetime.UTC).astimezone()


def made(started: datetime.datetime, threads: int, more: dict) -> dict:
    """Return the run record of what the child processes of this one did from ``started`` until now.

    ``peak_memory_mb`` is that of the largest of them, in MiB; ``cpu_seconds`` is that of all.

    Args:
        more: What else is known: ``git``, by ``provenance.commit_of``; ``gpu``, by ``gpus.which``; and, if the
            computing process came so far, ``device``; ``epochs_ended``: when each epoch of each fit ended; ``data``:
            shape and dtype of each array; ``estimator``, by ``kept_models.about``.
    """
    finished = now()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "started": started.isoformat(timespec="milliseconds"),
        "finished": finished.isoformat(timespec="milliseconds"),
        "seconds": round((finished - started).total_seconds(), 3),
        "host": platform.node(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "device": "unknown",
        "threads": threads,
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "peak_memory_mb": round(used.ru_maxrss * _MEMORY_UNIT / 2**20, 1),
    } | more
