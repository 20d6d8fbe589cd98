"""The configuration: strings made what the schema says, defaults filled in, every mistake as one clear line.

The only place that knows the keys' meaning; the values and their types stand in schemas/config.schema.yaml.
"""

import copy
import difflib
import importlib.metadata
import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from snakeras.core.errors import UserError
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


def settle_or_exit(config: dict, schema: str, basedir: str) -> None:
    """``settle``, ending the program with the mistakes as its last words (exit code 1)."""
    try:
        settle(config, Path(schema), Path(basedir))
    except UserError as error:
        sys.exit(str(error))


def settle(config: dict, schema: Path, basedir: Path) -> None:
    """Check ``config`` and bring it, in place, into the one form that everything after may rely on.

    Parameters
    ----------
    config
        As Snakemake read it: merged files and ``--config``, where nested values are strings.
    schema
        Path of the JSON schema in YAML.
    basedir
        The workflow's folder, where a model file is looked for after the working directory.

    Raises
    ------
    UserError
        With one line for each mistake.
    """
    rules = yaml.safe_load(schema.read_text(encoding="utf-8"))
    settled = _typed(config, rules)
    mistakes = [line for error in _errors(settled, rules) for line in _lines(error, rules)]
    mistakes += list(_endless(settled))
    if mistakes:
        raise UserError("\n".join(sorted(set(mistakes))))
    settled = _with_defaults(settled, rules)
    settled["search"]["model"] = str(find(settled["search"]["model"], basedir))
    mistakes = list(_contradictions(settled))
    if mistakes:
        raise UserError("\n".join(mistakes))
    config.clear()
    config.update(settled)


def _errors(config: dict, rules: dict) -> list[ValidationError]:
    return list(Draft202012Validator(rules).iter_errors(config))


def _endless(value: object, where: str = "") -> Iterator[str]:
    """Lines about NaN and infinities, which no comparison with a limit finds."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _endless(item, f"{where}.{key}" if where else str(key))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: found {value}, expected a finite number"


def _types(rule: dict) -> list[str]:
    types = rule.get("type", [])
    return [types] if isinstance(types, str) else types


def _typed(value: object, rule: dict) -> object:
    """``value`` with strings read as YAML where the schema wants no string, and 12.0 as 12 where it wants integers.

    ``--config search='{max_evals: 6}'`` hands over '6', which has to become equal to the 6 of a file.
    """
    if isinstance(value, dict):
        known = rule.get("properties", {})
        return {key: _typed(item, known.get(key, {})) for key, item in value.items()}
    types = _types(rule)
    if isinstance(value, str) and "null" in types and value in ("null", "~", ""):
        return None
    if isinstance(value, str) and types and "string" not in types:
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            return value
        # YAML 1.1 takes 1e-3 for a string.
        if isinstance(value, str) and "number" in types:
            try:
                value = float(value)
            except ValueError:
                return value
    if isinstance(value, str) and "integer" in types and value.isdecimal():
        return int(value)
    if isinstance(value, float) and "integer" in types and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and "number" in types:
        return float(value)
    return value


def _with_defaults(value: dict, rule: dict) -> dict:
    filled = {}
    for key, known in rule["properties"].items():
        item = value[key] if key in value else copy.deepcopy(known["default"])
        filled[key] = _with_defaults(item, known) if "properties" in known else item
    return filled


_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "object": "keys with values",
    "boolean": "true or false",
}


def _expected(rule: dict) -> str:
    """The schema's rule for one value, in words."""
    if "expected" in rule:
        return rule["expected"]
    if "enum" in rule:
        return "one of " + ", ".join(map(str, rule["enum"]))
    words = " or ".join(_NAMES.get(name, name) for name in _types(rule))
    limits = {
        "minimum": "at least",
        "exclusiveMinimum": "above",
        "maximum": "at most",
        "exclusiveMaximum": "below",
        "minLength": "of a length of at least",
    }
    bounds = [f"{word} {rule[key]}" for key, word in limits.items() if key in rule]
    if "pattern" in rule:
        bounds.append(f"of {rule['description']}")
    return " ".join([words, " and ".join(bounds)]).strip()


