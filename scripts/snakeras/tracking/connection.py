"""The way to a tracker: MLflow's client, made to give up soon on one that is away, and locks between its writers."""

import hashlib
import os
import socket
import tempfile
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from snakeras.core import files
from snakeras.core.errors import UserError, flat, one_line
from snakeras.tracking import mflux
from snakeras.tracking.redaction import keep_secret, redacted

# Read when MLflow is imported, or at its first request. By default a dead tracker costs 247 s a call. What the user has
# set stays.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # What scripts log themselves is kept in file stores.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
CONNECTION = 3.0  # seconds for a connection
PATIENCE = 600.0  # seconds for another writer
LONGEST = 300  # characters of a tracker's own words in a line
RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
DATABASE_TRIES = 4  # within a second; by default MLflow takes 100 s to see that a database is not there

Made = TypeVar("Made")


def connect(settings: dict, token_file: str | None) -> object:
    """A client of the tracker that ``settings`` name.

    Parameters
    ----------
    settings
        Of ``config["tracking"]``: ``uri``, or ``mflux`` with ``mflux_host``.
    token_file
        Of the MFlux.ai token, where it is in no environment variable.

    Returns
    -------
    mlflow.MlflowClient

    Raises
    ------
    UserError
        When the tracker cannot be reached.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # An experiment or run of the user's shell is not meant.
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)
    uri = settings["uri"]
    if settings["mflux"]:
        uri = mflux.connect(mflux.token(token_file), settings["mflux_host"])
        if password := urlsplit(uri).password:
            keep_secret(password)
    # Before the import, which takes longer than finding out.
    _probe(uri, name_of(settings))
    if endpoint := os.environ.get("MLFLOW_S3_ENDPOINT_URL"):
        _probe(endpoint, f"MLFLOW_S3_ENDPOINT_URL: {endpoint}")
    import mlflow

    mlflow.set_tracking_uri(uri)
    served = urlsplit(uri).scheme in ("http", "https")
    if not served:
        import mlflow.store.db.utils

        mlflow.store.db.utils.MAX_RETRY_COUNT = DATABASE_TRIES
    # A database that is not there yet is made by the first call: by one process. Nobody waits for a server twice.
    registry = uri if settings["mflux"] else os.environ.get("MLFLOW_REGISTRY_URI", uri)
    with explained(settings), nullcontext() if served else locked(uri):
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=registry)
        client.search_experiments(max_results=1)
    return client


def name_of(settings: dict) -> str:
    """The tracker, as a line about it begins."""
    if settings["mflux"]:
        return f"tracking.mflux: {settings['mflux_host'] or 'MFlux.ai'}"
    return f"tracking.uri: {settings['uri']}"


@contextmanager
def explained(settings: dict) -> Iterator[None]:
    """Turn whatever a tracker, its store or its database raises inside the block into one line; a traceback is printed.

    Raises
    ------
    UserError
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        traceback.print_exc()
        # Before it is cut, lest half a secret is left.
        words = _shortened(redacted(_reason(error)))
        raise UserError(
            f"{name_of(settings)} did not take it ({words}); call again to publish what is missing"
        ) from None


def _reason(error: BaseException) -> str:
    """What is behind it all, if that is a connection: MLflow and the libraries below it wrap it up in many words."""
    innermost = error
    while innermost.__cause__ or innermost.__context__:
        innermost = innermost.__cause__ or innermost.__context__
    told = innermost if isinstance(innermost, ConnectionError | TimeoutError) else error
    return flat(told) or one_line(told)


def _shortened(words: str) -> str:
    """The beginning and the end, where what is the matter stands if a request failed: of a timeout, for instance."""
    return words if len(words) <= LONGEST else f"{words[: LONGEST // 2]} ... {words[-LONGEST // 2 :]}"


def made_once(find: Callable[[], Made | None], make: Callable[[], Made]) -> Made:
    """What ``find`` gives, or else what ``make`` asks a tracker to make, which is not asked twice.

    MLflow repeats a request whose answer was lost, and so would make two of it.
    """
    from mlflow.exceptions import MlflowException

    if found := find():
        return found
    before = os.environ.get(RETRIES)
    os.environ[RETRIES] = "0"
    try:
        return make()
    except MlflowException:
        if found := find():
            return found
        raise
    finally:
        if before is None:
            del os.environ[RETRIES]
        else:
            os.environ[RETRIES] = before


def _probe(uri: str, name: str) -> None:
    """See whether something listens there, which MLflow finds out much later."""
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if scheme not in PORTS or not parts.hostname or _has_proxy(scheme, parts.hostname):
        return
    try:
        port = parts.port or PORTS[scheme]
        socket.create_connection((parts.hostname, port), timeout=CONNECTION).close()
    except (OSError, ValueError) as error:
        raise UserError(f"{name} cannot be reached ({flat(error)}); call again to publish what is missing") from None


def _has_proxy(scheme: str, host: str) -> bool:
    return scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host)


@contextmanager
def locked(*names: str) -> Iterator[None]:
    """Keep other processes of this user on this machine out of what ``names`` name.

    Raises
    ------
    UserError
        When another process keeps it for ten minutes.
    """
    from filelock import FileLock, Timeout

    folder = Path(tempfile.gettempdir()) / f"snakeras-{os.getuid()}-tracking"
    path = folder / f"{hashlib.sha256(chr(0).join(names).encode()).hexdigest()}.lock"
    try:
        files.make_private(folder)
        with FileLock(path, fallback_to_soft=False).acquire(timeout=PATIENCE):
            yield
    except Timeout:
        raise UserError(f"{path}: another process has kept this lock for {PATIENCE:.0f} s") from None
