"""Write ``trials.csv``, ``best.json`` and ``winner.json`` of a finished search: no times, hosts or paths."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from snakeras.core import files, text
from snakeras.core.errors import UserError
from snakeras.core.settings import TrialSettings
from snakeras.search import best_trial, finalists, provenance, trial_records

COLUMNS = ("trial", "status", "loss", "val_accuracy", "epochs")


def read(
    folder: Path,
    max_evals: int,
    sources: list[Path],
    search: TrialSettings,
    data: dict,
    manifest: Path | None,
    points: Sequence[dict] = (),
    warm_start: str | None = None,
) -> tuple[dict, list[dict]]:
    """Return what determines every trial of a search, and the records of trials 0 to ``max_evals - 1`` in ``folder``.

    ``points`` are those that the user gives for the first trials; the rest is as for ``provenance.determined_by``.

    Raises:
        UserError: When a trial's file is missing, altered or made with another configuration, or when all trials
            failed.
    """
    fixed = provenance.determined_by(sources, search.model_dump(), data, manifest, warm_start)
    records, _ = trial_records.read_first(folder, max_evals, search.parallelism, fixed, points)
    if best_trial.best(records) is None:
        raise UserError(all_failed(records, sources[0]))
    return fixed, records


def conclude(
    name: str,
    fixed: dict,
    records: list[dict],
    table: Path,
    best: Path,
    winner: Path,
    finals: finalists.Finalists | None = None,
) -> None:
    """Write ``trials.csv``, ``best.json`` and ``winner.json`` of the trials that ``read`` returns.

    ``winner.json`` has what the final model depends on: it stays the same where more trials find nothing better. Where
    there are finalists, they choose the best trial, and ``finalists.csv`` is written too.

    Raises:
        UserError: When a finalist's file is missing, altered or of another trial, or when all finalists failed.
    """
    won, how = best_trial.best(records), {}
    if finals:
        choice = finalists.choose(finalists.read(finals, records), finals.monitor, finals.mode)
        won, how = records[choice.winner.trial], {"chosen": choice.as_json()}
        files.write_text(finals.table, choice.as_csv())
    data = {key: value for key, value in fixed["data"].items() if key != "digest"}
    config = {"search": fixed["search"], "data": data}
    files.write_text(table, as_csv(records))
    files.write_json(
        best,
        {
            "name": name,
            **{key: won[key] for key in ("hyperparameters", "loss", "val_accuracy", "trial", "seed")},
            "point": trial_records.point(won),
            **how,
            "trials": dict(sorted(Counter(record["status"] for record in records).items())),
            **({"warm_start": won["warm_start"]} if "warm_start" in won else {}),
            "provenance": {
                "seed": fixed["search"]["seed"],
                "model_digest": files.sha256_of(fixed["model"]),
                "data_sha256": fixed["data"]["digest"],
                "config": config,
                "config_sha256": files.sha256_of(config),
                "trial_digest": won["digest"],
                "packages": won["determined_by"]["packages"],
            },
        },
    )
    files.write_json(winner, trained_again(won))


def write_candidates(path: Path, records: list[dict], count: int) -> None:
    """Write ``candidates.json``: the ``count`` best trials, the best first."""
    files.write_json(path, {"candidates": [*map(trained_again, best_trial.candidates(records, count))]})


def trained_again(record: dict) -> dict:
    """Return of a trial's record what it takes to train it again."""
    again = {key: record[key] for key in ("trial", "hyperparameters", "seed", "digest")}
    return again | {"point": trial_records.point(record)}


def different_data(folder: Path, max_evals: int) -> str | None:
    """Return a warning if the data function gave other data from trial to trial, by their run records; else None."""
    paths = [folder / f"{trial_records.name(trial)}.run.json" for trial in range(max_evals)]
    digests = {files.read_json(path).get("data_digest") for path in paths if path.exists()} - {None}
    if len(digests) < 2:
        return None
    return (
        f"warning: the data function gave {len(digests)} different sets of data in {max_evals} trials, whose results "
        "therefore cannot be compared; seed what it draws, e.g. numpy.random.default_rng(0)"
    )


def all_failed(records: list[dict], model: Path | None = None) -> str:
    """Return the line for a search whose trials all failed; it names the most common reason and its place.

    Skipped trials are no failures.
    """
    records = [record for record in records if record["status"] == "failed"]
    (reason, count), *others = Counter(trial_records.reason(record, model) for record in records).most_common()
    how = f", {count} of them so" if others else " in the same way"
    return f"all {len(records)} trials failed{how}: {reason}"


def as_csv(records: list[dict]) -> str:
    """Return a table with a row a trial: the columns above, then one per hyperparameter, as they first appear."""
    names = list(dict.fromkeys(name for record in records for name in record["hyperparameters"]))
    # A script may search over its loss or its epochs: those would hide the trial's own.
    head = [*COLUMNS, *(f"hyperparameter.{name}" if name in COLUMNS else name for name in names)]
    values = [[trial_records.decode(record[column]) for column in COLUMNS] for record in records]
    others = [[record["hyperparameters"].get(name) for name in names] for record in records]
    return text.as_csv([head, *([*row, *rest] for row, rest in zip(values, others, strict=True))])
