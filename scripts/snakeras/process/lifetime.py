"""End a process with its parent or with Snakemake, and tell when Snakemake or a cluster's job began."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL = 0.2  # seconds


def die_with_parent(parent: int) -> None:
    """Exit with the process that has the id ``parent``: PR_SET_PDEATHSIG on Linux, polling elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        _die_unless(lambda: os.getppid() == parent)
    # The parent may have ended before the call.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_snakemake() -> None:
    """Exit as soon as the Snakemake that started this process is gone, even by ``kill -9``."""
    import psutil

    snakemake = _nearest_snakemake(psutil.Process())
    if snakemake is not None:
        _die_unless(lambda: snakemake.is_running() and snakemake.status() != psutil.STATUS_ZOMBIE)
    # Started by something else, or orphaned already.
    elif psutil.Process().ppid() == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def snakemake_started() -> float:
    """Return when the Snakemake that started this process began, in seconds since 1970; else when this process did."""
    import psutil

    process = psutil.Process()
    return (_nearest_snakemake(process) or process).create_time()


def job_started() -> float:
    """Return when the cluster job of this process began, in seconds since 1970; else when this process did.

    A cluster's job is a Snakemake for this job alone, perhaps with another in between: starting both takes a while.
    """
    import psutil

    process = psutil.Process()
    first = process
    for ancestor in process.parents():
        with suppress(psutil.Error):
            if "--target-jobs" in ancestor.cmdline():
                first = ancestor
    return first.create_time()


def _nearest_snakemake(process: object) -> object | None:
    import psutil

    for ancestor in process.parents():
        with suppress(psutil.Error):
            if any("snakemake" in Path(word).name for word in ancestor.cmdline()[:3]):
                return ancestor
    return None


def _die_unless(alive: Callable[[], bool]) -> None:
    """Poll ``alive`` in a thread, and kill this process once it says no."""

    def poll() -> None:
        import psutil

        with suppress(psutil.Error):
            while alive():
                time.sleep(POLL)
        # SIGKILL, since a script may have caught any other; the child dies with this process.
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=poll, daemon=True).start()
