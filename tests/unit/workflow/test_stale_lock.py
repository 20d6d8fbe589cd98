import base64
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import Settings
from snakeras.search import trial_records
from snakeras.workflow import stale_lock


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = (tmp_path / stale_lock.LOCKS).resolve()
    folder.mkdir(parents=True)
    (folder / "0.input.lock").write_text("some/file")
    monkeypatch.setattr(stale_lock, "PATIENCE", 0.5)
    return tmp_path.resolve()


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list:
    found = []
    monkeypatch.setattr(stale_lock.subprocess, "run", lambda command, **_: found.append(command))
    return found


def test_nothing_to_unlock(tmp_path: Path, commands: list) -> None:
    assert not stale_lock.unlock(tmp_path, [])
    assert commands == []


def test_a_dead_runs_lock_is_taken_away(locked: Path, commands: list) -> None:
    assert stale_lock.unlock(locked, ["--configfile", "a.yaml"])
    assert commands == [["snakemake", "--unlock", "--quiet", "all", "--configfile", "a.yaml"]]


@pytest.mark.parametrize("name", ["snakemake", ".snakemake/scripts/tmp1.trial.py"])
def test_a_live_runs_lock_stays(locked: Path, commands: list, name: str) -> None:
    script = locked / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    run = subprocess.Popen([sys.executable, str(script)], cwd=locked, stdout=subprocess.PIPE)
    try:
        run.stdout.readline()
        with pytest.raises(UserError, match=f"alive .process {run.pid}."):
            stale_lock.unlock(locked, [])
        assert commands == []
        # A job that is about to end is waited for.
        stale_lock.PATIENCE = 20
        started = time.monotonic()
        subprocess.Popen(["sh", "-c", f"sleep 1; kill {run.pid}"], cwd="/")
        import threading

        threading.Thread(target=run.wait, daemon=True).start()
        assert stale_lock.unlock(locked, [])
        assert time.monotonic() - started < 20
    finally:
        run.kill()


def test_an_editor_on_its_files_is_no_run(locked: Path, commands: list) -> None:
    reader = subprocess.Popen(["tail", "-f", str(locked / stale_lock.LOCKS / "0.input.lock")], cwd=locked)
    try:
        assert stale_lock.unlock(locked, [])
    finally:
        reader.kill()
        reader.wait()


def test_a_run_on_another_machine_cannot_be_seen(locked: Path, commands: list) -> None:
    files.write_json(locked / files.RUN_NOTES / "mnist.json", {"host": "node17", "process": 1})
    with pytest.raises(UserError, match="locked by a run on node17"):
        stale_lock.unlock(locked, [])
    assert commands == []


def test_trials_that_outlived_their_snakemake_are_kept(tmp_path) -> None:
    def mark(output: str) -> Path:
        path = tmp_path / stale_lock.INCOMPLETE / base64.urlsafe_b64encode(output.encode()).decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
        return path

    trials = tmp_path / "results/x/trials"
    trials.mkdir(parents=True)
    whole = trial_records.sealed({"format": trial_records.FORMAT, "determined_by": {}})
    files.write_json(trials / "0001.json", whole)
    files.write_json(trials / "0002.json", whole | {"loss": 1})
    done = [mark(f"results/x/trials/0001{end}") for end in ("", ".json", ".run.json")]
    undone = [mark(f"results/x/trials/000{number}.json") for number in (2, 3)] + [mark("results/x/best.json")]
    assert stale_lock.keep_finished(tmp_path) == 1
    assert [path.exists() for path in [*done, *undone]] == [False] * 3 + [True] * 3
    assert stale_lock.keep_finished(tmp_path) == 0


@pytest.mark.parametrize("waiting", [["0001"], []])
def test_trials_wait_for_the_jobs_of_the_snakemake_that_noted_them_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # This process is the Snakemake, a child of it the job.
    stale_lock.note_run(Settings(name="x"), {}, ["0001"], [])
    note = files.read_json(files.RUN_NOTES / "x.json")
    if not waiting:
        files.write_json(files.RUN_NOTES / "x.json", note | {"process": 2**22 + 1})
    job = "from snakeras.workflow import stale_lock; print(stale_lock.waiting('x'), stale_lock.waiting('y'))"
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "scripts"))
    printed = subprocess.run([sys.executable, "-c", job], capture_output=True, text=True, check=True).stdout
    assert printed == f"{waiting} []\n"


def test_what_an_earlier_run_published_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("x", "y"):
        files.write_json(stale_lock.published(name) / "0000.json", {})
    stale_lock.note_run(Settings(name="x"), {}, [], [])
    assert not stale_lock.published("x").exists()
    assert stale_lock.published("y").exists()
