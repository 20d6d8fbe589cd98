"""Read and check the configuration: Snakemake's dict in, typed settings out, one line per mistake."""

import ast
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
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import yaml
from pydantic import ValidationError

from snakeras.core.errors import UserError
from snakeras.core.settings import FinalSettings, SearchSettings, Section, Settings
from snakeras.data import datasets
from snakeras.model_file import opened_files, parser, script_arguments, search_space, syntax
from snakeras.search.samplers import algorithms
from snakeras.workflow import steering

Validated = TypeVar("Validated", bound=Section)
# Python's keys, by what YAML reads as these.
READ_BY_YAML = {"True": "yes, on or true", "False": "no, off or false", "None": "null"}
# Keras's callbacks that may keep the best epoch by validation.
BEST_EPOCH = {"EarlyStopping", "ModelCheckpoint"}
# Names of query parameters that database URIs carry passwords in.
SECRETS = {"password", "passwd", "pwd", "token", "secret"}
SECRET_KEY = (
    "a token or password has no place in the configuration, which ends up in Snakemake's records; expected it in the "
    "environment variable MFLUX_AI_TOKEN or in a file that tracking.mflux_token_file names (for other trackers: in "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN)"
)


def read_or_exit(config: dict, basedir: str, in_job: bool = False) -> Settings:
    """Return the settings as ``read``; mistakes end the program as its last words, with exit code 1."""
    try:
        return read(config, Path(basedir), in_job)
    except UserError as error:
        sys.exit(str(error))


def read(config: dict, basedir: Path, in_job: bool = False) -> Settings:
    """Return the settings in ``config``, and bring it, in place, into their form: typed, with all defaults.

    Args:
        config: As Snakemake read it: merged files and ``--config``, where nested values are strings.
        basedir: The workflow's folder, where a model file is looked for after the working directory.
        in_job: Whether a Snakemake that starts jobs has read it all before: then templates are not evaluated again.

    Raises:
        UserError: With one line for each mistake; ``config`` stays as it is.
    """
    if mistakes := list(_unquoted(config)):
        raise UserError("\n".join(mistakes))
    settings = _validated(Settings, config, known_keys())
    model = str(find(settings.search.model, basedir))
    settings = _with_search(settings, model=model)
    if mistakes := list(_contradictions(settings, in_job)):
        raise UserError("\n".join(mistakes))
    settings = _with_search(settings, algo_options=_typed_options(settings.search), **steering.read(settings, in_job))
    config.clear()
    config.update(settings.model_dump())
    return settings


