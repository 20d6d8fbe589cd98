"""Which of the user's files a model file reads, and what is in them: a change of one runs the trials again.

Files of the system, of installed packages, of Keras's downloads and of this workflow do not count.
"""

import glob
import importlib.util
import os
import pathlib
import pkgutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from snakeras.core import files

LARGE = 2**30  # bytes; for more, sizes and times stand for the contents
# What the workflow itself writes into the working directory.
RESULTS = {"results", "resources", "mlruns", "mlflow.db", "report.html", "report.zip"}
SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr", "/var")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# Audit events (https://docs.python.org/3/library/audit_events.html) by what they tell of.
LISTS, PATTERNS = ("os.listdir", "os.scandir"), ("glob.glob", "pathlib.Path.glob", "pathlib.Path.rglob")
# These list folders for imports and for installed packages; of the last two, the patterns are known.
LISTING = ("<frozen importlib", os.path.dirname(importlib.__file__), pkgutil.__file__, glob.__file__, pathlib.__file__)


@dataclass
class OpenedFiles:
    """What a process has read and written: paths, and patterns of what it looked for."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.time)

    def digests(self, sources: Iterable[Path], texts: Iterable[str] = ()) -> dict[str, str]:
        """Return the digest of each path or pattern that was read and counts; one in the working directory is relative.

        Args:
            sources: Files that do not count, since their changes are seen otherwise.
            texts: Strings of the model file. Those that name a file count too, unless it is new: libraries written in
                C read and write files without Python's knowledge.
        """
        named = {os.path.abspath(text) for text in texts if "\0" not in text and self._was_there(text)}
        # The working directory and those around it hold more than data.
        named = {path for path in named if not _is_in(os.getcwd(), path)}
        paths = self.read | {os.path.join(path, "**") if os.path.isdir(path) else path for path in named}
        own = [Path(__file__).parents[2], sys.prefix, sys.base_prefix, os.environ.get("KERAS_HOME"), *sources]
        excluded = [os.path.realpath(path) for path in own if path]
        keys = {self._key(path, excluded) for path in paths - self.written}
        return {key: found for key in sorted(filter(None, keys)) if (found := digest(key))}

    def _was_there(self, path: str) -> bool:
        return os.path.exists(path) and os.path.getmtime(path) < self.started

    def _key(self, path: str, excluded: list[str]) -> str | None:
        """Return the name under which a path counts; None for one that does not."""
        if "__pycache__" in path:
            try:
                path = importlib.util.source_from_cache(path)
            # Other programs write files there too.
            except ValueError:
                return None
        real, inside = os.path.realpath(path), _is_in(path, os.getcwd())
        shown = os.path.relpath(path) if inside else path
        first, *_ = parts = shown.split(os.sep)
        if any(part.startswith(".") for part in parts) or any(_is_in(real, folder) for folder in excluded):
            return None
        if inside:
            return None if first in RESULTS else shown
        if _is_in(real, os.path.realpath(tempfile.gettempdir())):
            # Of the temporary folder only files that were there before: libraries work in it.
            return shown if os.path.isfile(real) and self._was_there(real) else None
        return None if any(_is_in(real, folder) for folder in SYSTEM) else shown


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def matches(key: str) -> list[str]:
    """Return the files that a path or pattern stands for."""
    return sorted(filter(os.path.isfile, glob.glob(key, recursive=True)))


def digest(key: str) -> str | None:
    """Return the digest of what a path or pattern stands for; None where nothing is there.

    That is a file's content; for a pattern the names of its files, and their contents unless they lie in the working
    directory itself.
    """
    paths = matches(key)
    if glob.has_magic(key) and os.sep not in key:
        return files.sha256_of(paths)
    states = [os.stat(path) for path in paths]
    if sum(state.st_size for state in states) > LARGE:
        contents = [f"{state.st_size} bytes of {state.st_mtime_ns}" for state in states]
    else:
        contents = [_sha256(path, state.st_size, state.st_mtime_ns) for path, state in zip(paths, states, strict=True)]
    if glob.has_magic(key):
        return files.sha256_of([paths, contents])
    return contents[0] if contents else None


@cache
def _sha256(path: str, _size: int, _modified: int) -> str:
    return files.sha256_of_file(Path(path))


_recording: list[OpenedFiles] = []


@contextmanager
def recorded() -> Iterator[OpenedFiles]:
    """Record, inside the block, what this process reads and writes."""
    import wrapt

    _start_audit()
    opened = OpenedFiles()
    _recording.append(opened)
    wrapt.register_post_import_hook(_audit_hdf5, "h5py")
    try:
        yield opened
    finally:
        _recording.remove(opened)


@cache
def _start_audit() -> None:
    # A hook stays until the process ends.
    sys.addaudithook(_hook)


def _audit_hdf5(h5py: object) -> None:
    """Let h5py, which opens files in C, tell of them as Python does."""
    import wrapt

    if not isinstance(h5py.File.__init__, wrapt.FunctionWrapper):

        def audited(init: object, _file: object, args: tuple, kwargs: dict) -> None:
            named = dict(zip(("name", "mode"), args, strict=False)) | kwargs
            sys.audit("open", named["name"], named.get("mode", "r"), 0)
            init(*args, **kwargs)

        wrapt.wrap_function_wrapper(h5py, "File.__init__", audited)


def _hook(event: str, arguments: tuple) -> None:
    if not _recording or event not in ("open", *LISTS, *PATTERNS):
        return
    path = arguments[0] if arguments[0] is not None else "."
    if not isinstance(path, str | bytes | os.PathLike):
        return
    path, writes = os.path.abspath(os.fsdecode(path)), False
    if event == "open":
        _, mode, flags = arguments
        writes = bool(set(mode) & set("wax+")) if isinstance(mode, str) else bool((flags or 0) & WRITING)
    elif event in LISTS:
        caller = sys._getframe(1).f_code.co_filename
        # setuptools brings the second along.
        if caller.startswith(LISTING) or "importlib_metadata" in caller:
            return
        path = os.path.join(glob.escape(path), "*")
    elif event != "glob.glob":
        path = os.path.join(glob.escape(path), *["**"] * event.endswith("rglob"), arguments[1])
    for opened in _recording:
        (opened.written if writes else opened.read).add(path)
