"""What runs in a working directory, and waiting for it."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

GUARD = 300  # seconds; only a test that hangs comes near it, on a slow machine too


def wait_for(condition: Callable[[], object]) -> object:
    """Return what ``condition`` gives as soon as it is true."""
    deadline = time.monotonic() + GUARD
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def command_lines(folder: Path) -> list[str]:
    """Return the command line of each process that runs in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        # It may have ended since it was listed.
        except psutil.Error:
            continue
    return found
