"""Where a result comes from: what determines it, its Git commit, its packages."""

import importlib.metadata
import subprocess
from contextlib import suppress
from pathlib import Path

from snakeras.core import files
from snakeras.core.settings import TrialSettings
from snakeras.model_file import fingerprint, opened_files
from snakeras.search.samplers import algorithms

GIT_TIMEOUT = 10  # seconds
PACKAGES = ("tensorflow", "keras", "hyperas", "hyperopt", "numpy")


def determined_by(
    sources: list[Path], search: dict, data: dict, manifest: Path | None, warm_start: str | None = None
) -> dict:
    """Return all that determines every trial of a search, but for its number, its history and the packages.

    Args:
        sources: The model file, then what else of the user's own decides a trial.
        search: The JSON form of ``TrialSettings``.
        data: The keys of ``data`` in the configuration that trials depend on.
        manifest: Of the prepared arrays; None where the model file has its own data function.
        warm_start: The digest of the trials of other searches that stand before the history; None without any.
    """
    digest = files.read_json(manifest)["digest"] if manifest else None
    model = fingerprint.of_files(sources, manifest is None, search["model_function"], search["data_function"])
    found = {"model": model, "search": search, "data": data | {"digest": digest}}
    return found | ({"warm_start": warm_start} if warm_start else {})


def changed_file(files_read: dict[str, str | None]) -> str | None:
    """Return what happened to the first of these files, digests by path, that is not as it was; None if all are."""
    for path, digest in files_read.items():
        if (now := opened_files.digest(path)) != digest:
            return f"{path} {'is gone' if now is None else 'is new' if digest is None else 'changed since'}"
    return None


def commit(path: Path) -> dict | None:
    """Return the Git commit of a file, and whether anything in its repository was changed since; None without one."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(path.resolve().parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT).stdout.strip()

    try:
        # A file that Git ignores or does not know yet: the commit says nothing about it.
        if not git("ls-files", "--", path.name):
            return None
        return {
            "commit": git("rev-parse", "HEAD"),
            "changed": bool(git("status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.SubprocessError):
        return None


def commit_of(paths: dict[str, Path]) -> dict | None:
    """Return the first commit that one of these files has, with the file's name as ``of``; None without any."""
    return next((found | {"of": name} for name, path in paths.items() if (found := commit(path))), None)


def versions(search: TrialSettings) -> dict[str, str]:
    """Return the versions of the packages that make the numbers, those of the sampler too."""
    found = {}
    # TensorFlow is distributed under two names.
    for distribution in ("tensorflow-cpu", *PACKAGES):
        with suppress(importlib.metadata.PackageNotFoundError):
            found[distribution.removesuffix("-cpu")] = importlib.metadata.version(distribution)
    return found | algorithms.versions(search)
