"""Searches whose trials are pruned, fail, crash or hang."""

import json
import signal
import subprocess

import psutil
import pytest
from processes import GUARD, wait_for
from snakeras.search import trial_records
from workflow_folder import Folder, new_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A search of three trials at once, run on two cores, in portions."""
    folder = new_folder(tmp_path_factory.mktemp("pruned") / "two", "pruned")
    for portion in (3, 5):
        folder.run("--config", f"search={{max_evals: {portion}}}", "--", "results/pruned/best.json", cores=2)
    return folder


def test_one_core_or_two_and_all_at_once_or_in_portions_are_the_same_with_pruned_and_failed_trials(
    pruned: Folder, tmp_path
) -> None:
    one = new_folder(tmp_path / "one", "pruned")
    one.run("--", "results/pruned/best.json", cores=1)
    assert one.outcome() == pruned.outcome()
    for path in sorted(pruned.results.glob("trials/[0-9][0-9][0-9][0-9].json")):
        assert (one.results / "trials" / path.name).read_bytes() == path.read_bytes()
    # There is something to be the same.
    statuses = [row["status"] for row in pruned.rows()]
    assert set(statuses) == {"completed", "pruned", "failed"}
    assert "failed" in statuses[1:-1]


def test_a_pruned_trial_is_marked_everywhere(pruned: Folder) -> None:
    documents = [trial_records.read(pruned.results / "trials" / f"{number:04d}.json") for number in range(5)]
    for row, document in zip(pruned.rows(), documents, strict=True):
        if document["status"] == "pruned":
            assert document["pruned"]["epoch"] == document["epochs"] == int(row["epochs"]) < 4
            assert document["loss"] == -document["pruned"]["value"] == float(row["loss"]) == -float(row["val_accuracy"])
            assert document["hyperopt"]["result"]["status"] == "ok"
            assert document["hyperopt"]["result"]["pruned"] == document["pruned"]
            log = pruned.results / "logs" / "trials" / f"{document['trial']:04d}.log"
            assert "\nthe model function goes on" not in log.read_text()
        elif document["status"] == "failed":
            assert row["loss"] == ""
            assert document["failure"].startswith("ValueError: Received an invalid value for `units`")
            assert document["failed_at"].startswith("line 21: network.add(keras.layers.Dense({{choice")
        else:
            assert document["epochs"] == 4
            log = pruned.results / "logs" / "trials" / f"{document['trial']:04d}.log"
            assert "\nthe model function goes on" in log.read_text()
    best = json.loads((pruned.results / "best.json").read_text())
    assert documents[best["trial"]]["status"] == "completed"
    assert best["trials"] == {
        status: sum(document["status"] == status for document in documents)
        for status in ("completed", "failed", "pruned")
    }


def test_trials_that_crash_or_hang_are_recorded_and_the_search_goes_on(tmp_path) -> None:
    folder = new_folder(tmp_path / "faults", "faults")
    final = ["--", "results/faults/final/metrics.json"]
    said = folder.run(*final)
    failures = {
        row["way"]: trial_records.read(folder.results / "trials" / f"{int(row['trial']):04d}.json")["failure"]
        for row in folder.rows()
    }
    assert (
        failures | {"fine": None}
        == failures
        == {
            "fine": None,
            "raises": "ValueError: a kernel larger than its input",
            "segfaults": "the computing process was ended by SIGSEGV",
            "aborts": "the computing process was ended by SIGABRT",
            "is killed": "the computing process was ended by SIGKILL (out of memory, perhaps)",
            "exits": "the computing process ended with exit code 7",
            "hangs": "timeout: took longer than search.trial_timeout, 0.5 minutes",
        }
    )
    # Crashes are tried once more, with more memory; what hangs or raises would do so again.
    starts = {row["way"]: said.count(f"trial {int(row['trial']):04d} starts") for row in folder.rows()[:8]}
    assert starts == {"fine": 1, "raises": 1, "hangs": 1} | dict.fromkeys(
        ["segfaults", "aborts", "is killed", "exits"], 2
    )
    assert "mem_mb=8000" in said
    # Its model trains nothing.
    metrics = json.loads((folder.results / "final" / "metrics.json").read_text())
    assert metrics["model"] is None
    assert metrics["loss"] == json.loads((folder.results / "best.json").read_text())["loss"]
    assert folder.planned(*final) == {}


HANGS = """
import pathlib, time
from hyperas.distributions import uniform

def data():
    nothing = 0
    return nothing

def model(nothing):
    x = {{uniform(0, 1)}}
    pathlib.Path("reached").touch()
    time.sleep(600)
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_a_trial_whose_job_is_ended_is_not_recorded(tmp_path, ending: int) -> None:
    folder = new_folder(tmp_path / "faults", "faults")
    (folder.path / "hangs.py").write_text(HANGS)
    arguments = ["--config", "search={model: hangs.py, trial_timeout: null, retries: 0}"]
    with (folder.path / "output.txt").open("w") as output:
        run = subprocess.Popen(
            folder.command(*arguments, "--", "results/faults/trials/0000.json"),
            cwd=folder.path,
            stdout=output,
            stderr=output,
        )
        wait_for((folder.path / "reached").exists)
        (job,) = psutil.Process(run.pid).children()
        computing = job.children(recursive=True)
        job.send_signal(ending)
        assert run.wait(timeout=GUARD) == 1
    psutil.wait_procs(computing, timeout=GUARD)
    assert not any(process.is_running() for process in computing)
    assert not list(folder.results.glob("trials/0000*"))
