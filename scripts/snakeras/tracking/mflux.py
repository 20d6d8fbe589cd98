"""MFlux.ai by its own client: the token, tracker and store, datasets, and the best run of a model group."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote, urlsplit

from snakeras.core import files
from snakeras.core.errors import UserError, flat
from snakeras.core.patching import put
from snakeras.tracking.redaction import keep_secret, redacted, secrets

if TYPE_CHECKING:
    import requests

TIMEOUT = 10.0  # seconds for a connection, and for an answer of MFlux.ai
STORE_TIMEOUT = 30.0  # seconds for an answer of the store, which may have to put an upload together first
BUCKET = "datasets"
FIELDS = ("mlflow_server", "minio_server", "minio_access_key", "minio_secret_key")


def token(file: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the token of a project, from MFLUX_AI_TOKEN, else from a file that nobody else may read.

    Raise UserError, without the token in it, if there is none or it cannot be a token.
    """
    if value := environment.get("MFLUX_AI_TOKEN", "").strip():
        source = "MFLUX_AI_TOKEN"
    elif file:
        source = f"tracking.mflux_token_file: {file}"
        value = _private_text(Path(file).expanduser(), source)
    else:
        raise UserError(
            "tracking.mflux: found no token, expected it in the environment variable MFLUX_AI_TOKEN or in a file that "
            "tracking.mflux_token_file names"
        )
    if not value:
        raise UserError(f"{source} is empty, expected the token of an MFlux.ai project")
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise UserError(f"{source}: found no token, expected printable ASCII without blanks")
    # mflux_ai prints such a token with a warning that it is a placeholder.
    if "your_" in value.lower():
        raise UserError(f"{source}: found a placeholder (your_...), expected the token of an MFlux.ai project")
    keep_secret(value)
    return value


def _private_text(path: Path, source: str) -> str:
    try:
        if not path.is_file():
            raise UserError(f"{source} is not there, expected a file with the token of an MFlux.ai project")
        if (mode := path.stat().st_mode & 0o777) & 0o077:
            raise UserError(f"{source} can be used by others: found mode {mode:o}, expected 600")
        # Bytes that are not UTF-8 are refused later, as not ASCII.
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise UserError(f"{source} cannot be read ({error.strerror})") from None


def connect(token: str, host: str | None) -> str:
    """Ask MFlux.ai for its tracker and store, and return the tracking URI.

    ``mflux_ai.init`` sets the environment variables by which MLflow and S3 clients find both. ``host`` is the address
    of another server than https://www.mflux.ai. Raise UserError if the server cannot be reached, refuses, or answers
    with something else; the environment is then as it was.
    """
    import mflux_ai.core
    from mlflow.utils import credentials

    keep_secret(token)
    if host is not None:
        mflux_ai.core.SERVER_HOST = _address(host).rstrip("/")

    def complaint(document: dict) -> str | None:
        absent = [name for name in FIELDS if not _is_text(document.get(name))]
        return f"gave no text for {', '.join(absent)}" if absent else None

    with _checked("has no /api/env_vars/ (status 404), expected the address of an MFlux.ai server", complaint) as core:
        core.init(token)
    # All that the environment holds now stays secret, also when it is removed.
    for secret in secrets(os.environ):
        keep_secret(secret)
    # MLflow would send a name and password for another tracker in place of the token.
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        os.environ.pop(name, None)
    # Those of ~/.mlflow/credentials.
    credentials._read_mlflow_creds_from_file = lambda: (None, None)
    return os.environ["MLFLOW_TRACKING_URI"]


def _address(host: str) -> str:
    try:
        parts = urlsplit(host)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        usable = usable and not ("@" in parts.netloc or parts.query or parts.fragment)
    except ValueError:
        usable = False
    if not usable:
        # Before an @ there may be a password.
        shown = repr(host.rpartition("@")[2])
        raise UserError(f"tracking.mflux: {shown} is no address of a server, expected one like https://www.mflux.ai")
    return host


def _is_text(value: object) -> bool:
    # An environment variable holds printable text alone.
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


@contextmanager
def _checked(absent: str, complaint: Callable[[dict], str | None]) -> Iterator[ModuleType]:
    """Yield ``mflux_ai.core``, which inside the block makes requests by ``_get`` and prints nothing.

    What it prints may contain the token, and says nothing that the errors here do not. ``absent`` says what status 404
    means; ``complaint`` returns what is wrong with an answer, None if nothing is.
    """
    import mflux_ai.core as core
    import requests

    def get(url: str, headers: dict[str, str]) -> "requests.Response":
        try:
            response, document = _get(url, headers, absent)
            if wrong := complaint(document):
                raise UserError(wrong)
        except UserError as error:
            raise UserError(f"tracking.mflux: {core.SERVER_HOST} {error}") from None
        return response

    with ExitStack() as undo:
        put(undo, core, "requests", SimpleNamespace(get=get, exceptions=requests.exceptions))
        undo.enter_context(redirect_stdout(io.StringIO()))
        yield core


