"""Keep secrets out of logs and off the screen: replace them in all that is printed or raised."""

import base64
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO
from urllib.parse import quote

from snakeras.core.errors import UserError, one_line

# The variables from which MLflow, MFlux.ai, S3 clients and database drivers take secrets.
SECRET = (
    "MFLUX_AI_TOKEN",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "DATABRICKS_TOKEN",
    "PGPASSWORD",
    "MYSQL_PWD",
)
SHORTEST = 3  # characters; shorter values are no secrets and occur in any text
MARK = "[secret]"

_more: set[str] = set()


def keep_secret(value: str) -> None:
    """Redact a secret from now on that no variable holds."""
    _more.add(value)


def secrets(environment: Mapping[str, str]) -> list[str]:
    """Return all spellings of the secrets, the longest first: as they are, in a URL, and in an HTTP header."""
    values = {environment.get(name, "") for name in SECRET} | _more
    values = {value for value in values if len(value) >= SHORTEST}
    user = environment.get("MLFLOW_TRACKING_USERNAME", "")
    encoded = {base64.b64encode(f"{user}:{value}".encode()).decode() for value in values}
    return sorted(values | encoded | {quote(value, safe="") for value in values}, key=len, reverse=True)


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return ``text`` with ``[secret]`` in place of every secret."""
    for secret in secrets(environment):
        text = text.replace(secret, MARK)
    return text


class _Redacting:
    """Write to another stream, line by line and redacted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._stream.write(redacted(line) + "\n")
        return len(text)

    def flush(self) -> None:
        if self._line:
            self._stream.write(redacted(self._line))
            self._line = ""
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def redacting() -> Iterator[None]:
    """Redact all that Python code prints or raises inside the block.

    Raise UserError for any exception, with its message in one line. The traceback of an unexpected one is printed.
    """
    out, err = _Redacting(sys.stdout), _Redacting(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield
        except UserError as error:
            raise UserError(redacted(str(error))) from None
        except Exception as error:
            traceback.print_exc()
            raise UserError(f"{redacted(one_line(error))} (a traceback is in the log)") from None
        finally:
            out.flush()
            err.flush()
