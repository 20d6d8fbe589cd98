"""Warm start: trials of other searches, which stand before the history of every trial."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.search import hyperopt_trials, trial_records
from snakeras.search.samplers.named import NamedSpace, Outside
from snakeras.search.samplers.space import Point


def trial_files(folder: Path) -> list[Path]:
    """Return the JSON files of the trials of a search in its folder, such as ``results/mnist``, in order."""
    return sorted(
        (path for path in (folder / "trials").glob("*.json") if path.stem.isdigit()), key=lambda p: int(p.stem)
    )


def read(paths: Iterable[Path]) -> dict[Path, dict]:
    """Return what counts of the trials in these files, of each search one after another, by file.

    That is, of each that was completed or pruned, its hyperparameters, hyperopt's point and the loss, of pruned ones as
    it is comparable with those of its own search. An altered file counts for nothing.
    """
    found = {}
    for _, group in groupby(paths, key=lambda path: path.parent):
        ended = {path: record for path in group if (record := _ended(path, path.stat().st_mtime_ns))}
        records = list(ended.values())
        losses = dict(enumerate(record["loss"] for record in records)) | hyperopt_trials.comparable_losses(records)
        for place, (path, record) in enumerate(ended.items()):
            drawn = record["hyperparameters"] | record.get("unused", {})
            known = {"hyperparameters": drawn, "point": trial_records.point(record)}
            found[path] = known | {"loss": losses[place], "pruned": record["pruned"]}
    return found


@cache
def _ended(path: Path, _modified: int) -> dict | None:
    """Return the record of a trial that was completed or pruned; None for others, and for an altered file."""
    try:
        record = trial_records.read(path)
    except UserError:
        return None
    return record if record["status"] in ("completed", "pruned") else None


def digest(trials: list[dict], defaults: dict) -> str | None:
    """Return the digest of the trials by ``read``, and of the values for what they lack; None without any trial."""
    return files.sha256_of([trials, defaults]) if trials else None


def usable(trials: list[dict], defaults: dict, space: NamedSpace) -> tuple[list[tuple[Point, dict]], dict[str, int]]:
    """Return hyperopt's values of each trial that lies in a space, with the trial; and how many do not, by reason.

    Args:
        defaults: Values, by the names that are shown, for hyperparameters that a trial lacks.
    """
    found, reasons = [], Counter()
    for trial in trials:
        try:
            found.append((_values(trial, defaults, space), trial))
        except Outside as error:
            reasons[error.brief] += 1
    return found, dict(reasons)


def _values(trial: dict, defaults: dict, space: NamedSpace) -> Point:
    """Return hyperopt's values of a trial; raise Outside where it does not lie in the space."""
    given = space.with_inner(trial["hyperparameters"], trial["point"])
    while True:
        values, _ = space.read(given)
        missing = space.missing(values, given)
        if not missing:
            return values
        if unknown := [name for name in missing if name not in defaults]:
            raise Outside(unknown[0], "not given", f"without {unknown[0]}")
        given = given | {name: defaults[name] for name in missing}


def documents(usable: list[tuple[Point, dict]]) -> list[dict]:
    """Return hyperopt's documents of trials by ``usable``, with negative numbers, which no trial of a search has."""
    made = []
    for number, (values, trial) in enumerate(usable, start=-len(usable)):
        document = hyperopt_trials.proposed_nothing(number)
        document["misc"]["vals"] = {label: [value] for label, value in values.items()}
        document["misc"]["idxs"] = {label: [number] for label in values}
        result = {"status": hyperopt_trials.OK, "loss": trial["loss"]}
        document["result"] = result | ({"pruned": trial["pruned"]} if trial["pruned"] else {})
        made.append(document)
    return made


def told(used: int, unused: dict[str, int]) -> str:
    """Return in a sentence how many trials of other searches stand before the history, and why others do not."""
    line = f"warm start: {used} trial{'s' * (used != 1)} of other searches stand{'s' * (used == 1)} before the history"
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(unused.items()))
    return f"{line}; {sum(unused.values())} not used ({reasons})" if unused else line