def _unquoted(value: object, place: str = "") -> Iterator[str]:
    """Yield a line for each key at any depth that is no text, as YAML reads a name such as ``no`` without quotes."""
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _unquoted(inner, f"{place}[{number}]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _unquoted(inner, f"{place}.{key}" if place else key)
                continue
            found = READ_BY_YAML.get(str(key), str(key))
            yield f"{place or 'config'}: found the key {found} without quotes, expected a name in quotes, such as 'no'"


def _with_search(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update={"search": settings.search.model_copy(update=changed)})


def _typed_options(search: SearchSettings) -> dict:
    """Return ``search.algo_options`` with the types that the algorithm has them in; raise UserError as ``read``."""
    # The options of hyperopt's algorithms are known only by importing it.
    if not search.algo_options:
        return {}
    options, prefix = algorithms.options(search.algo), "search.algo_options."
    rules = options.model_json_schema()["properties"] if options.model_fields else {}
    known = {prefix + name: rule for name, rule in rules.items()}
    return _validated(options, search.algo_options, known, prefix).model_dump(exclude_unset=True)


def _validated(section: type[Validated], values: dict, known: dict[str, dict], prefix: str = "") -> Validated:
    """Return ``values`` as a section, whose keys begin with ``prefix``; raise UserError with a line a mistake."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        raise UserError("\n".join(sorted({_line(mistake, known, prefix) for mistake in error.errors()}))) from None


def _line(mistake: dict, known: dict[str, dict], prefix: str) -> str:
    """Return one of pydantic's errors as a line; ``known`` and ``prefix`` are as for ``_validated``."""
    path = [str(part) for part in mistake["loc"]]
    if mistake["type"] == "extra_forbidden":
        key = prefix + ".".join(path)
        return f"{key}: {SECRET_KEY if _is_secret(key) else f'unknown key, {_nearest(key, known)}'}"
    # Behind a key with several types stands the type that was tried.
    while len(path) > 1 and prefix + ".".join(path) not in known:
        path.pop()
    key = prefix + ".".join(path) or "config"
    value = mistake["input"]
    found = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    # It may hold a password.
    if key == "tracking":
        value, found = 0, "a value without keys"
    line = f"{key}: found {found}, expected {_expected(known.get(key, {'type': 'object'}))}"
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


def _nearest(key: str, known: dict[str, dict]) -> str:
    """Return the known key most like ``key``, in words: first of those in the same section, then of all."""
    section, _, last = key.rpartition(".")
    siblings = [name for name in known if name.rpartition(".")[0] == section]
    for candidates in (siblings, known):
        by_last = {name.rpartition(".")[2]: name for name in candidates}
        if close := difflib.get_close_matches(last, by_last, n=1):
            return f"did you mean {by_last[close[0]]}?"
    return "expected " + ("one of " + ", ".join(siblings) if siblings else "none here")


def find(path: str, basedir: Path) -> Path:
    """Return the path of a file that the user names: here, else in the workflow's folder; relative if possible.

    A relative path keeps Snakemake from running jobs again when everything moves to another folder.
    """
    if Path(path).is_absolute() or Path(path).exists():
        return Path(path)
    in_workflow = basedir / path
    return Path(os.path.relpath(in_workflow)) if in_workflow.exists() else Path(path)


def _contradictions(settings: Settings, in_job: bool) -> Iterator[str]:
    """Yield a line for each mistake that takes more to see than the value itself."""
    data, search, script = settings.data, settings.search, None
    yield from _final_mistakes(settings.final, search.max_evals)
    try:
        named = (search.model_function, search.data_function, data.test_function)
        script = parser.read(Path(search.model), data.dataset == "model", *named, for_test=True)
        if data.dataset != "model" and len(script.parameters) != 4:
            yield (
                f"search.model: {script.model}() in {search.model} has {len(script.parameters)} parameters, "
                f"expected 4 for data.dataset: {data.dataset} (images and labels to train on, then to validate on)"
            )
        if not in_job:
            yield from (f"search.model: {mistake}" for mistake in search_space.mistakes(script))
        if not search.args and (missing := script_arguments.missing(parser.hyperas_text(script))):
            name, line = missing
            yield f"search.args: {search.model} asks for {name} ({script.place_of(line)}); {script_arguments.ADVICE}"
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

    if complaint := algorithms.complaint(search.algo, script):
        yield f"search.algo: {complaint}"
    for key in ("uri", "mflux_host"):
        if address := getattr(settings.tracking, key):
            yield from _address_mistakes(f"tracking.{key}", address)


def _final_mistakes(final: FinalSettings, max_evals: int) -> Iterator[str]:
    for key, found in (("candidates", final.candidates), ("ensemble.trials", final.ensemble.trials)):
        if found > max_evals:
            yield f"final.{key}: found {found}, expected at most search.max_evals ({max_evals})"
    if final.has_finalists and final.ensemble.trials > final.candidates:
        yield (
            f"final.ensemble.trials: found {final.ensemble.trials}, expected at most final.candidates "
            f"({final.candidates}): with finalists, an ensemble is made of the best of them"
        )


def best_epoch_hint(settings: Settings) -> str | None:
    """Return a line if the model file keeps its best epoch by images that the final model is also trained on."""
    if settings.data.dataset == "model" or settings.final.train_on == "train":
        return None
    model = Path(settings.search.model)
    for path in [model, *parser.local_modules(model)]:
        nodes = list(ast.walk(syntax.parse(path).tree))
        names = {
            getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None) for node in nodes
        }
        if callbacks := sorted(names & BEST_EPOCH):
            return (
                f"{path} may keep its best epoch ({', '.join(callbacks)}), but with final.train_on: all the final "
                "model also trains on the images that it validates on; for an honest choice give final.train_on: train"
            )
    return None


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
