"""A search's trials as one JSON document, from which study, pictures, table and summary are made."""

import ast
import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import parser
from snakeras.search import best_trial, provenance, pruners, trial_records

STATUSES = ("completed", "pruned", "failed")
# Taken as they are from a trial's JSON file, and from its run.json.
FROM_RECORD = ("trial", "status", "failure", "failed_at", "pruned", "epochs")
FROM_RUN = ("started", "finished", "seconds", "host", "device", "gpu", "peak_memory_mb")
# Where every run of Snakemake notes its settings (workflow.stale_lock.note_run), below the working directory.
NOTES = Path(".snakemake/snakeras")


def gather(
    name: str,
    trials: list[Path],
    runs: list[Path],
    sources: list[Path],
    search: dict,
    data: dict,
    manifest: Path | None,
    result: Path,
) -> None:
    """Write what ``describe`` returns.

    Parameters
    ----------
    trials, runs
        The JSON file and the run.json of every trial, in their order.
    sources
        The Hyperas script, then the user's other files that decide a trial.

    Raises
    ------
    UserError
        When a trial's file is missing, altered or made with another configuration.
    """
    fixed = provenance.determined_by(sources, search, data, manifest)
    records, _ = trial_records.read_first(trials[0].parent, len(trials), search["parallelism"], fixed)
    documents = [files.read_json(path) for path in runs]
    files.write_json(result, describe(name, records, documents, _distributions(sources[0], search), search, data))


def read(folder: Path) -> dict:
    """Return what ``describe`` returns for the trials in ``results/<name>/`` that have ended so far.

    The search space comes from the model file, or else from the last finished run's ``plots/search.json``.

    Raises
    ------
    UserError
        When there is no search in the folder, or a trial's file was altered.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: not found, expected the folder of a search, results/<name>")
    note = _note(folder)
    if note is None and not (folder / "trials").is_dir():
        raise UserError(f"{folder}: has no trials, expected the folder of a search, results/<name>")
    found = [_trial_files(path, path.stat().st_mtime_ns) for path in trial_paths(folder)]
    if note:
        found = [(record, run) for record, run in found if _belongs(record, note)]
    records, runs = [record for record, _ in found], [run for _, run in found]
    settings = note["made_with"] if note else records[0]["determined_by"] if records else {"search": {}, "data": {}}
    distributions = _known_distributions(folder, note, records)
    return describe(folder.resolve().name, records, runs, distributions, settings["search"], settings["data"])


def trial_paths(folder: Path) -> list[Path]:
    """Return the JSON file of every trial in ``results/<name>/`` that has ended, in the order of the trials."""
    return sorted(path for path in (folder / "trials").glob("*.json") if path.stem.isdigit())


def describe(
    name: str, records: list[dict], runs: list[dict], distributions: list[dict | None], search: dict, data: dict
) -> dict:
    """Return a search in the form that pictures, table and summary are made from.

    Parameters
    ----------
    records, runs
        Each trial's JSON document and its run.json.
    distributions
        Of each hyperparameter in the script's order, as ``parser.HyperasScript.distributions`` has them.

    Returns
    -------
    dict
        ``name``; ``search`` and ``data``, the settings; ``objective``, by ``_objective``; ``space``, the distribution
        of each hyperparameter, the options of a choice as trials have them; ``best``, the best trial's number, None if
        all failed; ``trials``: for each ``FROM_RECORD``, ``FROM_RUN``, ``loss``, ``val_accuracy``, ``hyperparameters``,
        ``value`` (of the objective) and ``curve`` (the same per epoch of the first fit). What is no finite number is
        None.
    """
    records = [
        record | {key: trial_records.decode(record[key]) for key in ("fits", "loss", "val_accuracy")}
        for record in records
    ]
    objective = _objective(records, search)
    names = list(dict.fromkeys(label for record in records for label in record["hyperparameters"]))
    space = dict(zip(names, distributions, strict=False))
    best = best_trial.best(records)
    return {
        "name": name,
        "search": search,
        "data": data,
        "objective": objective,
        "space": {label: _with_options(label, space.get(label), records) for label in names},
        "best": best and best["trial"],
        "trials": [_trial(record, run, objective) for record, run in zip(records, runs, strict=True)],
    }


def counts(search: dict) -> dict[str, int]:
    """Return how many ``trials`` a search has, and how many of each status."""
    statuses = [trial["status"] for trial in search["trials"]]
    return {"trials": len(statuses)} | {status: statuses.count(status) for status in STATUSES}


def _objective(records: list[dict], search: dict) -> dict:
    """Return what the search goes by.

    That is the script's own loss; but a metric whose negative it is in every completed trial (without any: in every
    pruned one) is shown in its place.

    Returns
    -------
    dict
        ``key``: a metric of ``fit``, or ``loss``; ``label``, for people; ``better``: ``higher`` or ``lower``;
        ``curve_label``, what a learning curve shows.
    """
    ended = [record for record in records if record["status"] == "completed"]
    ended = ended or [record for record in records if record["status"] == "pruned"]
    named = list(dict.fromkeys(name for record in ended for fit in record["fits"] for name in fit["metrics"]))
    monitor = (search.get("pruner") or {}).get("monitor")
    accuracy = pruners.validation_accuracy(dict.fromkeys(named, []))
    first = [name for name in (accuracy, monitor) if name in named]
    for key in dict.fromkeys([*first, *(name for name in named if name.startswith("val_"))]):
        if all(_is_negative(record, key) for record in ended):
            label = key.replace("val_", "validation ", 1).replace("_", " ")
            label = "validation accuracy" if key == accuracy else label
            label = label[0].upper() + label[1:]
            return {"key": key, "label": label, "better": "higher", "curve_label": label}
    curve = "Validation loss" if "val_loss" in named else "Training loss"
    return {"key": "loss", "label": "Loss", "better": "lower", "curve_label": curve}


def _is_negative(record: dict, key: str) -> bool:
    """Return whether a trial's loss is the negative of a metric after one of its epochs, but for rounding."""
    values = [value for fit in record["fits"] for value in _metric(fit, key) if value is not None]
    return any(math.isclose(-record["loss"], value, rel_tol=1e-5, abs_tol=1e-9) for value in values)


