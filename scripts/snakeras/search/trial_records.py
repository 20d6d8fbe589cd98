"""Trial records, the JSON files of trials: encoded, sealed, read and checked."""

import datetime
import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import fingerprint
from snakeras.search import earlier_trials

FORMAT = 1
# A dict with this key stands for a value that JSON cannot express.
_TAG = "$python"
LARGEST = 1000  # elements of an array that is kept
AGAIN = "to make it again, give snakemake --force"


def name(trial: int) -> str:
    """Return the wildcard of a trial: 0000, 0001, ..."""
    return f"{trial:04d}"


def encode(value: object) -> object:
    """Return a value of a hyperopt document as JSON, from which ``decode`` restores it with its types.

    Of objects (a Keras model in a result) and of large arrays only the type is kept: every later trial reads them.
    """
    match value:
        case None | bool():
            return value
        case str():
            # UTF-8 has no form for a lone surrogate.
            return str(value).encode(errors="backslashreplace").decode()
        case np.generic():
            return {_TAG: "numpy", "dtype": value.dtype.str, "value": encode(value.item())}
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {_TAG: "float", "value": repr(float(value))}
        case np.ndarray() if value.dtype.kind in "biufUS" and value.size <= LARGEST:
            return {_TAG: "array", "dtype": value.dtype.str, "value": encode(value.tolist())}
        case datetime.datetime():
            return {_TAG: "datetime", "value": value.isoformat()}
        case bytes():
            return {_TAG: "bytes", "value": value.hex()}
        case list():
            return [encode(item) for item in value]
        case tuple():
            return {_TAG: "tuple", "value": encode(list(value))}
        case dict():
            if all(isinstance(key, str) for key in value) and _TAG not in value:
                return {key: encode(item) for key, item in value.items()}
            return {_TAG: "dict", "value": [[encode(key), encode(item)] for key, item in value.items()]}
        case _:
            return {_TAG: "object", "value": f"{type(value).__module__}.{type(value).__qualname__}"}


def decode(value: object) -> object:
    """Return the value that ``encode`` was given; an object stays as its tag."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get(_TAG):
        case None:
            return {key: decode(item) for key, item in value.items()}
        case "numpy":
            return np.dtype(value["dtype"]).type(decode(value["value"]))
        case "float":
            return float(value["value"])
        case "array":
            return np.array(decode(value["value"]), dtype=value["dtype"])
        case "datetime":
            return datetime.datetime.fromisoformat(value["value"])
        case "bytes":
            return bytes.fromhex(value["value"])
        case "tuple":
            return tuple(decode(item) for item in value["value"])
        case "dict":
            return {decode(key): decode(item) for key, item in value["value"]}
        case _:
            return value


def plain(value: object) -> object:
    """Return a hyperparameter in JSON's own types, for people and other programs; anything else becomes text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return repr(value)


def shown_name(record: dict, label: str) -> str | None:
    """Return the name that is shown for a label of hyperopt; None for a template in a comment."""
    return record.get("names", {}).get(label, label)


def given(points: Sequence[dict], trial: int) -> dict | None:
    """Return the point that the user gives for a trial, of those for the first trials; None if it decides nothing."""
    return (points[trial] or None) if trial < len(points) else None


def point(record: dict) -> dict:
    """Return hyperopt's values of a trial by the names that are shown: for a choice, the index of what was chosen."""
    values = decode(record["hyperopt"]["misc"]["vals"])
    named = {shown_name(record, label): value[0] for label, value in values.items() if value}
    return {name: plain(value) for name, value in named.items() if name is not None}


def reason(record: dict, model: Path | None = None, length: int | None = None) -> str:
    """Return why a trial failed, in ``length`` characters if given, and where in the file ``model``, if known."""
    failure, place = record["failure"], record.get("failed_at")
    if length:
        failure = textwrap.shorten(failure, length, placeholder=" ...")
    return f"{failure} ({f'{model}, ' if model else ''}{place})" if place else failure


def sealed(document: dict) -> dict:
    """Return a record with its ``digest`` (of ``determined_by``) and its ``checksum`` (of the whole)."""
    document = document | {"digest": files.sha256_of(document["determined_by"])}
    return document | {"checksum": files.sha256_of(document)}


def read(path: Path, expected: dict | None = None) -> dict:
    """Return the record in a trial's JSON file, checked; its ``determined_by`` must have the ``expected`` entries.

    Raises:
        UserError: When the file is missing, was altered, or was made with other settings or files than those of now.
    """
    again = f"{AGAIN} {path}"
    try:
        document = files.read_json(path)
    except UserError as error:
        raise UserError(f"{error}; {again}") from None
    if document.get("format") != FORMAT:
        raise UserError(f"{path}: has format {document.get('format')}, expected {FORMAT}; {again}")
    content = {key: value for key, value in document.items() if key != "checksum"}
    for key, part in (("checksum", content), ("digest", document.get("determined_by"))):
        if document.get(key) != files.sha256_of(part):
            raise UserError(f"{path}: was altered (its {key} does not match); {again}")
    for key, value in (expected or {}).items():
        found = document["determined_by"].get(key)
        if found != value:
            other = fingerprint.difference(found, value) if isinstance(found, dict) and key == "model" else None
            raise UserError(f"{path}: {other or f'was made with {key} {found!r}, expected {value!r}'}; {again}")
    return document


def made_with(path: Path) -> dict | None:
    """Return the settings that a trial was made with, by its JSON file; None if there is no readable one."""
    try:
        determined_by = files.read_json(path)["determined_by"]
        data = {key: value for key, value in determined_by["data"].items() if key != "digest"}
        return {"search": determined_by["search"], "data": data}
    except (UserError, LookupError, TypeError, AttributeError):
        return None


def read_first(
    folder: Path, count: int, parallelism: int, expected: dict, points: Sequence[dict] = ()
) -> tuple[list[dict], str]:
    """Return the records of trials 0 to ``count - 1`` in ``folder``, in order, and the digest of them all.

    ``points`` are those that the user gives for the first trials.

    Raises:
        UserError: As ``read``; also when a trial looked back on other results than are there now, or when the model
            file read a file that had changed.
    """
    documents: list[dict] = []
    digests = [""]
    files_read: dict[str, str] = {}
    for trial in range(count):
        looked_back_on = digests[len(earlier_trials.visible(trial, parallelism))]
        path = folder / f"{name(trial)}.json"
        own = {"trial": trial, "history": looked_back_on, "point": given(points, trial)}
        document = read(path, {"warm_start": None} | expected | own)
        for file, digest in document["determined_by"].get("files", {}).items():
            if files_read.setdefault(file, digest) != digest:
                raise UserError(f"{path}: read another {file} than the trials before it; {AGAIN} {path}")
        documents.append(document)
        digests.append(digest_after(digests[-1], [document]))
    return documents, digests[-1]


def digest_after(before: str, documents: Iterable[dict]) -> str:
    """Return the digest of a history with the digest ``before`` (empty: no history), followed by ``documents``."""
    for document in documents:
        before = files.sha256_of([before, document["checksum"]])
    return before
