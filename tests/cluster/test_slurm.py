"""Searches on a real Slurm of one node: the same results as anywhere, whatever happens to jobs, node and scheduler."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from cluster_folder import LIGHT, ClusterFolder, Run, jobs, light, node
from processes import GUARD, wait_for
from snakeras.search import trial_records

pytestmark = [pytest.mark.slow, pytest.mark.slurm]

BEST = "results/light/best.json"


def document(folder: ClusterFolder, trial: int) -> dict:
    return trial_records.read(folder.results / "trials" / f"{trial:04d}.json")


def seen(folder: ClusterFolder) -> list[dict]:
    """What each run of the model function noted, in order."""
    notes = [json.loads(path.read_text()) for path in folder.path.glob("saw-*.json")]
    return sorted(notes, key=lambda note: note["from"])


def prepared(folder: ClusterFolder) -> dict[str, int]:
    """The prepared arrays, and when each was written."""
    paths = sorted((folder.path / "resources" / "prepared").rglob("*.npy"))
    return {str(path): path.stat().st_mtime_ns for path in paths}


@pytest.fixture(scope="module")
def side_by_side(slurm: Path, tmp_path_factory: pytest.TempPathFactory) -> ClusterFolder:
    """Two searches at once in one folder; the first also trains and tests its best."""
    folder = light(tmp_path_factory.mktemp("two") / "work")
    first = folder.start()
    wait_for(lambda: jobs(folder))
    (folder.path / "prepared-by-the-first.json").write_text(json.dumps(prepared(folder)))
    second = folder.start("--config", "name=other", "search={max_evals: 3}", "--", "results/other/best.json")
    first.end()
    second.end()
    return folder


def test_a_search_on_slurm_gives_the_same_as_here(side_by_side: ClusterFolder, local: ClusterFolder) -> None:
    assert side_by_side.outcome() == local.outcome()
    for trial in range(8):
        path = Path("trials") / f"{trial:04d}.json"
        assert (side_by_side.results / path).read_bytes() == (local.results / path).read_bytes()


def test_each_trial_has_one_device_of_its_own(side_by_side: ClusterFolder) -> None:
    notes = seen(side_by_side)
    assert {note["devices"] for note in notes} == {"0", "1"}
    for one, other in itertools.combinations(notes, 2):
        if one["from"] < other["until"] and other["from"] < one["until"]:
            assert one["devices"] != other["devices"]
    for note in notes:
        assert sum(other["from"] <= note["from"] < other["until"] for other in notes) <= 2


def test_the_queue_sees_training_only(side_by_side: ClusterFolder) -> None:
    light_trials = [f"rule_trial_wildcards_light_{trial:04d}" for trial in range(8)]
    other_trials = [f"rule_trial_wildcards_other_{trial:04d}" for trial in range(3)]
    assert sorted(jobs(side_by_side).values()) == ["rule_retrain_wildcards_light", *light_trials, *other_trials]


def test_two_searches_in_a_folder_share_their_data(side_by_side: ClusterFolder) -> None:
    assert (side_by_side.path / "results/other/best.json").exists()
    by_the_first = json.loads((side_by_side.path / "prepared-by-the-first.json").read_text())
    assert len(by_the_first) >= 6
    assert prepared(side_by_side) == by_the_first
    first, second = (side_by_side.path / f"results/{name}/data.json" for name in ("light", "other"))
    assert json.loads(first.read_text())["digest"] == json.loads(second.read_text())["digest"]


def cancel_one(folder: ClusterFolder) -> None:
    """Cancel a job in the middle of its trial."""
    running = wait_for(lambda: sorted(folder.path.glob("running-*")))[0]
    subprocess.run(["scancel", running.name.removeprefix("running-")], check=True)


def test_cancelled_jobs_a_drained_node_and_a_restarted_scheduler_change_nothing(
    slurm: Path, folder: ClusterFolder, local: ClusterFolder
) -> None:
    run = folder.start("--", BEST)
    cancel_one(folder)

    wait_for(lambda: len(seen(folder)) >= 2)
    wait_for(lambda: jobs(folder, "RUNNING"))
    scheduler = psutil.Process(int((slurm / "slurmctld.pid").read_text()))
    scheduler.terminate()
    scheduler.wait(GUARD)
    subprocess.run(["setsid", "slurmctld"], check=True)
    wait_for(lambda: subprocess.run(["squeue"], capture_output=True, check=False).returncode == 0)

    subprocess.run(["scontrol", "update", f"nodename={node()}", "state=drain", "reason=test"], check=True)
    wait_for(lambda: not jobs(folder, "RUNNING", "COMPLETING"))
    time.sleep(3)
    assert run.process.poll() is None
    subprocess.run(["scontrol", "update", f"nodename={node()}", "state=resume"], check=True)

    run.end()
    assert folder.outcome() == local.outcome()
    # Once each: of the cancelled one's first run there is no result.
    assert len(seen(folder)) == 8
    assert len(jobs(folder)) == 9


FAULTY = LIGHT.replace(
    "    time.sleep(1)",
    """    import os, signal, subprocess
    command = ["squeue", "--noheader", "--jobs", os.environ["SLURM_JOB_ID"], "--format", "%k %l"]
    trial, limit = subprocess.run(command, capture_output=True, text=True).stdout.split()
    if (trial.endswith("0001") and limit == "1:00") or trial.endswith("0003"):
        time.sleep(1000)
    if trial.endswith("0002"):
        os.kill(os.getpid(), signal.SIGKILL)""",
)


def test_a_trial_over_its_time_or_memory_is_retried_with_more_then_recorded(slurm: Path, tmp_path: Path) -> None:
    folder = light(tmp_path / "work", FAULTY)
    run = folder.start("--config", "search={max_evals: 4}", "resources={runtime: 1}", "--", BEST)
    run.end()
    found = [document(folder, trial) for trial in range(4)]
    assert [trial["status"] for trial in found] == ["completed", "completed", "failed", "failed"]
    assert found[2]["failure"] == "the computing process was ended by SIGKILL (out of memory, perhaps)"
    assert found[3]["failure"] == "the computing process took as long as resources.runtime allows (2 minutes)"
    command = ["squeue", "--noheader", "--states", "all", "--format", "%k|%l|%m|%Z"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    asked = [line.split("|") for line in lines if line.endswith(f"|{folder.path}")]
    for trial, attempts in ("0000", 1), ("0001", 2), ("0002", 2), ("0003", 2):
        attempted = sorted([time, memory] for comment, time, memory, _ in asked if comment.endswith(trial))
        assert attempted == [["1:00", "1000M"], ["2:00", "2000M"]][:attempts]


# Cancels the jobs of this folder; stands in docs/clusters.md.
CANCEL = """squeue --me --noheader --format "%i %Z" | awk -v here="$PWD" '$2 == here {print $1}' | xargs -r scancel"""


def unlock(folder: ClusterFolder) -> None:
    command = [sys.executable, "-m", "snakeras.workflow.stale_lock", "--profile", "profiles/slurm", *folder.arguments]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": "scripts", "PATH": path}
    subprocess.run(command, cwd=folder.path, env=environment, check=True)


def test_results_of_jobs_that_outlived_snakemake_are_taken_as_they_are(
    folder: ClusterFolder, local: ClusterFolder
) -> None:
    trials = folder.results / "trials"

    def finished() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in trials.glob("[0-9][0-9][0-9][0-9].json")}

    run = folder.start("--", BEST)
    wait_for(lambda: len(finished()) >= 2)
    wait_for(lambda: jobs(folder, "RUNNING"))
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    # One way: wait for its jobs.
    wait_for(lambda: not jobs(folder, "RUNNING", "COMPLETING", "PENDING"))
    kept = finished()
    assert 2 < len(kept) < 8
    assert "LockException" in folder.run("--", BEST, fails=True)
    unlock(folder)
    assert folder.planned("--", BEST) == {"trial": 8 - len(kept), "best": 1}

    # The other: cancel them.
    run = folder.start("--", BEST)
    wait_for(lambda: jobs(folder, "RUNNING"))
    os.kill(run.process.pid, signal.SIGKILL)
    run.process.wait()
    subprocess.run(CANCEL, shell=True, cwd=folder.path, check=True)
    wait_for(lambda: not jobs(folder, "RUNNING", "COMPLETING", "PENDING"))
    unlock(folder)
    folder.start("--", BEST).end()

    assert folder.outcome() == local.outcome()
    assert kept == {path: finished()[path] for path in kept}
    assert folder.planned("--", BEST) == {}
    # What Snakemake has no record of follows a later change all the same.
    assert folder.planned("--config", "search={max_evals: 9}", "--", BEST) == {"trial": 1, "best": 1}
    assert folder.planned("--config", "search={seed: 6}", "--", BEST)["trial"] == 8


def test_results_may_be_seen_late(folder: ClusterFolder, local: ClusterFolder) -> None:
    """Each job's results are away when it ends, and there 5 seconds later, as on a slow shared file system."""
    hide = folder.path / "hide.sh"
    hide.write_text(
        """trial=$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %k); trial=${trial##*_}
mkdir "away-$trial" && mv results/light/trials/"$trial"* "away-$trial"
"""
    )
    submit = folder.path / "bin" / "sbatch"
    submit.parent.mkdir()
    submit.write_text(
        f"""#!/bin/sh
for word do
  shift
  case $word in --wrap=*) word="$word && sh hide.sh" ;; esac
  set -- "$@" "$word"
done
exec {shutil.which("sbatch")} "$@"
"""
    )
    submit.chmod(0o755)
    ended = threading.Event()
    returned = []

    def bring_back() -> None:
        while not ended.wait(0.2):
            for away in folder.path.glob("away-*"):
                if time.time() - away.stat().st_mtime > 5:
                    for path in away.iterdir():
                        path.rename(folder.results / "trials" / path.name)
                    away.rmdir()
                    returned.append(away.name)

    thread = threading.Thread(target=bring_back)
    thread.start()
    try:
        run = folder.start(
            "--config", "search={max_evals: 4}", "--", BEST, path=f"{submit.parent}:{os.environ['PATH']}"
        )
        run.end()
    finally:
        ended.set()
        thread.join()
    assert sorted(returned) == [f"away-{trial:04d}" for trial in range(4)]
    for trial in range(4):
        path = Path("trials") / f"{trial:04d}.json"
        assert (folder.results / path).read_bytes() == (local.results / path).read_bytes()


def test_a_submit_command_of_ones_own(folder: ClusterFolder, local: ClusterFolder) -> None:
    command = [sys.executable, "-m", "snakemake", "--profile", "profiles/cluster-generic", *folder.arguments]
    command += ["--seconds-between-status-checks", "2", "--config", "search={max_evals: 3}", "--", BEST]
    run = Run(folder, command)
    cancel_one(folder)
    run.end()
    assert len(jobs(folder)) == 4
    for trial in range(3):
        path = Path("trials") / f"{trial:04d}.json"
        assert (folder.results / path).read_bytes() == (local.results / path).read_bytes()
