"""Real servers for tests: PostgreSQL, S3 (moto), MLflow over HTTP, a browser.

All listen at 127.0.0.1 only, answer before they are given out, write what they print to a log in the folder, and end
with their whole process group, even when the tests are ended by ``kill -9``. Where one is missing and cannot be
installed, the test is skipped.
"""

from __future__ import annotations

import functools
import http.client
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from processes import GUARD, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOST = "127.0.0.1"
BUCKET = "mlflow"
REGION = "us-east-1"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class S3:
    """An S3 with the bucket ``mlflow``. It takes every key and secret; what it stores ends with it."""

    endpoint: str
    access_key: str
    secret_key: str

    def environment(self) -> dict[str, str]:
        """What a client of MLflow, and a server, has to have in its environment."""
        return {
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
        }


@dataclass
class Server:
    """An MLflow server."""

    uri: str
    port: int
    process: subprocess.Popen
    folder: Path

    def kill(self) -> None:
        """``kill -9`` the whole group. Then another can be started in the same folder and at the same port."""
        _kill(self.process)
        wait_for(lambda: _is_free(self.port))


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """A fresh cluster with the empty database ``mlflow``; an SQLAlchemy URI. Any user ``postgres`` is let in.

    Its data lies elsewhere than in the folder: PostgreSQL refuses to run as root, and the folders of pytest are closed
    to other users.
    """
    import psycopg2

    programs = _needed(_postgresql_programs, "postgresql", "put PostgreSQL's initdb and postgres on the PATH")
    user = _postgresql_user()
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL does not run as root: make a user postgres (useradd postgres)")
    port = free_port()
    log = _log(folder, "postgresql")
    temporary = Path(tempfile.mkdtemp(prefix="snakeras-postgresql-"))
    data = temporary / "data"
    settings = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "autovacuum": "off",
        "shared_buffers": "32MB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}

    def ready() -> bool:
        connection = psycopg2.connect(host=HOST, port=port, user="postgres", dbname="postgres", connect_timeout=5)
        connection.autocommit = True
        try:
            connection.cursor().execute(f"create database {BUCKET}")
        finally:
            connection.close()
        return True

    try:
        if user:
            shutil.chown(temporary, user)
        with log.open("ab") as output:
            initdb = [programs / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--no-sync"]
            made = subprocess.run(
                [*initdb, "--encoding=UTF8", "--locale=C"],
                cwd=temporary,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **identity,
            )
        if made.returncode:
            raise RuntimeError(f"initdb ended with exit code {made.returncode}:\n{_tail(log)}")
        command = [programs / "postgres", "-D", data, *options]
        # Each of its processes has a group of its own: the first ends the others, at SIGQUIT without delay.
        with _started(command, log, ready, end=signal.SIGQUIT, cwd=temporary, **identity):
            yield f"postgresql://postgres@{HOST}:{port}/{BUCKET}"
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def s3(folder: Path, access_key: str = "testing", secret_key: str = "testing") -> Iterator[S3]:
    """An S3 in memory with the bucket ``mlflow``."""
    import boto3
    from botocore.config import Config

    port = free_port()
    served = S3(f"http://{HOST}:{port}", access_key, secret_key)
    client = boto3.session.Session(access_key, secret_key, region_name=REGION).client(
        "s3", endpoint_url=served.endpoint, config=Config(proxies={}, retries={"total_max_attempts": 1})
    )

    def ready() -> bool:
        client.create_bucket(Bucket=BUCKET)
        return True

    command = [sys.executable, "-m", "moto.server", "--host", HOST, "--port", str(port)]
    with _started(command, _log(folder, "s3"), ready, env=_environment(), cwd=folder):
        yield served


@contextmanager
def mlflow_server(
    folder: Path,
    port: int | None = None,
    backend: str | None = None,
    artifacts: str | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    """An MLflow server over HTTP.

    Args:
        folder: For its log and, unless told otherwise, its data; a later server finds them there.
        port: If not any that is free.
        backend: SQLAlchemy URI of the database, if not SQLite in the folder.
        artifacts: ``s3://BUCKET/FOLDER`` to which clients write themselves; else a folder that the server writes to for
            them (``mlflow-artifacts:``), if not one in the folder.
        environment: More of it, such as that of an S3. What the tests' own environment says about MLflow and AWS does
            not count.
    """
    port = port or free_port()
    log = _log(folder, "mlflow")
    backend = backend or f"sqlite:///{folder.absolute()}/mlflow.db"
    if artifacts and "://" in artifacts:
        places = ["--default-artifact-root", artifacts, "--no-serve-artifacts"]
    else:
        places = ["--artifacts-destination", artifacts or str(folder.absolute() / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", HOST, "--port", str(port)]
    variables = {
        **_environment(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # No processes beside the server: they are slow to start, and nothing here asks for jobs.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        **(environment or {}),
    }

    def ready() -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=30)
        try:
            connection.request("GET", "/api/2.0/mlflow/experiments/search?max_results=1")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    command += ["--backend-store-uri", backend, *places]
    with _started(command, log, ready, env=variables, cwd=folder) as process:
        yield Server(f"http://{HOST}:{port}", port, process, folder)


@contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium of the system without a window, driven by playwright."""
    from playwright.sync_api import sync_playwright

    program = _needed(_browser_program, "chromium", "put chromium or google-chrome on the PATH")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=arguments)
        try:
            yield chromium
        finally:
            chromium.close()


def free_port() -> int:
    """A port that nothing uses, of those that the kernel gives to no outgoing connection."""
    # Not of the generator that tests may seed.
    generator = random.SystemRandom()
    while not _is_free(port := generator.randrange(15000, 32000)):
        pass
    return port


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def _started(
    command: list, log: Path, ready: Callable[[], bool], end: int = signal.SIGKILL, **options: object
) -> Iterator[subprocess.Popen]:
    """A process in a group of its own, from when it answers to the end of the context."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    guard = _guard(process.pid)
    try:
        _wait(ready, process, log)
        yield process
    finally:
        guard.kill()
        guard.communicate()
        if end != signal.SIGKILL and process.poll() is None:
            process.send_signal(end)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        _kill(process)


def _guard(group: int) -> subprocess.Popen:
    """A process that ends a group when this one is gone without having done so."""
    return subprocess.Popen(
        ["/bin/sh", "-c", f"read -r _; kill -9 -{group}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen) -> None:
    # One that was waited for is gone, and its number may be another's.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


def _wait(ready: Callable[[], bool], process: subprocess.Popen, log: Path) -> None:
    """Wait until a server is ready; raise RuntimeError with the end of its log if it ends or hangs."""
    deadline = time.monotonic() + GUARD
    while True:
        error: object = None
        # What a client raises before its server is up is of many kinds.
        try:
            if ready():
                return
        except Exception as raised:
            error = raised
        if process.poll() is not None:
            raise RuntimeError(f"{log.stem} ended with exit code {process.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"{log.stem} did not answer within {GUARD} s ({error}):\n{_tail(log)}")
        time.sleep(0.05)


def _log(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def _tail(log: Path, count: int = 40) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-count:])


def _environment() -> dict[str, str]:
    """The environment of the tests without what it says about MLflow and AWS."""
    kept = {name: value for name, value in os.environ.items() if not re.match("_?MLFLOW_|AWS_", name)}
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def _postgresql_programs() -> Path | None:
    """The folder of initdb and postgres: of the PATH, or the newest of those that Debian's packages have."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(installed, key=lambda folder: [int(n) for n in re.findall(r"\d+", str(folder))], reverse=True)
    return next((folder for folder in folders if all((folder / n).exists() for n in ("initdb", "postgres"))), None)


def _postgresql_user() -> str | None:
    """As whom PostgreSQL runs where these tests run as root."""
    if os.geteuid() == 0:
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                return pwd.getpwnam(name).pw_name
    return None


def _browser_program() -> str | None:
    for found in filter(None, map(shutil.which, BROWSERS)):
        # Ubuntu's package of the name is a script that only says what else to install.
        with suppress(OSError, subprocess.TimeoutExpired):
            tried = subprocess.run([found, "--no-sandbox", "--version"], capture_output=True, timeout=30)
            if tried.returncode == 0:
                return found
    return None


def _needed(find: Callable[[], Path | str | None], package: str, otherwise: str) -> Path | str:
    """What ``find`` finds, after installing the package if it must; skips the test where that does not help."""
    if (found := find()) is None:
        _install(package)
        found = find()
    if found is None:
        pytest.skip(f"{package} is missing: apt-get install {package}, or {otherwise}")
    return found


@functools.cache
def _install(package: str) -> None:
    """Try to install a package of the system, where someone has said that this may be done."""
    asked = os.environ.get("CI") or os.environ.get("SNAKERAS_INSTALL")
    if not asked or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    # Soon over where nothing can be reached.
    options = ("DPkg::Lock::Timeout=60", "Acquire::Retries=0", "Acquire::http::Timeout=10")
    apt = ["apt-get", "-y", *(word for option in options for word in ("-o", option))]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--no-install-recommends", package]):
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [*apt, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env=environment
            )
