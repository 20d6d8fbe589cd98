"""Read and check the configuration: Snakemake's dict in, typed settings out, one line per mistake."""

import difflib
import importlib.metadata
import json
import math
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml
from pydantic import ValidationError

from snakeras.core.errors import UserError
from snakeras.core.settings import Section, Settings
from snakeras.data import datasets
from snakeras.model_file import opened_files, parser, syntax
from snakeras.search import samplers

# Names of query parameters that database URIs carry passwords in.
SECRETS = {"password", "passwd", "pwd", "token", "secret"}
SECRET_KEY = (
    "a token or password has no place in the configuration, which ends up in Snakemake's records; expected it in the "
    "environment variable MFLUX_AI_TOKEN or in a file that tracking.mflux_token_file names (for other trackers: in "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN)"
)


def read_or_exit(config: dict, basedir: str) -> Settings:
    """Return the settings as ``read``; mistakes end the program as its last words, with exit code 1."""
    try:
        return read(config, Path(basedir))
    except UserError as error:
        sys.exit(str(error))


def read(config: dict, basedir: Path) -> Settings:
    """Return the settings in ``config``, and bring it, in place, into their form: typed, with all defaults.

    Args:
        config: As Snakemake read it: merged files and ``--config``, where nested values are strings.
        basedir: The workflow's folder, where a model file is looked for after the working directory.

    Raises:
        UserError: With one line for each mistake; ``config`` stays as it is.
    """
    try:
        settings = Settings.model_validate(config)
    except ValidationError as error:
        raise UserError("\n".join(sorted({_line(mistake) for mistake in error.errors()}))) from None
    model = str(find(settings.search.model, basedir))
    settings = settings.model_copy(update={"search": settings.search.model_copy(update={"model": model})})
    if mistakes := list(_contradictions(settings)):
        raise UserError("\n".join(mistakes))
    config.clear()
    config.update(settings.model_dump())
    return settings


def _line(mistake: dict) -> str:
    """Return one of pydantic's errors as a line."""
    path = [str(part) for part in mistake["loc"]]
    if mistake["type"] == "extra_forbidden":
        key = ".".join(path)
        return f"{key}: {SECRET_KEY if _is_secret(key) else f'unknown key, {_nearest(key)}'}"
    # Behind a key with several types stands the type that was tried.
    while len(path) > 1 and ".".join(path) not in known_keys():
        path.pop()
    key = ".".join(path) or "config"
    value = mistake["input"]
    found = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    # It may hold a password.
    if key == "tracking":
        value, found = 0, "a value without keys"
    line = f"{key}: found {found}, expected {_expected(known_keys().get(key, {'type': 'object'}))}"
    return f"{line}, such as {_example(path, value)}" if key in sections() else line


def sections() -> dict[str, type[Section]]:
    """Return the sections of the configuration by their keys, such as ``search.pruner``."""

    def inside(section: type[Section], prefix: str) -> Iterator[tuple[str, type[Section]]]:
        for name, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
                yield prefix + name, field.annotation
                yield from inside(field.annotation, f"{prefix}{name}.")

    return dict(inside(Settings, ""))


def _example(path: list[str], value: object) -> str:
    """Return how a section is written, with ``value`` where its main key takes that."""
    section = sections()[".".join(path)]
    try:
        value = section.model_validate({section.main: value}).model_dump()[section.main]
    except ValidationError:
        value = section().model_dump()[section.main]
    for key in (section.main, *reversed(path)):
        value = {key: value}
    return yaml.safe_dump(value, default_flow_style=True, width=math.inf).strip()[1:-1]


@cache
def known_keys() -> dict[str, dict]:
    """Return every key of the configuration, such as ``search.seed``, with its rule as JSON Schema has it."""
    schema = Settings.model_json_schema()

    def keys(rule: dict, prefix: str) -> Iterator[tuple[str, dict]]:
        for name, own in rule["properties"].items():
            section = schema["$defs"].get(own.get("$ref", "").rpartition("/")[2])
            yield prefix + name, section or own
            if section:
                yield from keys(section, f"{prefix}{name}.")

    return dict(keys(schema, ""))


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
    """Return a rule of JSON Schema in words."""
    # The description of a section is its docstring.
    if rule.get("type") != "object" and "description" in rule:
        return rule["description"]
    if "anyOf" in rule:
        return ", or ".join(map(_expected, rule["anyOf"]))
    if "enum" in rule:
        return "one of " + ", ".join(rule["enum"])
    limits = " and ".join(f"{word} {rule[key]}" for key, word in _LIMITS.items() if key in rule)
    return f"{_TYPES[rule['type']]} {limits}".strip()


