"""Connect to a tracker: an MLflow client that gives up soon on a server that is away, and locks between processes."""

import os
import socket
import tempfile
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from snakeras.core import files, text
from snakeras.core.errors import UserError, flat, one_line
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import mflux
from snakeras.tracking.redaction import keep_secret, redacted

if TYPE_CHECKING:
    from mlflow import MlflowClient

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
# MLflow reads these at its import or at its first request. By default a dead tracker costs 247 s a call. Variables that
# the user has set stay.
ENVIRONMENT = {
    RETRIES: "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Scripts log into file stores: see mlflow_capture.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
CONNECTION_TIMEOUT = 3.0  # seconds
LOCK_TIMEOUT = 600.0  # seconds
MESSAGE_LENGTH = 300  # characters of a tracker's own message in an error line
DATABASE_TRIES = 4  # within a second; by default MLflow takes 100 s to see that a database is not there

Item = TypeVar("Item")


def settings_of(params: object) -> TrackingSettings:
    """Return the tracking settings of a rule's params, in which the token file stands apart: it decides nothing."""
    return TrackingSettings(**params.tracking, mflux_token_file=params.job["mflux_token_file"])


def connect(tracking: TrackingSettings) -> "MlflowClient":
    """Return a client of the tracker that ``tracking`` names. Raise UserError if it cannot be reached."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # The user's shell may name an experiment or a run for something else.
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
        os.environ.pop(name, None)
    uri = tracking.uri
    if tracking.mflux:
        uri = mflux.connect(mflux.token(tracking.mflux_token_file), tracking.mflux_host)
        if password := urlsplit(uri).password:
            keep_secret(password)
    # Before importing MLflow, which takes longer than this.
    _check_listening(uri, _name_of(tracking))
    if endpoint := os.environ.get("MLFLOW_S3_ENDPOINT_URL"):
        _check_listening(endpoint, f"MLFLOW_S3_ENDPOINT_URL: {endpoint}")
    import mlflow

    mlflow.set_tracking_uri(uri)
    is_server = urlsplit(uri).scheme in ("http", "https")
    if not is_server:
        import mlflow.store.db.utils

        mlflow.store.db.utils.MAX_RETRY_COUNT = DATABASE_TRIES
    registry = uri if tracking.mflux else os.environ.get("MLFLOW_REGISTRY_URI", uri)
    # The first call creates a missing database, which only one process may do.
    with explained(tracking), nullcontext() if is_server else locked(uri):
        client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=registry)
        client.search_experiments(max_results=1)
    return client


def _name_of(tracking: TrackingSettings) -> str:
    """Return the key and address of the tracker, with which an error line begins."""
    if tracking.mflux:
        return f"tracking.mflux: {tracking.mflux_host or 'MFlux.ai'}"
    return f"tracking.uri: {tracking.uri}"


@contextmanager
def explained(tracking: TrackingSettings) -> Iterator[None]:
    """Raise any error of the tracker, its artifact store or its database as UserError; print the traceback."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        traceback.print_exc()
        # Redacted first: shortening could leave half a secret.
        message = text.shortened(redacted(_reason(error)), MESSAGE_LENGTH)
        if getattr(error, "error_code", None) == "ENDPOINT_NOT_FOUND":
            line = f"lacks an endpoint ({message}), expected a server of MLflow 3 or newer"
        else:
            line = f"did not take it ({message}); call again to publish what is missing"
        raise UserError(f"{_name_of(tracking)} {line}") from None


def _reason(error: BaseException) -> str:
    """Return the message of the innermost error if that is about a connection, else of ``error`` itself.

    MLflow and the libraries below it wrap connection errors in many words.
    """
    innermost = error
    while innermost.__cause__ or innermost.__context__:
        innermost = innermost.__cause__ or innermost.__context__
    if isinstance(innermost, ConnectionError | TimeoutError):
        error = innermost
    return flat(error) or one_line(error)


def created_once(find: Callable[[], Item | None], create: Callable[[], Item]) -> Item:
    """Return what ``find`` gives, else what ``create`` gives.

    MLflow must not repeat the request if its answer was lost: that would create a second item.
    """
    from mlflow.exceptions import MlflowException

    if found := find():
        return found
    before = os.environ.get(RETRIES, ENVIRONMENT[RETRIES])
    os.environ[RETRIES] = "0"
    try:
        return create()
    except MlflowException:
        if found := find():
            return found
        raise
    finally:
        os.environ[RETRIES] = before


def _check_listening(uri: str, name: str) -> None:
    """Raise UserError if nothing listens at ``uri``; MLflow finds that out much later."""
    parts = urlsplit(uri)
    scheme = parts.scheme.split("+")[0]
    if scheme not in PORTS or not parts.hostname:
        return
    if scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname):
        return
    try:
        port = parts.port or PORTS[scheme]
        socket.create_connection((parts.hostname, port), timeout=CONNECTION_TIMEOUT).close()
    except (OSError, ValueError) as error:
        raise UserError(f"{name} cannot be reached ({flat(error)}); call again to publish what is missing") from None


@contextmanager
def locked(*names: str, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the lock of these names, which is one for all processes of this user on this machine.

    Raise UserError if another process holds it for ``timeout`` seconds (-1: wait as long as it does).
    """
    from filelock import FileLock, Timeout

    folder = Path(tempfile.gettempdir()) / f"snakeras-{os.getuid()}-tracking"
    path = folder / f"{files.sha256_of(names)}.lock"
    try:
        files.make_private(folder)
        with FileLock(path, fallback_to_soft=False).acquire(timeout=timeout):
            yield
    except Timeout:
        raise UserError(f"{path}: another process has kept this lock for {timeout:.0f} s") from None
