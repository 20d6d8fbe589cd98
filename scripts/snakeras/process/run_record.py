"""What merely happened while something was computed: times, host, device, memory. Never part of a result."""

import datetime
import os
import platform
import resource
import sys
from pathlib import Path

from snakeras.core import files

# getrusage counts in KiB on Linux and in bytes on macOS.
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024


def now() -> datetime.datetime:
    """The time here, with its offset from UTC."""
    return datetime.datetime.now(datetime.UTC).astimezone()


def write(path: Path, started: datetime.datetime, threads: int, more: dict) -> None:
    """Write what happened from ``started`` until now to ``path`` as JSON.

    ``peak_memory_mb`` is that of the largest process computing for this one, in MiB; ``cpu_seconds`` is that of all.

    Parameters
    ----------
    threads
        CPU threads of the computing process.
    more
        What it told, if it came so far: ``device``; ``epochs_ended``, when each epoch of each fit ended; ``data``,
        shape and dtype of each array. And ``git``, by ``provenance.commit``.
    """
    finished = now()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    document = {
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
    }
    files.write_json(path, document | more)
