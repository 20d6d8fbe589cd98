"""Finalists: the best trials trained again from several seeds, and which of them is the best by its mean."""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path

from snakeras.core import text
from snakeras.core.errors import UserError
from snakeras.search import stop_rule, trial_records


@dataclass(frozen=True)
class Finalists:
    """The files of the finalists, and how they are compared."""

    paths: list[Path]  # of their JSON files, the seeds of the best candidate first
    table: Path  # finalists.csv
    epochs: int | None
    monitor: str
    mode: str


@dataclass(frozen=True)
class Standing:
    """A candidate with what its trainings gave."""

    rank: int  # in the search, from 1
    trial: int
    values: list[float | None]  # of the metric, by seed; None where the training failed
    mean: float | None  # None if any of them failed
    std: float | None  # of a sample; None of a single value


@dataclass(frozen=True)
class Compared:
    """Finalists by the metric that all of them report, or else by their losses."""

    metric: str
    mode: str  # whether its max or min is best
    values: list[float | None]  # finite; None of those that have none, or of which the training failed
    missing: str | None = None  # what was to be compared, where not all report it


@dataclass(frozen=True)
class Choice:
    """All candidates in the order of the search, and which of them won."""

    metric: str
    mode: str  # whether its max or min is best
    standings: list[Standing]
    missing: str | None = None  # as in ``Compared``

    @property
    def ranking(self) -> list[Standing]:
        """Those with a mean, the best first; of equals, the better one in the search first."""
        sign = -1 if self.mode == "max" else 1
        whole = [one for one in self.standings if one.mean is not None]
        return sorted(whole, key=lambda one: (sign * one.mean, one.rank))

    @property
    def winner(self) -> Standing:
        """The one with the best mean."""
        return self.ranking[0]

    def as_json(self) -> dict:
        """Return what best.json says of the choice."""
        won = self.winner
        seeds = len(won.values)
        by = f"the mean {self.metric} of {seeds} training{'s' * (seeds > 1)} from different seeds"
        return {
            "by": f"{by}, since not all finalists report {self.missing}" if self.missing else by,
            "metric": self.metric,
            "mode": self.mode,
            "candidates": len(self.standings),
            "seeds": seeds,
            "rank": won.rank,
            "mean": won.mean,
            "std": won.std,
            "values": won.values,
            "ranking": [one.trial for one in self.ranking],
        }

    def as_csv(self) -> str:
        """Return a table with a row a candidate: rank in the search, trial, mean, standard deviation, each value."""
        seeds = [f"seed_{number}" for number, _ in enumerate(self.standings[0].values)]
        rows = [[one.rank, one.trial, self.metric, one.mean, one.std, *one.values] for one in self.standings]
        return text.as_csv([["rank", "trial", "metric", "mean", "std", *seeds], *rows])


def determined_by(record: dict, number: int, epochs: int | None, train_on: str = "train") -> dict:
    """Return what determines a finalist beside the files that it reads: its trial, its seed, its epochs, its data."""
    known = {"trial_checksum": record["checksum"], "number": number, "epochs": epochs}
    return known | ({} if train_on == "train" else {"train_on": train_on})


def read(finalists: Finalists, records: list[dict]) -> list[dict]:
    """Return the finalists' records, checked; raise UserError if one belongs to another trial than there is now."""
    found = []
    for path in finalists.paths:
        trial, number = map(int, path.stem.split("_"))
        found.append(trial_records.read(path, determined_by(records[trial], number, finalists.epochs)))
    return found


def check_monitor(records: list[dict], monitor: str) -> None:
    """Raise UserError if ``search.monitor`` names a metric that no trial reports, by the records of all trials."""
    names = stop_rule.reported(records)
    if monitor != "auto" and monitor not in names:
        expected = f"auto or one of {', '.join(names)}" if names else "auto, since no trial reports metrics"
        raise UserError(
            f"search.monitor: found {monitor!r}, which no trial reports, so it cannot choose among finalists; "
            f"expected {expected}"
        )


def choose(found: list[dict], monitor: str, mode: str) -> Choice:
    """Return how the finalists stand by the metric that they are compared by, at the end of their training.

    A candidate of which a training failed, or gave no finite value, is out.

    Raises:
        UserError: When all candidates are out.
    """
    reason = next((trial_records.reason(one) for one in found if one["failure"]), "no value of the metric")
    if all(one["failure"] for one in found):
        raise UserError(f"final.candidates: all {len(found)} trainings of the finalists failed, the first: {reason}")
    by = compared(found, monitor, mode)
    standings = []
    for rank, trial in enumerate(dict.fromkeys(one["trial"] for one in found), 1):
        own = [value for one, value in zip(found, by.values, strict=True) if one["trial"] == trial]
        is_whole = None not in own
        standings.append(
            Standing(
                rank,
                trial,
                own,
                mean=statistics.fmean(own) if is_whole else None,
                std=statistics.stdev(own) if is_whole and len(own) > 1 else None,
            )
        )
    if all(one.mean is None for one in standings):
        raise UserError(
            f"final.candidates: of each of the {len(standings)} candidates a training failed, so none can be chosen; "
            f"the first: {reason}"
        )
    return Choice(by.metric, by.mode, standings, by.missing)


def compared(found: list[dict], monitor: str, mode: str) -> Compared:
    """Return finalists by what ``search.stop.target`` is compared with (``stop_rule.value``), or else by their losses.

    That is where not all of those that were trained report one and the same metric.
    """
    monitored = [None if one["failure"] else stop_rule.value(one, monitor, mode) for one in found]
    kinds = {value and value[:2] for one, value in zip(found, monitored, strict=True) if not one["failure"]}
    metric, best, missing = "loss", "min", None
    if len(kinds) == 1 and None not in kinds:
        metric, best = kinds.pop()
        values = [value and value[2] for value in monitored]
    else:
        values = [None if one["failure"] else one["loss"] for one in found]
        names = [value[0] for value in monitored if value and value[0] != metric]
        missing = next(iter(names), "val_accuracy or val_loss") if monitor == "auto" else monitor
    finite = [value if value is not None and math.isfinite(value) else None for value in values]
    return Compared(metric, best, finite, missing)


def outcome(record: dict, monitor: str, mode: str) -> str:
    """Return how a finalist ended, in a few words."""
    if record["failure"]:
        return f"failed ({trial_records.reason(record, length=200)})"
    by = compared([record], monitor, mode)
    (value,) = by.values
    return f"no finite {by.metric}" if value is None else f"{by.metric} {value:.6g}"
