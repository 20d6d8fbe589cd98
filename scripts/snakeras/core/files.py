"""Files written whole or not at all, and their SHA-256 digests."""

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
RUN_NOTES = Path(".snakemake/snakeras")  # in a working directory: a note on the last run of each search


@contextmanager
def whole(path: Path, unless_same: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` to write to; it is renamed to ``path`` when the block ends well.

    It keeps the suffix, which some writers (Keras, NumPy) go by. With ``unless_same``, a file that holds the same bytes
    already is left alone: others may have it mapped.
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
        # mkstemp makes files private; results get the permissions of any new file.
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _remove_stale(path: Path) -> None:
    """Remove what a killed writer of ``path`` left; a live one has written within the last minute."""
    for old in path.parent.glob(f".{path.stem}.????????{path.suffix}"):
        with suppress(FileNotFoundError):
            if time.time() - old.stat().st_mtime > STALE:
                old.unlink()


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: object) -> None:
    """Write ``document`` as JSON that any reader takes. Raise ValueError on NaN and infinity."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict:
    """Return the JSON object in a file. Raise UserError if the file is missing, truncated or no JSON object."""
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
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of(document: object) -> str:
    """Return the SHA-256 of a JSON-able value; the order of keys does not matter."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def make_private(folder: Path) -> None:
    """Make a folder that only this user can write to. Raise OSError if it cannot be made, or belongs to others.

    For folders in the temporary one, where anyone may have made one of this name.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise PermissionError("not a folder that only you may write to")
