"""Whatever is killed: finished trials are kept, nothing goes on alone, the result is the same."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import GUARD, command_lines, wait_for
from workflow_folder import Folder

pytestmark = pytest.mark.slow


def snakemake_alone(run: subprocess.Popen) -> None:
    os.kill(run.pid, signal.SIGKILL)


def everything(run: subprocess.Popen) -> None:
    os.killpg(run.pid, signal.SIGKILL)


def ctrl_c(run: subprocess.Popen) -> None:
    os.killpg(run.pid, signal.SIGINT)


def test_a_search_killed_in_every_way_goes_on_where_it_was(finished, twin) -> None:
    expected = twin.outcome()
    kept = twin.results / "trials" / "0001.json"
    for path in [twin.results / "best.json", *twin.results.glob("trials/0003*.json")]:
        path.unlink()
    time_kept = kept.stat().st_mtime_ns
    for kill in snakemake_alone, everything, ctrl_c:
        killed(twin, kill)
    twin.run("--", f"results/{twin.name}/best.json")
    assert kept.stat().st_mtime_ns == time_kept
    assert twin.outcome() == expected == finished.outcome()


def killed(folder: Folder, kill: Callable) -> None:
    """Kill a run in the middle of a trial; all that it started ends, and the folder can be used again."""
    targets = [f"results/{folder.name}/trials/{number:04d}.json" for number in range(4)]
    with (folder.path / "output.txt").open("w") as output:
        run = subprocess.Popen(
            folder.command("--", *targets), cwd=folder.path, stdout=output, stderr=output, start_new_session=True
        )
        # In the middle of a trial: its computing process is up.
        wait_for(lambda: any("snakeras.process import child" in line for line in command_lines(folder.path)))
        time.sleep(1)
        kill(run)
        run.wait(timeout=GUARD)
    wait_for(lambda: not command_lines(folder.path))
    said = (folder.path / "output.txt").read_text()
    assert "Traceback" not in said
    assert not list(folder.results.glob("trials/.*"))
    assert not (folder.results / "trials" / "0003.json").exists()

    if kill is not ctrl_c:
        assert "LockException" in folder.run("--", *targets, fails=True)
        unlocked = subprocess.run(
            [sys.executable, "-m", "snakeras.workflow.stale_lock", *folder.arguments],
            cwd=folder.path,
            env=os.environ
            | {
                "PYTHONPATH": str(folder.path / "scripts"),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert "its lock is taken away" in unlocked.stderr
