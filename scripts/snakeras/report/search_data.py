"""A search's trials as one JSON document, from which study, pictures, table and summary are made."""

import ast
import math
from contextlib import suppress
from functools import cache
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import fingerprint, parser
from snakeras.search import best_trial, provenance, pruners, trial_records

STATUSES = ("completed", "pruned", "failed", "skipped")
# Taken as they are from a trial's JSON file, and from its run.json.
FROM_RECORD = ("trial", "status", "failure", "failed_at", "pruned", "epochs")
FROM_RUN = ("started", "finished", "seconds", "host", "device", "gpu", "peak_memory_mb")


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

    ``trials`` and ``runs`` are the JSON file and the run.json of every trial in order, ``sources`` the Hyperas script
    and the user's other files that decide a trial.

    Raise UserError when a trial's file is missing, altered or made with another configuration.
    """
    fixed = provenance.determined_by(sources, search, data, manifest)
    records, _ = trial_records.read_first(trials[0].parent, len(trials), search["parallelism"], fixed)
    documents = [files.read_json(path) for path in runs]
    files.write_json(
        result, describe(name, records, documents, _script(sources[0], search).distributions, search, data)
    )


def read(folder: Path) -> dict:
    """Return what ``describe`` returns for the trials in ``results/<name>/`` that have ended so far.

    The search space comes from the model file, or else from the last finished run's ``plots/search.json``. Raise
    UserError when there is no search in the folder, or a trial's file was altered.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: not found, expected the folder of a search, results/<name>")
    note = _note(folder)
    if note is None and not (folder / "trials").is_dir():
        raise UserError(f"{folder}: has no trials, expected the folder of a search, results/<name>")
    pairs = [_trial_files(path, path.stat().st_mtime_ns) for path in trial_paths(folder)]
    pairs = [(record, run) for record, run in pairs if note is None or _belongs(record, note)]
    records, runs = [record for record, _ in pairs], [run for _, run in pairs]
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

    ``records`` and ``runs`` are each trial's JSON document and its run.json, ``distributions`` those of the
    hyperparameters in the script's order, as ``parser.HyperasScript.distributions`` has them. The result has ``name``;
    ``search`` and ``data``, the settings; ``objective``, by ``_objective``; ``space``, the distribution of each
    hyperparameter; ``best``, the best trial's number, None if all failed; and ``trials``, by ``_trial``.
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

    That is the script's own loss; but a metric whose negative it is, at the same one of ``_places`` in every completed
    trial, is shown in its place. A single loss proves nothing: another score may happen to be as large. Without a
    completed trial, the pruned ones tell.

    ``key`` is a metric of ``fit``, or ``loss``; ``label`` its name for people; ``better`` is ``higher`` or ``lower``;
    ``curve_label`` is what a learning curve shows.
    """
    completed, pruned = ([record for record in records if record["status"] == status] for status in STATUSES[:2])
    ended = completed or pruned
    names = list(dict.fromkeys(name for record in ended for fit in record["fits"] for name in fit["metrics"]))
    accuracy = pruners.validation_accuracy(dict.fromkeys(names))
    monitor = (search.get("pruner") or {}).get("monitor")
    names.sort(key=lambda name: (name != accuracy, name != monitor))
    keys = [key for key in names if key.startswith("val_") or key == monitor]
    if completed:
        is_proof = len({record["loss"] for record in completed}) > 1
        found = set.intersection(*(_negative_of(record, keys) for record in completed)) if is_proof else set()
        keys = [key for _, key in sorted(found, key=lambda pair: (pair[0], keys.index(pair[1])))]
    else:
        keys = [key for key in keys if all(_is_negative(record, key) for record in pruned)]
    if keys:
        label = "validation accuracy" if keys[0] == accuracy else keys[0].replace("val_", "validation ", 1)
        label = label[0].upper() + label[1:].replace("_", " ")
        return {"key": keys[0], "label": label, "better": "higher", "curve_label": label}
    curve = "Validation loss" if "val_loss" in names else "Training loss"
    return {"key": "loss", "label": "Loss", "better": "lower", "curve_label": curve}


def _negative_of(record: dict, keys: list[str]) -> set[tuple[int, str]]:
    """Return the metrics whose negative a trial's loss is, each with the number of the place."""
    return {
        (place, key) for key in keys for place, value in enumerate(_places(record, key)) if _is_close(record, value)
    }


