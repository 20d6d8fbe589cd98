"""Remove Snakemake's lock after a run was killed, once no process of that run is alive."""

import base64
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import Settings
from snakeras.process import child_process
from snakeras.search import trial_records

LOCKS = Path(".snakemake/locks")
INCOMPLETE, METADATA = Path(".snakemake/incomplete"), Path(".snakemake/metadata")
TRIAL = re.compile(r"(results/[^/]+/trials/\d+)\.json")
PATIENCE = 5  # seconds: jobs of a killed Snakemake notice and end


def note_run(settings: Settings, made_with: dict, waiting: list[str], again: list[str]) -> None:
    """Write down which machine runs which search here: processes on another machine cannot be seen.

    ``waiting`` are trials that were ended before, and have still to be published; those in ``again`` run once more.
    """
    shutil.rmtree(published(settings.name), ignore_errors=True)
    note = {
        "host": platform.node(),
        "process": os.getpid(),
        "name": settings.name,
        "model": settings.search.model,
        "trials": settings.search.max_evals,
        "made_with": made_with,
        "waiting": waiting,
        "again": again,
    }
    files.write_json(files.RUN_NOTES / f"{settings.name}.json", note)


def published(name: str) -> Path:
    """Return the folder for what the Snakemake of now has published of the trials that waited."""
    return files.RUN_NOTES / "published" / name


def waiting(name: str) -> list[str]:
    """Return the trials that waited when the Snakemake that runs this job started; none without a note of its own."""
    import psutil

    try:
        note = files.read_json(files.RUN_NOTES / f"{name}.json")
    except UserError:
        return []
    return note["waiting"] if note["process"] in {parent.pid for parent in psutil.Process().parents()} else []


def notes(folder: Path) -> list[dict]:
    """Return the note on the last run of each search in ``folder``, with when it was ``written``, the newest last."""
    paths = sorted((folder / files.RUN_NOTES).glob("[!.]*.json"), key=lambda path: path.stat().st_mtime)
    return [files.read_json(path) | {"written": path.stat().st_mtime_ns} for path in paths]


def is_locked(folder: Path) -> bool:
    """Return whether a Snakemake holds ``folder``, or died while it did."""
    return (folder / LOCKS).is_dir() and any((folder / LOCKS).iterdir())


def live_runs(folder: Path) -> list[int]:
    """Return the process numbers of Snakemakes and their jobs that work in ``folder`` on this machine."""
    import psutil

    this = psutil.Process()
    ancestry = {this.pid, *(parent.pid for parent in this.parents())}
    runs = []
    for process in psutil.process_iter():
        try:
            if process.pid in ancestry or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if _is_run(process.cmdline()) and Path(process.cwd()) == folder:
                runs.append(process.pid)
        # It has just ended, or belongs to another user, who has no run in this folder.
        except psutil.Error:
            continue
    return runs


def _is_run(command: list[str]) -> bool:
    return child_process.BOOTSTRAP in command or any(
        Path(word).name == "snakemake" or "/.snakemake/scripts/" in word for word in command[:3]
    )


def unlock(folder: Path, arguments: list[str]) -> bool:
    """Unlock ``folder`` for ``snakemake`` with these arguments; return False if it was not locked.

    Raises:
        UserError: When a run is alive there, or may be, on another machine.
    """
    if not is_locked(folder):
        return False
    host = known[-1]["host"] if (known := notes(folder)) else platform.node()
    if host != platform.node():
        raise UserError(
            f"{folder}: locked by a run on {host}, which cannot be seen from here; if it is dead, "
            "run: snakemake --unlock"
        )
    deadline = time.monotonic() + PATIENCE
    while alive := live_runs(folder):
        if time.monotonic() > deadline:
            numbers = ", ".join(map(str, alive))
            raise UserError(f"{folder}: locked by a run that is alive (process {numbers}); wait for it or end it first")
        time.sleep(0.2)
    subprocess.run(["snakemake", "--unlock", "--quiet", "all", *arguments], cwd=folder, check=True)
    return True


def keep_finished(folder: Path) -> int:
    """Keep the trials in ``folder`` whose jobs ended on a cluster after their Snakemake was killed; return how many.

    Snakemake marks outputs as incomplete until it sees their job end. A trial's record is written last and whole: where
    it is valid, this function removes the marks. Snakemake then has no record of the trial's params: see
    ``outdated_trials``.
    """
    marks = unfinished(folder)
    kept = 0
    for match in filter(None, map(TRIAL.fullmatch, marks)):
        try:
            trial_records.read(folder / match[0])
        except UserError:
            continue
        kept += 1
        for name in (match[0], match[1], f"{match[1]}.run.json"):
            if mark := marks.get(name):
                (folder / METADATA / mark.relative_to(folder / INCOMPLETE)).unlink(missing_ok=True)
                mark.unlink()
    return kept


def unfinished(folder: Path) -> dict[str, Path]:
    """Return Snakemake's marks of incomplete outputs in ``folder``, by output, whose path is encoded in the mark's."""
    marks = {}
    for path in (folder / INCOMPLETE).rglob("*"):
        if path.is_file():
            encoded = "".join(part.removeprefix("@") for part in path.relative_to(folder / INCOMPLETE).parts)
            try:
                marks[base64.urlsafe_b64decode(encoded).decode()] = path
            except ValueError:
                continue
    return marks


if __name__ == "__main__":
    try:
        if unlock(Path.cwd().resolve(), sys.argv[1:]):
            print("An earlier run was killed here; its lock is taken away and the search goes on.", file=sys.stderr)
        if kept := keep_finished(Path.cwd()):
            print(f"Trials that have ended on a cluster since then, and are kept: {kept}", file=sys.stderr)
    except UserError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
