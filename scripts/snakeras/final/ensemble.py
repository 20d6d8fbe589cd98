"""An ensemble: the models of several trainings, averaged into one that is tested like any other final model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from snakeras.core.errors import UserError
from snakeras.final import average, final_model, held_out
from snakeras.model_file import kept_models, loader
from snakeras.search import trial_records

# What metrics.json says of each member: of its training, then of its test.
TRAINED = ("trial", "number", "seed", "hyperparameters", "loss", "val_accuracy", "fits")
TESTED = ("parameters", "test_loss", "test_metrics", "test_accuracy", "test_accuracy_interval", "outputs", "not_tested")


@dataclass(frozen=True)
class Member:
    """One training whose model may be averaged."""

    record: dict
    folder: Path  # of its model

    @property
    def name(self) -> str:
        """For lines and layers, such as ``0003_1``: its trial and its seed."""
        return self.folder.name

    @property
    def failure(self) -> str | None:
        """Why there is no model to average; None if there is."""
        loss = self.record["loss"]
        if self.record["failure"]:
            return trial_records.reason(self.record)
        if loss is not None and not math.isfinite(trial_records.decode(loss)):
            return f"its loss is {trial_records.decode(loss)}"
        return None if kept_models.find(self.folder) else "it gave no model to keep"


def read(paths: Sequence[Path], notes: TextIO) -> list[Member]:
    """Return the members; write a line in ``notes`` for each that has no model.

    Args:
        paths: Their JSON files, the best trial's first; their models are in folders beside them.

    Raises:
        UserError: When there are members, and none has a model.
    """
    found = [Member(trial_records.read(path), path.with_suffix("")) for path in paths]
    failed = [member for member in found if member.failure]
    for member in failed:
        notes.write(f"member {member.name} is left out: {member.failure}\n")
    if failed and len(failed) == len(found):
        raise UserError(f"final.ensemble: all {len(found)} members failed, the first: {found[0].failure}")
    return found


def averaged(
    members: list[Member], model_file: loader.Loaded, test: held_out.HeldOut | str
) -> tuple[object, list[dict]]:
    """Return the average of the members' models, and what metrics.json says of each member.

    Raises:
        UserError: As ``kept_models.load`` and ``average.of``.
    """
    with kept_models.known(vars(model_file.module)):
        models = {member.name: kept_models.load(member.folder) for member in members if not member.failure}
        # Each by itself, before the average changes their names.
        tests = {name: final_model.tested(model, test, None)[0] for name, model in models.items()}
        return average.of(models), [_described(member, tests.get(member.name)) for member in members]


def _described(member: Member, test: dict | None) -> dict:
    """Return what metrics.json says of a member: its training, and its test or why it was left out."""
    trained = {key: member.record[key] for key in TRAINED}
    if test is None:
        return trained | {"failure": member.failure}
    return trained | {key: test[key] for key in TESTED if key in test}
