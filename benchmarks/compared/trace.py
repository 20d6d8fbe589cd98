"""The trace of a search: a line for each epoch of each fit, from any of its processes, written immediately."""

import itertools
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

VARIABLE = "PEERS_TRACE"  # names its file in the environment of a search
FILE = "trace.jsonl"
numbers = itertools.count()


@dataclass(frozen=True)
class Fit:
    """One fit."""

    at: float  # the end of its last epoch, seconds since the epoch
    epochs: int
    score: float  # after the last epoch
    hp: dict
    clock: dict  # by ``tasks.traced``


def new_fit() -> str:
    """Return a name for one more fit."""
    return f"{os.getpid()}-{next(numbers)}"


def note(hp: dict, fit: str, epoch: int, score: float, clock: dict | None = None) -> None:
    """Add a line: so many epochs of a fit have ended; ``clock`` is that of ``Fit``."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in hp.items()}
    line = {"at": time.time(), "fit": fit, "epoch": epoch, "score": score, "hp": plain, "clock": clock or {}}
    # One write of a short line: those of processes beside this one do not mix with it.
    with Path(os.environ[VARIABLE]).open("a") as file:
        file.write(json.dumps(line) + "\n")


def fits(folder: str | Path, since: float = 0.0) -> list[Fit]:
    """Return the fits in a search's folder that trained after a point in time, in the order in which they began."""
    path, found = Path(folder, FILE), {}
    for line in map(json.loads, path.read_text().splitlines() if path.exists() else ()):
        if line["at"] >= since:
            found[line["fit"]] = Fit(line["at"], line["epoch"], line["score"], line["hp"], line["clock"])
    return list(found.values())


def epochs(folder: str | Path) -> int:
    """Return how many epochs a search has trained."""
    return sum(fit.epochs for fit in fits(folder))