def _found(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)


def _lines(error: ValidationError, rules: dict) -> Iterator[str]:
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        for key in error.instance:
            if key not in error.schema["properties"]:
                full = f"{where}.{key}" if where else str(key)
                yield f"{full}: {SECRET_KEY if _is_secret(key) else f'unknown key, {_nearest(full, rules)}'}"
    else:
        yield f"{where or 'config'}: found {_found(error.instance)}, expected {_expected(error.schema)}"


def _known_keys(rule: dict, prefix: str = "") -> Iterator[str]:
    for key, known in rule["properties"].items():
        yield prefix + key
        if "properties" in known:
            yield from _known_keys(known, f"{prefix}{key}.")


def _nearest(key: str, rules: dict) -> str:
    """The known key most like ``key``: first of those in the same section, then of all."""
    known = list(_known_keys(rules))
    section, _, last = key.rpartition(".")
    siblings = [name for name in known if name.rpartition(".")[0] == section]
    for candidates in (siblings, known):
        by_last = {name.rpartition(".")[2]: name for name in candidates}
        if close := difflib.get_close_matches(last, by_last, n=1):
            return f"did you mean {by_last[close[0]]}?"
    return "expected one of " + ", ".join(siblings)


def find(path: str, basedir: Path) -> Path:
    """A file that the user names: in the working directory, else in the workflow's folder; relative if possible.

    A relative path keeps Snakemake from running jobs again when everything moves to another folder.
    """
    if Path(path).is_absolute() or Path(path).exists():
        return Path(path)
    in_workflow = basedir / path
    return Path(os.path.relpath(in_workflow)) if in_workflow.exists() else Path(path)


def _contradictions(config: dict) -> Iterator[str]:
    """Mistakes that a schema cannot see."""
    data, search = config["data"], config["search"]
    try:
        functions = (search["model_function"], search["data_function"])
        script = parser.read(Path(search["model"]), data["dataset"] == "model", *functions)
        if data["dataset"] != "model" and len(script.parameters) != 4:
            yield (
                f"search.model: {script.model}() in {search['model']} has {len(script.parameters)} parameters, "
                f"expected 4 for data.dataset: {data['dataset']} (images and labels to train on, then to validate on)"
            )
    except UserError as error:
        yield f"search.model: {error}"

    if data["keras_home"] is not None and not Path(data["keras_home"]).is_dir():
        yield f"data.keras_home: found {data['keras_home']!r}, expected a folder of downloaded files"
    if data["dataset"] in datasets.SIZES:
        images = datasets.SIZES[data["dataset"]][0]
        held_out = datasets.held_out(data["dataset"], data["validation_fraction"])
        if not datasets.CLASSES <= held_out <= images - datasets.CLASSES:
            yield (
                f"data.validation_fraction: found {data['validation_fraction']}, which holds out {held_out} of "
                f"{images} images, expected to have at least {datasets.CLASSES} on both sides"
            )

    if complaint := samplers.complaint(search["algo"]):
        yield f"search.algo: {complaint}"
    for key in ("uri", "mflux_host"):
        if config["tracking"][key]:
            yield from _address_mistakes(f"tracking.{key}", config["tracking"][key])


def _is_tracker(uri: str) -> bool:
    """Whether MLflow knows what to do with a URI, by itself or by a plugin that is installed."""
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if scheme in ("http", "https"):
        return bool(parts.hostname) and not re.search(r"\s", uri)
    known = {"sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc"}
    known |= {plugin.name for plugin in importlib.metadata.entry_points(group="mlflow.tracking_store")}
    return scheme in known or uri == "databricks"


def _is_secret(key: object) -> bool:
    return any(word in str(key).lower() for word in ("token", "password", "secret", "api_key", "access_key"))


def _address_mistakes(key: str, address: str) -> Iterator[str]:
    """Lines about an address; none shows it, since it may hold a password."""
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
