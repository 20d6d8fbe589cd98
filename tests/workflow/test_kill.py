"""Whatever is killed: finished trials are kept, nothing goes on alone, the result is the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from processes import command_lines, wait_for

pytestmark = pytest.mark.slow


def snakemake_alone(run: subprocess.Popen) -> None:
    os.kill(run.pid, signal.SIGKILL)


def everything(run: subprocess.Popen) -> None:
    os.killpg(run.pid, signal.SIGKILL)


def ctrl_c(run: subprocess.Popen) -> None:
    os.killpg(run.pid, signal.SIGINT)


@pytest.mark.parametrize("kill", [snakemake_alone, everything, ctrl_c])
def test_a_killed_search_goes_on_where_it_was(finished, twin, kill) -> None:
    expected = twin.outcome()
    kept = twin.results / "trials" / "0001.json"
    for path in [twin.results / "best.json", *twin.results.glob("trials/0003*.json")]:
        path.unlink()
    targets = [f"results/{twin.name}/trials/{number:04d}.json" for number in range(4)]
    time_kept = kept.stat().st_mtime_ns
    with (twin.path / "output.txt").open("w") as output:
        run = subprocess.Popen(
            twin.command("--", *targets), cwd=twin.path, stdout=output, stderr=output, start_new_session=True
        )
        # In the middle of a trial: its computing process is up.
        wait_for(lambda: any("snakeras.process import child" in line for line in command_lines(twin.path)))
        time.sleep(1)
        kill(run)
        run.wait(timeout=60)
    wait_for(lambda: not command_lines(twin.path), seconds=20)
    said = (twin.path / "output.txt").read_text()
    assert "Traceback" not in said
    assert not list(twin.results.glob("trials/.*"))

    if kill is not ctrl_c:
        assert "LockException" in twin.run("--", *targets, fails=True)
        unlocked = subprocess.run(
            [sys.executable, "-m", "snakeras.workflow.stale_lock", *twin.arguments],
            cwd=twin.path,
            env=os.environ
            | {
                "PYTHONPATH": str(twin.path / "scripts"),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        assert "its lock is taken away" in unlocked.stderr
    twin.run("--", f"results/{twin.name}/best.json")
    assert kept.stat().st_mtime_ns == time_kept
    assert twin.outcome() == expected == finished.outcome()
