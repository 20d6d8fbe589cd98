"""What becomes of a search that is killed, that runs its trials two at a time, or that gets more trials later."""

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from compared import trace
from compared.job import Job
from compared.measure import SearchFailed, at_once, watched
from compared.rows import ROWS


def outcome(fits: list[trace.Fit]) -> list[str]:
    """Return what the fits of a search found, in an order that is not that of time."""
    return sorted(json.dumps([fit.hp, fit.epochs, fit.score], sort_keys=True) for fit in fits)


def beside(job: Job, name: str, **changes: object) -> Job:
    """Return the same search in a folder of its own."""
    return replace(job, folder=str(Path(job.folder) / name), **changes)


def searched(job: Job) -> list[trace.Fit]:
    """Run a search to its end, and return its fits."""
    watched(job)
    return trace.fits(job.folder)


def killed(job: Job) -> dict:
    """Kill a search in the middle of its trials, start it again, and compare it with one that was left alone.

    Raises:
        SearchFailed: When it ends before it can be killed.
    """
    whole, job = searched(beside(job, "whole", kept=True)), beside(job, "killed", kept=True)
    if not watched(job, lambda: len(trace.fits(job.folder)) > len(whole) // 2).killed:
        raise SearchFailed("it ended before it could be killed")
    before, again = trace.fits(job.folder), time.time()
    watched(job)
    # The last ones were under way, or had just ended.
    return resumed(whole, before, trace.fits(job.folder, again), at_once(job))


def resumed(whole: list[trace.Fit], before: list[trace.Fit], after: list[trace.Fit], under_way: int) -> dict:
    """Return what a search lost that was killed while some trials were under way, by its fits before and after."""
    ended, expected, repeated = len(before) - under_way, Counter(outcome(whole)), Counter(outcome(after))
    return {
        "ended_before": ended,
        "trials": len(whole),
        "lost": max(0, ended + len(after) - len(whole)),
        # What did not run again is known from before.
        "same": repeated <= expected and expected - repeated <= Counter(outcome(before)),
    }


def parallel(job: Job) -> dict:
    """Run a search twice with two trials at a time."""
    if not ROWS[job.library].parallel:
        return {"same": None}
    once, twice = (outcome(searched(beside(job, name, at_once=2))) for name in ("once", "twice"))
    return {"same": once == twice}


def raised(job: Job) -> dict:
    """Run a search, then give it half as many trials more."""
    before = len(searched(beside(job, "raised", kept=True)))
    more = beside(job, "raised", kept=True, trials=job.trials * 3 // 2)
    again = time.time()
    watched(more)
    run = len(trace.fits(more.folder, again))
    return {"before": before, "run": run}


QUESTIONS = {function.__name__: function for function in (killed, parallel, raised)}
