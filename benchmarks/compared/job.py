"""What one search of the comparison is told."""

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compared import tasks


@dataclass(frozen=True)
class Job:
    """One search: by which library, on what, and how much."""

    library: str
    task: str
    seed: int
    trials: int  # the budget: so many trials of so many epochs
    epochs: int
    threads: int  # cores
    data: str  # folder of the task's arrays
    folder: str  # for whatever the library writes
    samples: int | None = None  # at most so many of each array; None: all
    kept: bool = False  # use what the library has to go on after it was killed
    at_once: int = 1  # trials
    ours: dict = dataclasses.field(default_factory=dict)  # settings of Snakeras's search, over config.yaml and the row

    @property
    def about(self) -> tasks.Task:
        """Return the task itself."""
        return tasks.TASKS[self.task]

    @property
    def threads_each(self) -> int:
        """Return the threads of one trial, where trials at a time share the cores."""
        return max(1, self.threads // self.at_once)

    @cached_property
    def arrays(self) -> list:
        """Return what to train and to validate on."""
        return tasks.arrays(self.data, "train", "validation")

    def train(self, hp: dict, after_epoch: tasks.AfterEpoch | None = None) -> float:
        """Train one trial, and return its loss."""
        import keras

        # clear_session would take away the state of a trial that another thread is training.
        if self.at_once == 1:
            keras.backend.clear_session()
        return tasks.trained(self.about, hp, self.arrays, self.epochs, after_epoch)["loss"]

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(dataclasses.asdict(self))

    def file(self, name: str) -> Path:
        """Return a path for the library's own use."""
        return Path(self.folder, name)
