import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from processes import GUARD
from workflow_folder import Folder, environment, new_folder

HERE = Path(__file__).parents[1] / "cluster"
CONFIGURATION = Path("/etc/slurm/slurm.conf")
# Trains nothing, and notes which device it had, from when to when, in which of Slurm's jobs.
LIGHT = """
import json, os, pathlib, time
from hyperas.distributions import uniform

def model(x_train, y_train, x_test, y_test):
    x = {{uniform(-5, 5)}}
    number = os.environ.get("SLURM_JOB_ID", "none")
    note = {"job": number, "devices": os.environ.get("CUDA_VISIBLE_DEVICES"), "from": time.time()}
    pathlib.Path(f"running-{number}").touch()
    wait()
    pathlib.Path(f"saw-{number}-{os.getpid()}.json").write_text(json.dumps(note | {"until": time.time()}))
    return {"loss": x * x, "status": "ok"}

def wait():
    import time
    time.sleep(1)
"""
# What a cluster of seconds needs instead of one of hours.
QUICK = (
    "--slurm-no-account",
    *("--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
)


class ClusterFolder(Folder):
    """A working directory whose searches go to Slurm, by ``profiles/slurm``."""

    def on_slurm(self, *arguments: str) -> list[str]:
        command = [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *QUICK]
        return [*command, *self.arguments, *arguments]

    def start(self, *arguments: str, path: str | None = None) -> "Run":
        return Run(self, self.on_slurm(*arguments), path)


class Run:
    """A Snakemake that runs beside the test."""

    def __init__(self, folder: ClusterFolder, command: list[str], path: str | None = None) -> None:
        self._file = folder.path / f"said-{time.monotonic_ns()}.txt"
        with self._file.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=folder.path,
                stdout=output,
                stderr=output,
                env=environment() | ({"PATH": path} if path else {}),
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self._file.read_text()

    def end(self) -> str:
        """Wait for its end, which has to be a good one; returns all that it printed."""
        try:
            status = self.process.wait(timeout=3 * GUARD)
        except subprocess.TimeoutExpired:
            self.process.kill()
            # Left in the queue, they would keep the next test's jobs waiting.
            subprocess.run(["scancel", "--me"], check=True)
            raise AssertionError(self.said) from None
        assert status == 0, self.said
        assert "Traceback" not in self.said
        return self.said


def jobs(folder: ClusterFolder, *states: str) -> dict[str, str]:
    """Numbers of the jobs that Slurm knows of a folder, in these states if any are given, and what each is for."""
    command = ["squeue", "--noheader", "--format", "%i|%T|%k|%Z", "--states", ",".join(states) or "all"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [line.split("|") for line in lines]
    return {number: comment for number, _, comment, where in found if Path(where) == folder.path}


def node() -> str:
    return subprocess.run(["sinfo", "-h", "-o", "%n"], check=True, capture_output=True, text=True).stdout.strip()


def why_not() -> str | None:
    """Why no Slurm can be started here."""
    if os.name != "posix" or os.geteuid() != 0:
        return "starting Slurm needs root"
    if not shutil.which("slurmctld") and not shutil.which("apt-get"):
        return "there is no Slurm, and no apt-get to install it"
    if CONFIGURATION.exists() and not re.search("^ClusterName=test$", CONFIGURATION.read_text(), re.MULTILINE):
        return f"{CONFIGURATION} is that of a real cluster"
    return None


def light(path: Path, model: str = LIGHT) -> ClusterFolder:
    """A new working directory for the light search."""
    made = new_folder(path, str(HERE / "light"))
    (path / "light.py").write_text(model)
    found = object.__new__(ClusterFolder)
    found.__dict__ |= made.__dict__
    return found