def _nearest(key: str) -> str:
    """Return the known key most like ``key``, in words: first of those in the same section, then of all."""
    section, _, last = key.rpartition(".")
    siblings = [name for name in known_keys() if name.rpartition(".")[0] == section]
    for candidates in (siblings, known_keys()):
        by_last = {name.rpartition(".")[2]: name for name in candidates}
        if close := difflib.get_close_matches(last, by_last, n=1):
            return f"did you mean {by_last[close[0]]}?"
    return "expected one of " + ", ".join(siblings)


def find(path: str, basedir: Path) -> Path:
    """Return the path of a file that the user names: here, else in the workflow's folder; relative if possible.

    A relative path keeps Snakemake from running jobs again when everything moves to another folder.
    """
    if Path(path).is_absolute() or Path(path).exists():
        return Path(path)
    in_workflow = basedir / path
    return Path(os.path.relpath(in_workflow)) if in_workflow.exists() else Path(path)


def _contradictions(settings: Settings) -> Iterator[str]:
    """Yield a line for each mistake that takes more to see than the value itself."""
    data, search = settings.data, settings.search
    try:
        script = parser.read(Path(search.model), data.dataset == "model", search.model_function, search.data_function)
        if data.dataset != "model" and len(script.parameters) != 4:
            yield (
                f"search.model: {script.model}() in {search.model} has {len(script.parameters)} parameters, "
                f"expected 4 for data.dataset: {data.dataset} (images and labels to train on, then to validate on)"
            )
    except UserError as error:
        yield f"search.model: {error}"

    for pattern in data.files:
        if not opened_files.matches(pattern):
            yield f"data.files: found {pattern!r}, which is no file here, expected paths or patterns of files"
    if data.keras_home is not None and not Path(data.keras_home).is_dir():
        yield f"data.keras_home: found {data.keras_home!r}, expected a folder of downloaded files"
    if data.dataset in datasets.SIZES:
        images = datasets.SIZES[data.dataset][0]
        held_out = datasets.held_out(data.dataset, data.validation_fraction)
        if not datasets.CLASSES <= held_out <= images - datasets.CLASSES:
            yield (
                f"data.validation_fraction: found {data.validation_fraction}, which holds out {held_out} of "
                f"{images} images, expected to have at least {datasets.CLASSES} on both sides"
            )

    if complaint := samplers.complaint(search.algo):
        yield f"search.algo: {complaint}"
    for key in ("uri", "mflux_host"):
        if address := getattr(settings.tracking, key):
            yield from _address_mistakes(f"tracking.{key}", address)


def hint(settings: Settings) -> str | None:
    """Return a line if the model file's own data function is left unused, which people forget to ask for."""
    search, data = settings.search, settings.data
    script = parser.read(Path(search.model), False, search.model_function, search.data_function)
    if data.dataset == "model" or script.data is None:
        return None
    given = map(syntax.returned, syntax.returns(syntax.parse(script.path).functions[script.data]))
    if not any(len(values) == len(script.parameters) for values in given):
        return None
    return (
        f"{search.model} has its own data function, {script.data}(), which is not used, since data.dataset "
        f"is {data.dataset}; to use it, give data.dataset: model"
    )


def _is_tracker(uri: str) -> bool:
    """Whether MLflow knows what to do with a URI, by itself or by a plugin that is installed."""
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if scheme in ("http", "https"):
        return bool(parts.hostname) and not re.search(r"\s", uri)
    known = {"sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc"}
    known |= {plugin.name for plugin in importlib.metadata.entry_points(group="mlflow.tracking_store")}
    return scheme in known or uri == "databricks"


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in ("token", "password", "secret", "api_key", "access_key"))


def _address_mistakes(key: str, address: str) -> Iterator[str]:
    """Yield a line about an address that cannot be used; it does not show it, since it may hold a password."""
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
