"""Working directories with a copy of the workflow, and Snakemake in them."""

import copy
import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from filelock import FileLock
from processes import GUARD, command_lines, wait_for
from snakemake import cli

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "tests" / "workflow"
WORKFLOW = (
    "Snakefile",
    "config.yaml",
    "rules",
    "scripts",
    "envs",
    "profiles",
    "models",
    "report",
    "configs",
)


class Folder:
    """A working directory with its own copy of the workflow, and Snakemake in it."""

    def __init__(self, path: Path, scenario: str) -> None:
        self.path = path
        self.arguments = ["--configfile", "config.yaml", str(SCENARIOS / scenario / "config.yaml")]
        self.name = re.search(r"name: (\w+)", Path(self.arguments[-1]).read_text())[1]

    @property
    def results(self) -> Path:
        return self.path / "results" / self.name

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        told = ["--quiet", "host"]  # all that Snakemake has to say of its jobs
        return [sys.executable, "-m", "snakemake", "--cores", str(cores), *told, *self.arguments, *arguments]

    def run(self, *arguments: str, cores: int = 2, fails: bool = False) -> str:
        """Run Snakemake to its end; returns all that it printed."""
        run = subprocess.run(
            self.command(*arguments, cores=cores),
            cwd=self.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            check=False,
        )
        assert (run.returncode == 1) if fails else (run.returncode == 0), run.stdout
        assert "Traceback" not in run.stdout, run.stdout
        return run.stdout

    def kill(self, reached: str, *arguments: str) -> None:
        """Run Snakemake, kill it and all its jobs once there is the result ``reached``, and unlock the folder."""
        run = subprocess.Popen(
            self.command(*arguments),
            cwd=self.path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
        wait_for((self.results / reached).exists)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(timeout=GUARD)
        wait_for(lambda: not command_lines(self.path))
        self.run("--unlock")

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a dry run plans.

        It runs in this process: starting Python and importing Snakemake take ten times as long as planning.
        """
        output = io.StringIO()
        path, at_sigterm = list(sys.path), signal.getsignal(signal.SIGTERM)
        try:
            with chdir(self.path), redirect_stdout(output), redirect_stderr(output), pytest.raises(SystemExit) as end:
                cli.main(self.command("--dry-run", *arguments)[3:])
        finally:
            sys.path[:] = path
            signal.signal(signal.SIGTERM, at_sigterm)
        printed = output.getvalue()
        assert end.value.code == 0, f"{printed}{end.value}"
        jobs = Counter(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", printed, re.MULTILINE))
        assert jobs or "Nothing to be done" in printed, printed
        return {rule: count for rule, count in jobs.items() if rule != "all"}

    def copy(self, path: Path) -> "Folder":
        """Return a copy elsewhere, in which every file has a new time."""
        shutil.copytree(self.path, path, copy_function=shutil.copyfile)
        twin = copy.copy(self)
        twin.path = path
        return twin

    def rows(self) -> list[dict[str, str]]:
        with (self.results / "trials.csv").open() as file:
            return list(csv.DictReader(file))

    def outcome(self) -> tuple[bytes, bytes]:
        return (self.results / "trials.csv").read_bytes(), (self.results / "best.json").read_bytes()


def environment() -> dict[str, str]:
    # Bytecode saves most of the time of an import of TensorFlow.
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def new_folder(path: Path, scenario: str) -> Folder:
    path.mkdir(parents=True, exist_ok=True)
    for name in WORKFLOW:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, path / name)
    for file in (SCENARIOS / scenario).iterdir():
        if file.name != "config.yaml":
            shutil.copy(file, path)
    return Folder(path, scenario)


def finished_once(factory: pytest.TempPathFactory, scenario: str, fails: bool = False) -> Folder:
    """Return a folder in which a scenario ran to its end, once for all processes of pytest.

    ``output`` has what Snakemake printed. Tests must not change the folder: they take a copy.
    """
    session = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        session = session.parent
    work, output = session / "finished" / scenario, session / "finished" / f"{scenario}.txt"
    work.parent.mkdir(exist_ok=True)
    with FileLock(work.with_suffix(".lock")):
        if not output.exists():
            shutil.rmtree(work, ignore_errors=True)
            output.write_text(new_folder(work, scenario).run(fails=fails))
    folder = Folder(work, scenario)
    folder.output = output.read_text()
    return folder
