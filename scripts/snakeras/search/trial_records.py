"""What trials leave for later ones: documents to JSON and back without loss, and who may look back on whom."""

import datetime
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from snakeras.core import files
from snakeras.core.errors import UserError

FORMAT = 1
# hyperopt's JOB_STATE_DONE and STATUS_FAIL; it is not imported for two constants.
DONE, FAIL = 2, "fail"
# A dict with this key stands for a value that JSON has no form for.
_TAG = "$python"
LARGEST = 1000  # elements of an array in a document


def name(trial: int) -> str:
    """The wildcard of a trial: 0000, 0001, ..."""
    return f"{trial:04d}"


def visible(trial: int, parallelism: int) -> range:
    """The trials whose results trial ``trial`` looks back on: all but the last ``parallelism - 1`` before it.

    They depend on its number alone and never on timing, which is what makes a parallel search repeatable.
    """
    return range(max(0, trial - parallelism + 1))


def waited_for(trial: int, parallelism: int) -> range:
    """The trials that have to be finished before ``trial`` starts, and suffice: these waited for all before them."""
    return range(max(0, trial - 2 * parallelism + 1), max(0, trial - parallelism + 1))


def encode(value: object) -> object:
    """A value of a hyperopt document as JSON; ``decode`` gives it back with its types.

    Values that only live in memory (a Keras model in a result) are left as their description, and so are large arrays:
    every later trial would read them.
    """
    match value:
        case None | bool():
            return value
        case str():
            # No file can hold half a character.
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
            return {_TAG: "tuple", "value": [encode(item) for item in value]}
        case dict():
            if all(isinstance(key, str) for key in value) and _TAG not in value:
                return {key: encode(item) for key, item in value.items()}
            return {_TAG: "dict", "value": [[encode(key), encode(item)] for key, item in value.items()]}
        case _:
            return {_TAG: "object", "value": f"{type(value).__module__}.{type(value).__qualname__}"}


def decode(value: object) -> object:
    """The value that ``encode`` was given; an object that JSON could not hold stays as its tag."""
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
    """A hyperparameter for people and other programs: JSON's own types, anything else as text."""
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


def sealed(document: dict) -> dict:
    """A trial's document with its digests: ``digest`` of all that determines it, ``checksum`` of all that it says."""
    document = document | {"digest": files.sha256_of(document["determined_by"])}
    return document | {"checksum": files.sha256_of(document)}


def read(path: Path, expected: dict | None = None) -> dict:
    """Read a trial's JSON file and check it.

    Parameters
    ----------
    expected
        Entries that its ``determined_by`` must have, such as the seed and the model's digest.

    Raises
    ------
    UserError
        When the file is missing, was altered, or was determined by something else than is expected now.
    """
    again = f"to make it again, give snakemake --force {path}"
    try:
        document = files.read_json(path)
    except UserError as error:
        raise UserError(f"{error}; {again}") from None
    if document.get("format") != FORMAT:
        raise UserError(f"{path}: has format {document.get('format')}, expected {FORMAT}; {again}")
    content = {key: value for key, value in document.items() if key != "checksum"}
    if document.get("checksum") != files.sha256_of(content):
        raise UserError(f"{path}: was altered (its checksum does not match); {again}")
    if document.get("digest") != files.sha256_of(document["determined_by"]):
        raise UserError(f"{path}: was altered (its digest does not match); {again}")
    for key, value in (expected or {}).items():
        found = document["determined_by"].get(key)
        if found != value:
            raise UserError(f"{path}: was made with {key} {found!r}, expected {value!r}; {again}")
    return document


def made_with(path: Path) -> dict | None:
    """The settings that a trial's JSON file says it was made with; None if there is none, or none that can be read."""
    try:
        determined_by = files.read_json(path)["determined_by"]
        data = {key: value for key, value in determined_by["data"].items() if key != "digest"}
        return {"search": determined_by["search"], "data": data}
    except (UserError, LookupError, TypeError, AttributeError):
        return None


def read_first(folder: Path, count: int, parallelism: int, expected: dict) -> tuple[list[dict], str]:
    """Read trials 0 to ``count - 1`` from ``folder`` in order, each checked, also to have looked back on the others.

    Returns
    -------
    documents, digest
        The trials' documents and the digest of them all.

    Raises
    ------
    UserError
        As ``read``; also when a trial looked back on other results than are there now.
    """
    documents: list[dict] = []
    digests = [digest_after("", [])]
    for trial in range(count):
        looked_back_on = digests[len(visible(trial, parallelism))]
        document = read(folder / f"{name(trial)}.json", expected | {"trial": trial, "history": looked_back_on})
        documents.append(document)
        digests.append(digest_after(digests[-1], [document]))
    return documents, digests[-1]


def digest_after(before: str, documents: Iterable[dict]) -> str:
    """The digest of a history that goes on from the one with digest ``before`` (empty: none) with ``documents``."""
    for document in documents:
        before = files.sha256_of([before, document["checksum"]])
    return before


def encode_trial(document: dict) -> dict:
    """hyperopt's document of a trial as JSON, but for when it happened: that stands with what merely happened."""
    return encode(document | {"book_time": None, "refresh_time": None})


def best(documents: Iterable[dict], status: str) -> dict | None:
    """The trial of that status with the lowest loss, the earlier one of equals; None without any."""
    ended = [document for document in documents if document["status"] == status]
    return min(ended, key=lambda document: (document["loss"], document["trial"]), default=None)


def failed_result(failure: str) -> dict:
    """hyperopt's result of a trial that failed."""
    return {"status": FAIL, "failure": failure}


def proposed_nothing(trial: int) -> dict:
    """hyperopt's document of a trial that died before anything was proposed."""
    misc = {"tid": trial, "cmd": ["domain_attachment", "FMinIter_Domain"], "workdir": None, "idxs": {}, "vals": {}}
    unknown = {"spec": None, "exp_key": None, "owner": None, "version": 0, "book_time": None, "refresh_time": None}
    return {"state": DONE, "tid": trial, "result": {"status": FAIL}, "misc": misc} | unknown


def to_trials(documents: Iterable[dict]) -> object:
    """hyperopt's ``Trials`` with the history of these documents."""
    from hyperopt import Trials

    trials = Trials()
    trials.insert_trial_docs([decode(document["hyperopt"]) for document in documents])
    trials.refresh()
    return trials


def name_all(trials: object, labels: Iterable[str]) -> None:
    """Let every trial name all hyperparameters, as hyperopt expects: one that proposed nothing knows none of them."""
    for document in trials.trials:
        for key in ("idxs", "vals"):
            for label in labels:
                document["misc"][key].setdefault(label, [])
