"""Files that are either whole or not there, and digests of them."""

import filecmp
import hashlib
import json
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from snakeras.core.errors import UserError

STALE = 60  # seconds


@contextmanager
def whole(path: Path, unless_same: bool = False) -> Iterator[Path]:
    """Give a temporary path beside ``path`` to write to; it takes the name ``path`` when the block ends well.

    The temporary name keeps the suffix, since some writers (Keras, NumPy) go by it.

    Parameters
    ----------
    unless_same
        Leave a file alone that holds the same bytes already: others may have it mapped.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if unless_same and path.is_file() and filecmp.cmp(temporary, path, shallow=False):
            return
        # mkstemp makes files private; results get the permissions that any new file gets.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove what a killed writer of ``path`` left; one that is still at work has written within the last minute."""
    for old in path.parent.glob(f".{path.stem}.????????{path.suffix}"):
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > STALE:
                old.unlink()


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: object) -> None:
    """Write ``document`` as JSON that any reader takes: NaN and infinity are refused with ValueError."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict:
    """Read a JSON object.

    Raises
    ------
    UserError
        When the file is missing, truncated or no JSON object.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not there, expected a JSON file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(document, dict):
        raise UserError(f"{path}: found {type(document).__name__}, expected a JSON object")
    return document


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(document: object) -> str:
    """SHA-256 of a JSON-able value: equal values give equal digests whatever the order of their keys."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def make_private(folder: Path) -> None:
    """Make a folder in the temporary one, or see that it is nobody else's: anyone may write there.

    Raises
    ------
    OSError
        When it cannot be made, or others may write to it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError("not a folder that only you may write to")
