"""Check the configuration: values from files and the command line as typed settings, one clear line per mistake.

``snakeras.core.settings`` defines each key's type, default and limits; here are the checks that look at files.
"""

import difflib
import importlib.metadata
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import ValidationError

from snakeras.core.errors import UserError
from snakeras.core.settings import DataSettings, SearchSettings, Section, Settings
from snakeras.data import datasets
from snakeras.model_file import parser
from snakeras.search import samplers

# Names of query parameters that database URIs carry passwords in.
SECRETS = {"password", "passwd", "pwd", "token", "secret"}
SECRET_KEY = (
    "a token or password has no place in the configuration, which ends up in Snakemake's records; expected it in the "
    "environment variable MFLUX_AI_TOKEN or in a file that tracking.mflux_token_file names (for other trackers: in "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN)"
)


def settle_or_exit(config: dict, basedir: str) -> Settings:
    """Return ``settle(config)``, or end the program with its mistakes as the last lines (exit code 1)."""
    try:
        return settle(config, Path(basedir))
    except UserError as error:
        sys.exit(str(error))


def settle(config: dict, basedir: Path) -> Settings:
    """Return the settings in ``config``, and write them back into it with every default, as plain values.

    Parameters
    ----------
    config
        As Snakemake read it: merged files and ``--config``, where nested values are text.
    basedir
        The workflow's folder, where a model file is looked for after the working directory.

    Raises
    ------
    UserError
        With one line for each mistake.
    """
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        lines = {_line(mistake["loc"], mistake["type"], mistake["input"]) for mistake in error.errors()}
        raise UserError("\n".join(sorted(lines))) from None
    search = settings.search.model_copy(update={"model": str(find(settings.search.model, basedir))})
    settings = settings.model_copy(update={"search": search})
    if mistakes := [
        *_model_mistakes(search, settings.data.dataset),
        *_data_mistakes(settings.data),
        *([f"search.algo: {complaint}"] if (complaint := samplers.complaint(search.algo)) else []),
        *_address_mistakes("tracking.uri", settings.tracking.uri),
        *_address_mistakes("tracking.mflux_host", settings.tracking.mflux_host),
    ]:
        raise UserError("\n".join(mistakes))
    config.clear()
    config.update(settings.model_dump(mode="json"))
    return settings


def _line(location: tuple, error: str, found: object) -> str:
    """Return the line for one of pydantic's errors, by its location, type and input."""
    if error in ("extra_forbidden", "invalid_key"):
        key = ".".join(map(str, location))
        return f"{key}: {SECRET_KEY if _is_secret(location[-1]) else f'unknown key, {_nearest(key)}'}"
    # Within a key that takes values of several types, the location goes on with the type.
    known = set(known_keys())
    key = next(key for length in range(len(location), 0, -1) if (key := ".".join(map(str, location[:length]))) in known)
    expected = "a finite number" if error == "finite_number" else _expected(_schema(key))
    return f"{key}: found {_in_yaml(found)}, expected {expected}"


def known_keys(section: type[Section] = Settings, prefix: str = "") -> Iterator[str]:
    """Yield every key of the configuration as ``section.key``, sections themselves included."""
    for key, field in section.model_fields.items():
        yield prefix + key
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from known_keys(field.annotation, f"{prefix}{key}.")


def _schema(key: str) -> dict:
    """Return pydantic's JSON schema of one key."""
    whole = Settings.model_json_schema()
    rule = whole
    for part in key.split("."):
        rule = rule["properties"][part]
        if "$ref" in rule:
            rule = whole["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    return rule


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "object": "keys with values",
    "boolean": "true or false",
    "null": "null",
}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
    "minLength": "of a length of at least",
    "maxLength": "of a length of at most",
}


