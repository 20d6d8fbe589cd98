"""The outcome of a search: a table of all trials and the best of them. Only what the search determines."""

import csv
import io
from collections import Counter
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.search import provenance, trial_records

COLUMNS = ("trial", "status", "loss", "val_accuracy", "epochs")


def conclude(
    name: str,
    folder: Path,
    max_evals: int,
    sources: list[Path],
    search: dict,
    data: dict,
    manifest: Path | None,
    table: Path,
    best: Path,
) -> None:
    """Write ``trials.csv`` and ``best.json`` from trials 0 to ``max_evals - 1``.

    Raises
    ------
    UserError
        When a trial's file is missing, altered or made with another configuration, or when all trials failed.
    """
    fixed = provenance.determined_by(sources, search, data, manifest)
    documents, _ = trial_records.read_first(folder, max_evals, search["parallelism"], fixed)
    winner = best_of(documents)
    points = trial_records.decode(winner["hyperopt"]["misc"]["vals"])
    files.write_text(table, as_csv(documents))
    files.write_json(
        best,
        {
            "name": name,
            "hyperparameters": winner["hyperparameters"],
            "loss": winner["loss"],
            "val_accuracy": winner["val_accuracy"],
            "trial": winner["trial"],
            "seed": winner["seed"],
            # hyperopt's values: for a choice, the index of what was chosen.
            "point": {label: trial_records.plain(value[0]) for label, value in points.items() if value},
            "trials": dict(sorted(Counter(document["status"] for document in documents).items())),
            "provenance": {
                "seed": search["seed"],
                "model_sha256": fixed["model"][0],
                "data_sha256": fixed["data"]["digest"],
                "config": {"search": search, "data": data},
                "config_sha256": files.sha256_of({"search": search, "data": data}),
                "trial_digest": winner["digest"],
                "packages": winner["determined_by"]["packages"],
            },
        },
    )


def best_of(documents: list[dict]) -> dict:
    """The completed trial with the lowest loss, the earlier one of equals; without any, the best of the pruned ones.

    Raises
    ------
    UserError
        When all failed; it names the commonest reason.
    """
    if best := trial_records.best(documents, "completed") or trial_records.best(documents, "pruned"):
        return best
    (reason, count), *_ = Counter(document["failure"] for document in documents).most_common()
    raise UserError(f"all {len(documents)} trials failed, {count} of them so: {reason}")


def as_csv(documents: list[dict]) -> str:
    """A row a trial: the columns above, then one per hyperparameter in the order in which they first appear."""
    names = list(dict.fromkeys(name for document in documents for name in document["hyperparameters"]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    # A script may search over its loss or its epochs: those would hide the trial's own.
    writer.writerow([*COLUMNS, *(f"hyperparameter.{name}" if name in COLUMNS else name for name in names)])
    for document in documents:
        row = [trial_records.decode(document[column]) for column in COLUMNS]
        row += [document["hyperparameters"].get(name) for name in names]
        writer.writerow(["" if value is None else value for value in row])
    return text.getvalue()
