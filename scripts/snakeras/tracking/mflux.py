"""MFlux.ai by its own client: the token, the tracker and the store that it names, datasets there, the best run."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TextIO
from urllib.parse import quote, urlsplit

from snakeras.core import files
from snakeras.core.errors import UserError, flat, one_line
from snakeras.core.patching import put
from snakeras.tracking.redaction import keep_secret, redacted, secrets

TIMEOUT = 10.0  # seconds for a connection, and for an answer of MFlux.ai
STORE_TIMEOUT = 30.0  # seconds for an answer of the store, which may have to put an upload together first
BUCKET = "datasets"
FIELDS = ("mlflow_server", "minio_server", "minio_access_key", "minio_secret_key")


def token(file: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """The token of a project, from MFLUX_AI_TOKEN, else from a file that nobody else may read.

    Raises
    ------
    UserError
        When there is none, or one that cannot be right. The token is not in its text.
    """
    if found := environment.get("MFLUX_AI_TOKEN", "").strip():
        source = "MFLUX_AI_TOKEN"
    elif file:
        source = f"tracking.mflux_token_file: {file}"
        found = _private_text(Path(file).expanduser(), source)
    else:
        raise UserError(
            "tracking.mflux: found no token, expected it in the environment variable MFLUX_AI_TOKEN or in a file that "
            "tracking.mflux_token_file names"
        )
    if not found:
        raise UserError(f"{source} is empty, expected the token of an MFlux.ai project")
    if not (found.isascii() and found.isprintable() and " " not in found):
        raise UserError(f"{source}: found no token, expected printable ASCII without blanks")
    # mflux_ai takes it for a placeholder, and would print it.
    if "your_" in found.lower():
        raise UserError(f"{source}: found a placeholder (your_...), expected the token of an MFlux.ai project")
    keep_secret(found)
    return found


def _private_text(path: Path, source: str) -> str:
    try:
        if not path.is_file():
            raise UserError(f"{source} is not there, expected a file with the token of an MFlux.ai project")
        if (mode := path.stat().st_mode & 0o777) & 0o077:
            raise UserError(f"{source} can be used by others: found mode {mode:o}, expected 600")
        # What is not UTF-8 is no ASCII either, and refused with it.
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise UserError(f"{source} cannot be read ({error.strerror})") from None


def connect(token: str, host: str | None) -> str:
    """Ask MFlux.ai for its tracker and store, by mflux_ai.init, which puts them into environment variables.

    Parameters
    ----------
    token
        Of a project.
    host
        Address of another server than https://www.mflux.ai.

    Returns
    -------
    str
        The tracking URI.

    Raises
    ------
    UserError
        When the server cannot be reached, refuses, or gives something else. The environment is then as it was.
    """
    import mflux_ai.core

    keep_secret(token)
    if host is not None:
        mflux_ai.core.SERVER_HOST = _address(host).rstrip("/")

    def complaint(document: dict) -> str | None:
        absent = [name for name in FIELDS if not _is_text(document.get(name))]
        return f"gave no text for {', '.join(absent)}" if absent else None

    with _watched("has no /api/env_vars/ (status 404), expected the address of an MFlux.ai server", complaint) as core:
        core.init(token)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        keep_secret(os.environ[name])
    _leave_the_token_alone()
    return os.environ["MLFLOW_TRACKING_URI"]


def _leave_the_token_alone() -> None:
    """Take away the user's name and password for another tracker, which MLflow would send in place of the token."""
    from mlflow.utils import credentials

    for secret in secrets(os.environ):
        keep_secret(secret)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        os.environ.pop(name, None)
    # ~/.mlflow/credentials
    credentials._read_mlflow_creds_from_file = lambda: (None, None)


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
    # What is not printable could not be put into an environment variable.
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


@contextmanager
def _watched(absent: str, complaint: Callable[[dict], str | None]) -> Iterator[ModuleType]:
    """Give mflux_ai.core with requests that end in time, whose answers are looked at before mflux_ai looks.

    What it prints is left out: it may have the token, and says nothing that the errors here do not.

    Parameters
    ----------
    absent
        What status 404 means.
    complaint
        What is wrong with the JSON object in an answer.
    """
    import mflux_ai
    import mflux_ai.core as core
    import requests

    server = core.SERVER_HOST
    statuses = {
        204: "does not know the token (status 204)",
        401: "refused the token (status 401)",
        403: "refused the token (status 403)",
        404: absent,
        406: f"wants another version of the package mflux-ai than {mflux_ai.__version__} (status 406)",
    }

    def refused(what: str) -> UserError:
        return UserError(f"tracking.mflux: {server} {what}")

    def get(url: str, headers: dict[str, str]) -> requests.Response:
        try:
            # An entry of ~/.netrc would take the token's place, hence an auth that does nothing.
            response = requests.get(url, headers=headers, timeout=TIMEOUT, allow_redirects=False, auth=lambda it: it)
        except requests.exceptions.Timeout:
            raise refused(f"did not answer within {TIMEOUT:g} s") from None
        except (requests.exceptions.RequestException, ValueError) as error:
            raise refused(f"cannot be reached ({type(error).__name__})") from None
        status = response.status_code
        if status in statuses:
            raise refused(statuses[status])
        if response.is_redirect:
            there = redacted(flat(response.headers["location"].partition("?")[0]))
            raise refused(f"sends on to {there}, which is not given the token; name that server if it is the right one")
        if status != 200:
            raise refused(f"failed (status {status})")
        try:
            document = response.json()
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            kind = redacted(flat(response.headers.get("content-type", "of no type")))
            raise refused(f"gave something else ({kind}), expected a JSON object")
        if wrong := complaint(document):
            raise refused(wrong)
        return response

    with ExitStack() as undo:
        put(undo, core, "requests", SimpleNamespace(get=get, exceptions=requests.exceptions))
        undo.enter_context(redirect_stdout(io.StringIO()))
        yield core


