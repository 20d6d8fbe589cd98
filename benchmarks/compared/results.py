"""The results of all searches, read from their files, and what tables and pictures take from them."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compared.rows import PEERS, ROWS
from compared.tasks import TASKS, Task


@dataclass(frozen=True)
class Run:
    """One search that ended well."""

    seconds: float
    memory: float  # MB
    machine: str
    epochs: int
    curve: list  # (seconds, score) of each trial's end, in the order of time
    best: float
    test: float
    phases: dict  # seconds, by ``phases.PHASES``; empty of other libraries

    def reached(self, task: Task, score: float) -> float:
        """Return when a trial first ended with this score or a better one; infinity for never."""
        wanted = task.loss(score)
        return next((at for at, found in self.curve if task.loss(found) <= wanted), np.inf)

    def best_at(self, task: Task, seconds: float) -> float:
        """Return the best score until then; NaN before the first."""
        losses = [task.loss(found) for at, found in self.curve if at <= seconds]
        return task.loss(min(losses)) if losses else np.nan


@dataclass(frozen=True)
class Compared:
    """All searches on one task."""

    name: str
    rows: dict[str, dict[int, Run]]  # by row and seed
    errors: dict[str, str]  # why a row has none

    @property
    def task(self) -> Task:
        """Return what was searched."""
        return TASKS[self.name]

    @property
    def seeds(self) -> list[int]:
        """Return all seeds."""
        return sorted({seed for runs in self.rows.values() for seed in runs})

    @property
    def peers(self) -> dict[str, dict[int, Run]]:
        """Return the rows that are neither ours nor the tutorial's way."""
        return {row: runs for row, runs in self.rows.items() if row in PEERS}

    def target(self, seed: int) -> float:
        """Return the best score of the median peer; NaN without peers."""
        found = [runs[seed].best for runs in self.peers.values() if seed in runs]
        return float(np.median(found)) if found else np.nan


def read(paths: list[Path]) -> list[Compared]:
    """Return what files ``runs/TASK/ROW/SEED.json`` say, tasks and rows in their own order."""
    found, errors = {}, {}
    for path in paths:
        document, (task, row, seed) = json.loads(path.read_text()), path.with_suffix("").parts[-3:]
        if "error" in document:
            errors.setdefault(task, {})[row] = document["error"]
        else:
            known = {name: document[name] for name in Run.__dataclass_fields__}
            found.setdefault(task, {}).setdefault(row, {})[int(seed)] = Run(**known)
    return [
        Compared(task, {row: found[task][row] for row in ROWS if row in found.get(task, {})}, errors.get(task, {}))
        for task in TASKS
        if task in found or task in errors
    ]