def _metric(fit: dict, key: str) -> list[float | None]:
    """Return a metric of a fit by epoch; any name of the validation accuracy stands for all."""
    metrics = fit["metrics"]
    if key not in metrics and pruners.validation_accuracy({key: []}):
        key = pruners.validation_accuracy(metrics)
    return [_finite(value) for value in metrics.get(key, [])]


def _trial(record: dict, run: dict, objective: dict) -> dict:
    key, fits, loss = objective["key"], record["fits"], _finite(record["loss"])
    if key == "loss":
        names = [name for name in ("val_loss", "loss") if fits and name in fits[0]["metrics"]]
        curve, value = _metric(fits[0], names[0]) if names else [], loss
    else:
        curve = _metric(fits[0], key) if fits else []
        known = [value for value in curve if value is not None]
        other = record["status"] == "pruned" and not _is_negative(record, key)
        value = (known[-1] if known else None) if other else None if loss is None else -loss
    return {
        **{name: record[name] for name in FROM_RECORD},
        "loss": loss,
        "val_accuracy": _finite(record["val_accuracy"]),
        "hyperparameters": {name: _scalar(value) for name, value in record["hyperparameters"].items()},
        "value": value,
        "curve": curve,
        **{name: run.get(name) for name in FROM_RUN},
    }


def _with_options(label: str, distribution: dict | None, records: Iterable[dict]) -> dict | None:
    """Return a distribution with the options of a choice in the form that trials have them."""
    if distribution is None or distribution["kind"] != "choice":
        return distribution
    options = [_literal(option) for option in distribution["arguments"]]
    for record in records:
        # hyperopt keeps the index of what was chosen.
        index = trial_records.decode(record.get("hyperopt", {}).get("misc", {}).get("vals", {}).get(label, []))
        if index and label in record["hyperparameters"] and int(index[0]) < len(options):
            options[int(index[0])] = _scalar(record["hyperparameters"][label])
    return distribution | {"arguments": options}


def _literal(text: str) -> object:
    try:
        return _scalar(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


def _scalar(value: object) -> object:
    """Return a hyperparameter as text, unless it is a finite number, a truth value or None."""
    value = trial_records.plain(value)
    if isinstance(value, bool | str | None):
        return value
    return value if _finite(value) is not None else str(value)


def _finite(value: object) -> float | int | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _note(folder: Path) -> dict | None:
    """Return what the last run of Snakemake noted of the search, None where that is not known."""
    path = folder.resolve().parents[1] / NOTES / f"{folder.resolve().name}.json"
    return files.read_json(path) if path.exists() else None


@cache
def _trial_files(path: Path, _modified: int) -> tuple[dict, dict]:
    run = path.with_suffix(".run.json")
    return trial_records.read(path), files.read_json(run) if run.exists() else {}


def _belongs(record: dict, note: dict) -> bool:
    """Return whether a trial is one of the search with its present settings."""
    made = record["determined_by"]
    data = {key: value for key, value in made["data"].items() if key != "digest"}
    return record["trial"] < note["trials"] and {"search": made["search"], "data": data} == note["made_with"]


def _known_distributions(folder: Path, note: dict | None, records: list[dict]) -> list[dict | None]:
    """Return the distributions of a search's hyperparameters; an empty list where they are not known."""
    model = folder.resolve().parents[1] / note["model"] if note and note.get("model") else None
    if records and model and model.is_file():
        made = records[0]["determined_by"]
        if files.sha256_of_file(model) == made["model"][0]:
            return _distributions(model, made["search"])
    earlier = folder / "plots" / "search.json"
    if not earlier.exists():
        return []
    # Options of a choice are source text, here as in a model file.
    found = files.read_json(earlier)["space"].values()
    return [
        entry | {"arguments": [repr(option) for option in entry["arguments"]]}
        if entry and entry["kind"] == "choice"
        else entry
        for entry in found
    ]


def _distributions(model: Path, search: dict) -> list[dict | None]:
    return parser.read(
        model, model_function=search["model_function"], data_function=search["data_function"]
    ).distributions
