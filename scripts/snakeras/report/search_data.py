"""All that pictures, table and summary of a search are made from, in one JSON file: what each trial was and when."""

import math
from pathlib import Path

from snakeras.core import files
from snakeras.model_file import parser
from snakeras.search import best_trial, provenance, pruners, trial_records

# From a trial's JSON file: what the search determined.
FROM_DOCUMENT = (
    "trial",
    "status",
    "failure",
    "failed_at",
    "pruned",
    "epochs",
    "loss",
    "val_accuracy",
    "hyperparameters",
    "fits",
)
# From run.json: what merely happened.
HAPPENED = ("started", "finished", "seconds", "host", "device", "gpu", "peak_memory_mb")


def gather(
    name: str,
    trials: list[Path],
    happened: list[Path],
    sources: list[Path],
    search: dict,
    data: dict,
    manifest: Path | None,
    result: Path,
) -> None:
    """Write what ``described`` gives.

    Parameters
    ----------
    trials, happened
        The JSON files of all trials in their order, and what happened in each.
    sources
        The Hyperas script, then what else of the user's own decides a trial.

    Raises
    ------
    UserError
        When a trial's file is missing, altered or made with another configuration.
    """
    fixed = provenance.determined_by(sources, search, data, manifest)
    documents, _ = trial_records.read_first(trials[0].parent, len(trials), search["parallelism"], fixed)
    script = parser.read(sources[0], model_function=search["model_function"], data_function=search["data_function"])
    runs = [files.read_json(path) for path in happened]
    files.write_json(result, described(name, documents, runs, script.distributions, search, data))


def described(
    name: str, documents: list[dict], runs: list[dict], distributions: list[dict | None], search: dict, data: dict
) -> dict:
    """A search in the form that its pictures are made from.

    Returns
    -------
    dict
        ``name``; ``search`` and ``data``, the settings; ``objective``: ``key`` (``val_accuracy``, or ``loss`` where no
        trial has that), ``label`` and ``better`` (``higher`` or ``lower``); ``space``: the distribution of each
        hyperparameter in the script's order, as ``template.HyperasScript.distributions`` gives it; ``best``: the number
        of the best trial, None if all failed; ``trials``: for each its number, ``status``, ``failure``, ``failed_at``,
        ``pruned``, ``loss``, ``val_accuracy``, ``epochs``, ``hyperparameters``, ``value`` (the objective's, None where
        it is not finite or there is none), ``curve`` (the objective at each epoch of the last fit, None where it is not
        finite), and of what happened ``started``, ``finished`` (ISO 8601), ``seconds``, ``host``, ``device``,
        ``gpu``, ``peak_memory_mb``.
    """
    decoded = [{key: trial_records.decode(document[key]) for key in FROM_DOCUMENT} for document in documents]
    accurate = any(_finite(document["val_accuracy"]) is not None for document in decoded)
    objective = (
        {"key": "val_accuracy", "label": "Validation accuracy", "better": "higher"}
        if accurate
        else {"key": "loss", "label": "Loss", "better": "lower"}
    )
    names = list(dict.fromkeys(label for document in documents for label in document["hyperparameters"]))
    best = best_trial.best(documents)
    return {
        "name": name,
        "search": search,
        "data": data,
        "objective": objective,
        "space": dict(zip(names, distributions, strict=False)),
        "best": best and best["trial"],
        "trials": [_trial(document, run, objective["key"]) for document, run in zip(decoded, runs, strict=True)],
    }


def _trial(document: dict, run: dict, key: str) -> dict:
    own = ("trial", "status", "failure", "failed_at", "pruned", "epochs")
    numbers = {name: _finite(document[name]) for name in ("loss", "val_accuracy")}
    return {
        **{name: document[name] for name in own},
        **numbers,
        "hyperparameters": {name: _plain(value) for name, value in document["hyperparameters"].items()},
        "value": numbers[key],
        "curve": _curve(document["fits"], key),
        **{name: run.get(name) for name in HAPPENED},
    }


def _curve(fits: list[dict], key: str) -> list[float | None]:
    """The objective at each epoch of the last fit that has it; for a script's own loss, that on validation data."""
    for call in reversed(fits):
        metrics = call["metrics"]
        names = [pruners.validation_accuracy(metrics)] if key == "val_accuracy" else ["val_loss", "loss"]
        if name := next((name for name in names if name in metrics), None):
            return [_finite(value) for value in metrics[name]]
    return []


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _plain(value: object) -> object:
    """A hyperparameter as JSON: text for what is neither a finite number nor a truth value."""
    value = trial_records.plain(value)
    if isinstance(value, bool | str | None):
        return value
    return value if isinstance(value, int | float) and math.isfinite(value) else str(value)