def _expected(rule: dict) -> str:
    """Return a rule of a JSON schema in words."""
    if "anyOf" in rule:
        return " or ".join(map(_expected, rule["anyOf"]))
    if "enum" in rule:
        return "one of " + ", ".join(rule["enum"])
    if "const" in rule:
        return rule["const"]
    words = [_TYPES[rule["type"]]]
    if "pattern" in rule:
        words.append(rule["description"])
    if limits := [f"{word} {rule[key]}" for key, word in _LIMITS.items() if key in rule]:
        words.append(" and ".join(limits))
    return " ".join(words)


def _in_yaml(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _nearest(key: str) -> str:
    """Return a hint at the known key most like ``key``: first of those in the same section, then of all."""
    section, _, last = key.rpartition(".")
    siblings = [known for known in known_keys() if known.rpartition(".")[0] == section]
    for candidates in (siblings, known_keys()):
        by_last = {known.rpartition(".")[2]: known for known in candidates}
        if close := difflib.get_close_matches(last, by_last, n=1):
            return f"did you mean {by_last[close[0]]}?"
    return "expected one of " + ", ".join(siblings)


def find(path: str, basedir: Path) -> Path:
    """Return the path of a file that the user names: in the working directory, else in the workflow's folder.

    It is relative where ``path`` is: so no job runs again when everything moves to another folder.
    """
    if Path(path).is_absolute() or Path(path).exists():
        return Path(path)
    in_workflow = basedir / path
    return Path(os.path.relpath(in_workflow)) if in_workflow.exists() else Path(path)


def _model_mistakes(search: SearchSettings, dataset: str) -> Iterator[str]:
    own_data = dataset == "model"
    try:
        script = parser.read(Path(search.model), own_data, search.model_function, search.data_function)
    except UserError as error:
        yield f"search.model: {error}"
        return
    if not own_data and len(script.parameters) != 4:
        yield (
            f"search.model: {script.model}() in {search.model} has {len(script.parameters)} parameters, expected 4 for "
            f"data.dataset: {dataset} (images and labels to train on, then to validate on)"
        )


def _data_mistakes(data: DataSettings) -> Iterator[str]:
    if data.keras_home is not None and not Path(data.keras_home).is_dir():
        yield f"data.keras_home: found {data.keras_home!r}, expected a folder of downloaded files"
    if data.dataset in datasets.SIZES:
        images = datasets.SIZES[data.dataset][0]
        held_out = datasets.held_out(data.dataset, data.validation_fraction)
        if not datasets.CLASSES <= held_out <= images - datasets.CLASSES:
            yield (
                f"data.validation_fraction: found {data.validation_fraction}, which holds out {held_out} of {images} "
                f"images, expected to have at least {datasets.CLASSES} on both sides"
            )


def _is_tracker(uri: str) -> bool:
    """Return whether MLflow knows this kind of tracking URI, by itself or by an installed plugin."""
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if scheme in ("http", "https"):
        return bool(parts.hostname) and not re.search(r"\s", uri)
    known = {"sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc"}
    known |= {plugin.name for plugin in importlib.metadata.entry_points(group="mlflow.tracking_store")}
    return scheme in known or uri == "databricks"


def _is_secret(key: object) -> bool:
    return any(word in str(key).lower() for word in ("token", "password", "secret", "api_key", "access_key"))


def _address_mistakes(key: str, address: str | None) -> Iterator[str]:
    """Yield lines about an address. None of them shows it, since it may hold a password."""
    if not address:
        return
    try:
        parts = urlsplit(address)
        _ = parts.port
        secrets = parts.password or SECRETS & {name.lower() for name in parse_qs(parts.query)}
    except ValueError:
        yield f"{key}: no address that can be read, expected one like http://localhost:5000"
        return
    if secrets:
        yield (
            f"{key}: has a password in it, which would end up in Snakemake's records; expected it in "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    elif key == "tracking.uri" and not _is_tracker(address):
        yield f"{key}: no address of a tracker, expected one like sqlite:///mlflow.db or http://localhost:5000"
    elif key == "tracking.mflux_host" and (
        parts.scheme not in ("http", "https") or not parts.hostname or parts.username
    ):
        yield f"{key}: expected an address like https://www.mflux.ai"
