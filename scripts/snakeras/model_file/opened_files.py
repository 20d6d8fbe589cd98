"""Which of the user's files a model file reads, and what is in them: a change of one runs the trials again.

Files of the system, of installed packages, of Keras's downloads and of this workflow do not count.
"""

import contextlib
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
TEMPORARY = ("/dev/shm", "/var/tmp")
# Hidden folders that other programs keep in a working directory; in the home directory none counts.
HIDDEN = {".cache", ".git", ".ipynb_checkpoints", ".snakemake", ".venv"}
CREATING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
# Audit events (https://docs.python.org/3/library/audit_events.html) by what they tell of.
OPENS, LISTS = ("open", "sqlite3.connect"), ("os.listdir", "os.scandir")
PATTERNS = ("glob.glob/2", "pathlib.Path.glob", "pathlib.Path.rglob")
# These list folders for imports and for installed packages; of the last two, the patterns are known.
LISTING = ("<frozen importlib", os.path.dirname(importlib.__file__), pkgutil.__file__, glob.__file__, pathlib.__file__)


@dataclass
class OpenedFiles:
    """What a process has read and written: paths, and patterns of what it looked for."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    updated: set[str] = field(default_factory=set)  # opened for both, as by np.memmap: often only read
    started: float = field(default_factory=time.time)
    folder: str = field(default_factory=os.getcwd)  # the script may go elsewhere

    def digests(self, sources: Iterable[Path], texts: Iterable[str] = ()) -> dict[str, str | None]:
        """Return the digest of each path or pattern that was read and counts; one in the working directory is relative.

        None stands for a file that was not there. A folder that the process wrote into does not count.

        Args:
            sources: Files that do not count, since their changes are seen otherwise.
            texts: Strings of the model file. Those that name a file count too, unless it is new: libraries written in
                C read and write files without Python's knowledge.
        """
        with contextlib.chdir(self.folder):
            named = {os.path.abspath(text) for text in texts if "\0" not in text and self._was_there(text)}
            # The working directory and those around it hold more than data.
            named = {path for path in named if not _is_in(self.folder, path)}
            inside = {path: os.path.join(glob.escape(path), "**") for path in named if os.path.isdir(path)}
            # Libraries written in C may have written there.
            results = {path for path, pattern in inside.items() if not all(map(self._was_there, matches(pattern)))}
            written = self.written | {path for path in self.updated if not self._was_there(path)}
            paths = (self.read | self.updated | {inside.get(path, path) for path in named - results}) - written
            own = [Path(__file__).parents[2], sys.prefix, sys.base_prefix, os.environ.get("KERAS_HOME"), *sources]
            excluded = [os.path.realpath(path) for path in own if path]
            keys = {self._key(path, excluded) for path in paths if not written.intersection(matches(path))}
            found = {key: digest(key) for key in sorted(filter(None, keys))}
            return {key: value for key, value in found.items() if value or not os.path.lexists(key)}

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
        real, inside = os.path.realpath(path), _is_in(path, self.folder)
        shown = os.path.relpath(path) if inside else path
        first, *_ = parts = shown.split(os.sep)
        is_hidden = path.startswith(os.path.expanduser("~/.")) and (
            not inside or self.folder == os.path.expanduser("~")
        )
        if is_hidden or HIDDEN.intersection(parts) or any(_is_in(real, folder) for folder in excluded):
            return None
        if inside:
            return None if first in RESULTS else shown
        if any(_is_in(real, os.path.realpath(folder)) for folder in (tempfile.gettempdir(), *TEMPORARY)):
            # Of temporary folders only files that were there before: libraries work in them.
            return shown if os.path.isfile(real) and self._was_there(real) else None
        return None if any(_is_in(real, folder) for folder in SYSTEM) else shown


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def matches(key: str) -> list[str]:
    """Return the files that a path or pattern stands for; results count only for a pattern that names their folder."""
    if os.path.isfile(key):
        return [key]
    first = os.path.relpath(key).split(os.sep)[0]
    outputs = [os.path.abspath(name) for name in RESULTS - {first}]
    found = [path for path in glob.glob(key, recursive=True) if os.path.isfile(path) and "__pycache__" not in path]
    return sorted(path for path in found if not any(_is_in(os.path.abspath(path), name) for name in outputs))


def digest(key: str) -> str | None:
    """Return the digest of what a path or pattern stands for; None where nothing is there.

    That is a file's content; for a pattern the names of its files, and their contents unless they lie in the working
    directory itself.
    """
    paths, is_pattern = matches(key), glob.has_magic(key) and not os.path.isfile(key)
    if is_pattern and os.sep not in key:
        return files.sha256_of(paths)
    states = [os.stat(path) for path in paths]
    if sum(state.st_size for state in states) > LARGE:
        contents = [f"{state.st_size} bytes of {state.st_mtime_ns}" for state in states]
    else:
        contents = [_sha256(path, state.st_size, state.st_mtime_ns) for path, state in zip(paths, states, strict=True)]
    if is_pattern:
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
    if not _recording or event not in (*OPENS, *LISTS, *PATTERNS):
        return
    path = arguments[0] if arguments[0] is not None else "."
    if not isinstance(path, str | bytes | os.PathLike):
        return
    path, kind = os.path.abspath(os.fsdecode(path)), "read"
    if event == "open":
        _, mode, flags = arguments
        # os.open may mean a name in another folder (dir_fd), as in shutil.rmtree, and Python does not tell of it.
        if mode is None and not os.path.lexists(path):
            return
        if set(mode or "") & set("wax") or (not mode and (flags or 0) & CREATING):
            kind = "written"
        elif (flags or 0) & os.O_RDWR or "+" in (mode or ""):
            kind = "updated"
    elif event == "sqlite3.connect":
        kind = "updated"
    elif event in LISTS:
        caller = sys._getframe(1).f_code
        # setuptools brings the last along.
        in_passing = caller.co_filename.startswith(LISTING) or "importlib_metadata" in caller.co_filename
        if in_passing and caller.co_name not in ("iterdir", "walk"):
            return
        path = os.path.join(glob.escape(path), "*")
    elif event == "glob.glob/2":
        path = os.path.abspath(os.path.join(glob.escape(os.fsdecode(arguments[2] or "")), os.fsdecode(arguments[0])))
    elif event in PATTERNS:
        path = os.path.join(glob.escape(path), *["**"] * event.endswith("rglob"), arguments[1])
    for opened in _recording:
        getattr(opened, kind).add(path)