def _get(url: str, headers: dict[str, str], absent: str) -> "tuple[requests.Response, dict]":
    """Return the answer to a GET request and its JSON object; wait no longer than TIMEOUT.

    Raise UserError, without the server's name, for any other answer; ``absent`` says what status 404 means.
    """
    import mflux_ai
    import requests

    statuses = {
        204: "does not know the token (status 204)",
        401: "refused the token (status 401)",
        403: "refused the token (status 403)",
        404: absent,
        406: f"wants another version of the package mflux-ai than {mflux_ai.__version__} (status 406)",
    }
    try:
        # With an auth of its own, even one that does nothing, requests does not take that of ~/.netrc.
        response = requests.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False, auth=lambda it: it)
    except requests.exceptions.Timeout:
        raise UserError(f"did not answer within {TIMEOUT:g} s") from None
    except (requests.exceptions.RequestException, ValueError) as error:
        raise UserError(f"cannot be reached ({type(error).__name__})") from None
    if response.is_redirect:
        there = redacted(flat(response.headers["location"].partition("?")[0]))
        raise UserError(f"sends on to {there}, which is not given the token; name that server if it is the right one")
    if response.status_code != 200:
        raise UserError(statuses.get(response.status_code, f"failed (status {response.status_code})"))
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        kind = redacted(flat(response.headers.get("content-type", "of no type")))
        raise UserError(f"gave something else ({kind}), expected a JSON object")
    return response, document


def put_dataset(manifest: Path, named: str | None, terminal: TextIO) -> dict:
    """Store the prepared arrays of a search by ``mflux_ai.put_dataset``, as a dict, unless they are there.

    It sends by boto3 here: its own S3 client has no time limits, refuses ``localhost``, and sends nothing if it has to
    make the bucket first. Parameters are those of ``datasets.read``. Return ``bucket``, ``object`` and ``digest``.
    Raise UserError if the store cannot be reached or refuses, or the arrays cannot be read.
    """
    import boto3
    import mflux_ai.core as core
    import numpy as np
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    from snakeras.data import datasets

    prepared = files.read_json(manifest)
    name = f"{prepared['dataset']}-{prepared['digest'][:16]}"
    endpoint = os.environ["MLFLOW_S3_ENDPOINT_URL"]
    config = Config(
        connect_timeout=TIMEOUT,
        read_timeout=STORE_TIMEOUT,
        retries={"total_max_attempts": 2},
        s3={"addressing_style": "path"},
        # Stores other than Amazon's may not know newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", config=config)
        if not _size(store, name):
            arrays, _ = datasets.read(manifest, "train", "validation", "test", named=named, terminal=terminal)
            with suppress(store.exceptions.BucketAlreadyOwnedByYou, store.exceptions.BucketAlreadyExists):
                store.create_bucket(Bucket=BUCKET)

            def put_object(bucket: str, name: str, content: io.BytesIO, _size: int) -> None:
                store.put_object(Bucket=bucket, Key=name, Body=content)

            with ExitStack() as undo:
                put(undo, core, "_minio_client", SimpleNamespace(put_object=put_object))
                core.put_dataset({key: np.asarray(array) for key, array in arrays.items()}, name, BUCKET)
            if not _size(store, name):
                raise ValueError("nothing arrived there")
    except (BotoCoreError, ClientError, ValueError) as error:
        message = redacted(flat(error))
        raise UserError(f"tracking.mflux: {redacted(endpoint)} did not take {BUCKET}/{name} ({message})") from None
    return {"bucket": BUCKET, "object": name, "digest": prepared["digest"]}


def _size(store: object, name: str) -> int:
    """Return the bytes of an object in the store, 0 if it is not there."""
    from botocore.exceptions import ClientError

    try:
        answer = store.head_object(Bucket=BUCKET, Key=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        return 0
    # A server that is no S3 may answer with a page.
    return answer["ContentLength"] if "ETag" in answer else 0


def best_run(group: str) -> str | None:
    """Return the id of the best run of a model group by ``mflux_ai.get_best_run``, None without one; after ``connect``.

    Raise UserError as ``connect`` does, and if there is no such group or MLflow does not have the run.
    """
    import mlflow.exceptions

    def complaint(document: dict) -> str | None:
        run_id = document.get("run_uuid", "")
        return None if run_id is None or _is_text(run_id) else f"gave no run_uuid for the model group {group!r}"

    absent = f"has no model group {group!r} (status 404), expected one that it has in tracking.mflux_model_group"
    with _checked(absent, complaint) as core:
        try:
            # mflux_ai puts the name into the URL as it is.
            run = core.get_best_run(quote(group, safe=""))
        except (mlflow.exceptions.MlflowException, OSError) as error:
            raise UserError(
                f"tracking.mflux: {core.SERVER_HOST} names a best run of the model group {group!r} that MLflow does "
                f"not give ({redacted(flat(error))})"
            ) from None
    return run and run.info.run_id


def other_best_run(group: str | None, published: dict) -> str | None:
    """Return a line for people if MFlux.ai has another best run than the search; ``published`` by ``publish_final``."""
    if not group or published["mflux_best_run_id"] == published["best_run_id"]:
        return None
    return (
        f"tracking.mflux_model_group: the best run of {group!r} on MFlux.ai is "
        f"{published['mflux_best_run_id'] or 'not known yet'}, the best trial of this search is run "
        f"{published['best_run_id']}"
    )