def put_dataset(manifest: Path, named: str | None, terminal: TextIO) -> dict:
    """Store the prepared arrays of a search, unless they are there: a dict of name to array, by mflux_ai.put_dataset.

    Parameters
    ----------
    manifest, named, terminal
        As for ``datasets.read``.

    Returns
    -------
    dict
        ``bucket``, ``object`` and ``digest``.

    Raises
    ------
    UserError
        When the store cannot be reached or refuses, or the arrays cannot be read.
    """
    import mflux_ai.core as core
    import numpy as np

    from snakeras.data import datasets

    said = files.read_json(manifest)
    name = f"{said['dataset']}-{said['digest'][:16]}"
    with _storing(name):
        client = _store(os.environ["MLFLOW_S3_ENDPOINT_URL"])
        there = _size(client, name)
    if not there:
        arrays, _ = datasets.read(manifest, "train", "validation", "test", named=named, terminal=terminal)
        printed = io.StringIO()
        with _storing(name), ExitStack() as undo:
            put(undo, core, "_minio_client", client)
            # mflux_ai itself makes a missing bucket after it has read what it wants to send, and cannot send it again.
            core.ensure_bucket_exists(BUCKET)
            with redirect_stdout(printed):
                core.put_dataset({key: np.asarray(array) for key, array in arrays.items()}, name, BUCKET)
            if not _size(client, name):
                # It prints some errors and goes on.
                raise _untaken(name, printed.getvalue() or "nothing arrived there")
    return {"bucket": BUCKET, "object": name, "digest": said["digest"]}


def _store(endpoint: str) -> object:
    """A Minio as get_minio_client makes it, but one that gives up soon, and takes any endpoint.

    minio 4 takes ``localhost:9000`` for a URL with the scheme ``localhost`` since Python 3.9, and refuses it.
    """
    import certifi
    import minio
    import urllib3

    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http or https address")
    client = minio.Minio(
        parts.hostname,
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        secure=parts.scheme == "https",
        http_client=urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=TIMEOUT, read=STORE_TIMEOUT),
            # A request is signed for its host, so that following a redirect is of no use.
            retries=urllib3.Retry(total=1, redirect=False, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
            cert_reqs="CERT_REQUIRED",
            ca_certs=os.environ.get("SSL_CERT_FILE") or certifi.where(),
        ),
    )
    client._endpoint_url = f"{parts.scheme}://{parts.netloc}"
    return client


def _size(client: object, name: str) -> int:
    """Bytes of an object in the store, 0 where there is none."""
    from minio.error import NoSuchBucket, NoSuchKey

    try:
        return client.stat_object(BUCKET, name).size
    except (NoSuchBucket, NoSuchKey):
        return 0


@contextmanager
def _storing(name: str) -> Iterator[None]:
    """Make one line of whatever goes wrong with the store inside the block."""
    from minio.error import MinioError
    from urllib3.exceptions import HTTPError, MaxRetryError

    try:
        yield
    # KeyError and ValueError: minio looks for the fields of an answer of S3 in those of any other server, too.
    except (MinioError, HTTPError, OSError, KeyError, ValueError) as error:
        if isinstance(error, MaxRetryError) and error.reason:
            error = error.reason
        # Those of minio begin with their kind themselves.
        raise _untaken(name, flat(error) if isinstance(error, MinioError) else one_line(error)) from None


def _untaken(name: str, words: str) -> UserError:
    where = os.environ.get("MLFLOW_S3_ENDPOINT_URL")
    return UserError(f"tracking.mflux: {redacted(flat(where))} did not take {BUCKET}/{name} ({redacted(flat(words))})")


def best_run(group: str) -> str | None:
    """Run id of the best run of a model group, by mflux_ai.get_best_run; after ``connect``.

    Returns
    -------
    str or None
        None where the group has no best run.

    Raises
    ------
    UserError
        As ``connect``; also when there is no such group, or MLflow does not have the run.
    """
    import mlflow.exceptions

    def complaint(document: dict) -> str | None:
        if "run_uuid" in document and (document["run_uuid"] is None or _is_text(document["run_uuid"])):
            return None
        return f"gave no run_uuid for the model group {group!r}"

    absent = f"has no model group {group!r} (status 404), expected one that it has in tracking.mflux_model_group"
    with _watched(absent, complaint) as core:
        try:
            # It goes into the URL as it is.
            run = core.get_best_run(quote(group, safe=""))
        except (mlflow.exceptions.MlflowException, OSError) as error:
            words = redacted(flat(error))
            raise UserError(
                f"tracking.mflux: {core.SERVER_HOST} names a best run of the model group {group!r} that MLflow does "
                f"not give ({words})"
            ) from None
    return run and run.info.run_id
