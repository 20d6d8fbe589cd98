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
class Choice:
    """All candidates in the order of the search, and which of them won."""

    metric: str
    mode: str  # whether its max or min is best
    standings: list[Standing]

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
        return {
            "by": f"the mean {self.metric} of {seeds} training{'s' * (seeds > 1)} from different seeds",
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


def choose(found: list[dict], monitor: str, mode: str) -> Choice:
    """Return how the finalists stand by the monitored metric at the end of their training.

    It is what ``search.stop.target`` is compared with (``stop_rule.value``): the loss where no metric is reported. A
    candidate of which a training failed, or gave no finite value, is out.

    Raises:
        UserError: When all candidates are out.
    """
    values = {(one["trial"], one["number"]): value(one, monitor, mode) for one in found}
    known = next((value for value in values.values() if value), None)
    reason = next((trial_records.reason(one) for one in found if one["failure"]), "no value of the metric")
    if known is None:
        raise UserError(f"final.candidates: all {len(found)} trainings of the finalists failed, the first: {reason}")
    metric, is_best, _ = known
    standings = []
    for rank, trial in enumerate(dict.fromkeys(one["trial"] for one in found), 1):
        own = [value[2] if value and value[0] == metric else None for key, value in values.items() if key[0] == trial]
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
    return Choice(metric, is_best, standings)


def value(record: dict, monitor: str, mode: str) -> tuple[str, str, float] | None:
    """Return the metric that a finalist is judged by, whether its ``max`` or ``min`` is best, and its finite value."""
    found = None if record["failure"] else stop_rule.value(record, monitor, mode)
    return found if found and math.isfinite(found[2]) else None