def _places(record: dict, key: str) -> list[float | None]:
    """Return the values of a metric that a script may report, of the last fit that has it.

    They are that of the last epoch, the highest, and that of the epoch with the lowest validation loss.
    """
    for fit in reversed(record["fits"]):
        values, losses = _metric(fit, key), _metric(fit, "val_loss")
        known = [value for value in values if value is not None]
        if known:
            pairs = [pair for pair in zip(losses, values, strict=False) if None not in pair]
            return [values[-1], max(known), min(pairs, key=lambda pair: pair[0])[1] if pairs else None]
    return []


def _is_negative(record: dict, key: str) -> bool:
    """Return whether a pruned trial's loss is the negative of a metric after one of its epochs."""
    return any(_is_close(record, value) for fit in record["fits"] for value in _metric(fit, key))


def _is_close(record: dict, value: float | None) -> bool:
    """Return whether a trial's loss is the negative of a value, but for rounding."""
    return value is not None and math.isclose(-record["loss"], value, rel_tol=1e-5, abs_tol=1e-9)


def _metric(fit: dict, key: str) -> list[float | None]:
    """Return a metric of a fit by epoch; any name of the validation accuracy stands for all."""
    metrics = fit["metrics"]
    if key not in metrics and pruners.validation_accuracy({key: []}):
        key = pruners.validation_accuracy(metrics)
    return [_finite(value) for value in metrics.get(key, [])]


def _trial(record: dict, run: dict, objective: dict) -> dict:
    """Return what is shown of a trial; what is no finite number is None.

    That is each of ``FROM_RECORD`` and ``FROM_RUN``, ``skipped`` (why), ``loss``, ``val_accuracy``,
    ``hyperparameters``, ``value`` (of the objective) and ``curve`` (the same per epoch of the first fit).
    """
    key, first, value = objective["key"], (record["fits"] or [{"metrics": {}}])[0], _finite(record["loss"])
    if key == "loss":
        curve = _metric(first, "val_loss" if "val_loss" in first["metrics"] else "loss")
    else:
        curve = _metric(first, key)
        value = None if value is None else -value
        if record["status"] == "pruned" and not _is_negative(record, key):
            value = next((reached for reached in reversed(curve) if reached is not None), None)
    return {
        **{name: record[name] for name in FROM_RECORD},
        "skipped": record.get("skipped"),
        "loss": _finite(record["loss"]),
        "val_accuracy": _finite(record["val_accuracy"]),
        "hyperparameters": {name: _scalar(value) for name, value in record["hyperparameters"].items()},
        "value": value,
        "curve": curve,
        **{name: run.get(name) for name in FROM_RUN},
    }


def _with_options(label: str, distribution: dict | None, records: list[dict]) -> dict | None:
    """Return a distribution with the options of a choice in the form that trials have them."""
    if distribution is None or distribution["kind"] != "choice":
        return distribution
    options = []
    for text in distribution["arguments"]:
        try:
            options.append(_scalar(ast.literal_eval(text)))
        except (ValueError, SyntaxError):
            options.append(text)
    for record in records:
        # hyperopt keeps the index of what was chosen.
        values = record.get("hyperopt", {}).get("misc", {}).get("vals", {})
        own = (value for key, value in values.items() if trial_records.shown_name(record, key) == label)
        index = trial_records.decode(next(own, []))
        if index and label in record["hyperparameters"] and int(index[0]) < len(options):
            options[int(index[0])] = _scalar(record["hyperparameters"][label])
    return distribution | {"arguments": options}


def _scalar(value: object) -> object:
    """Return a hyperparameter as text, unless it is a finite number, a truth value or None."""
    value = trial_records.plain(value)
    return value if value is None or _finite(value) is not None else str(value)


def _finite(value: object) -> float | int | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _note(folder: Path) -> dict | None:
    """Return what the last run of Snakemake noted of the search, None where that is not known."""
    path = folder.resolve().parents[1] / files.RUN_NOTES / f"{folder.resolve().name}.json"
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
    made = records[0]["determined_by"] if records else None
    if made and model:
        # Only while it is the file that the trials were made with.
        with suppress(UserError):
            script = _script(model, made["search"])
            if fingerprint.of_script(script) == made["model"].get(note["model"]):
                return script.distributions
    earlier = folder / "plots" / "search.json"
    space = list(files.read_json(earlier)["space"].values()) if earlier.exists() else []
    for known in space:
        if known and known["kind"] == "choice":
            known["arguments"] = list(map(repr, known["arguments"]))  # as in a model file: source text
    return space


def _script(model: Path, search: dict) -> parser.HyperasScript:
    return parser.read(model, model_function=search["model_function"], data_function=search["data_function"])
