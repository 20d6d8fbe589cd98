import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from conftest import ROOT
from processes import wait_for
from snakeras.core.errors import Mistake, UserError
from snakeras.core.settings import FinalSettings
from snakeras.process import child_process

pytestmark = pytest.mark.slow


# What the tests call in a computing process.
def answers(number: int) -> dict:
    import tensorflow as tf

    print("said by the child")
    return {
        "number": number,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "omp": os.environ["OMP_NUM_THREADS"],
        "onednn": os.environ["TF_ENABLE_ONEDNN_OPTS"],
        "hash": hash("text"),
        "pid": os.getpid(),
    }


def imports_late() -> dict:
    before = "tensorflow" in sys.modules
    import tensorflow as tf

    return {"before": before, "threads": tf.config.threading.get_intra_op_parallelism_threads()}


def mistaken() -> dict:
    raise UserError("key: found 1, expected 2")


def surely_mistaken() -> dict:
    raise Mistake("line 3: found 1")


def broken() -> dict:
    raise ZeroDivisionError("a\nbug")


def reports_and_ends(how: int, report: Callable[[dict], None]) -> dict:
    report({"known": 1})
    report({"known": 2})
    os.kill(os.getpid(), how)


@dataclass(frozen=True)
class Answer:
    settings: FinalSettings
    folder: Path


def typed(settings: FinalSettings, folder: Path) -> Answer:
    assert isinstance(folder, Path)
    return Answer(settings.model_copy(update={"epochs": 3}), folder / "inner")


def exits() -> dict:
    os._exit(3)


def leaves_a_process(note: str, then: str) -> dict:
    child_process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(note).write_text(str(child_process.pid))
    if then == "sleep":
        time.sleep(600)
    return {}


def sleeps(note: str) -> dict:
    child_process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(f"{note}s own").write_text(str(child_process.pid))
    Path(note).write_text(str(os.getpid()))
    time.sleep(600)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, [ROOT, ROOT / "tests", ROOT / "tests" / "support"])))


def test_a_child_answers_with_its_own_threads_and_hashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What Snakemake sets for a scaled-down job must not reach the computing.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    log = tmp_path / "log"
    first, second = (child_process.call(answers, {"number": 3}, log, threads=3) for _ in range(2))
    assert first.pop("pid") != second.pop("pid") != os.getpid()
    assert first == second
    assert (first["number"], first["threads"], first["omp"]) == (3, 3, "3")
    assert log.read_text().count("said by the child") == 2


def test_arguments_and_answers_keep_their_types(tmp_path: Path) -> None:
    arguments = {"settings": FinalSettings(train_on="train"), "folder": tmp_path}
    answer = child_process.call(typed, arguments, tmp_path / "log", threads=1, tensorflow=False)
    assert answer == Answer(FinalSettings(train_on="train", epochs=3), tmp_path / "inner")


@pytest.mark.parametrize(
    ("function", "kind", "line"),
    [
        (mistaken, UserError, "key: found 1, expected 2"),
        (surely_mistaken, Mistake, "line 3: found 1"),
        (broken, UserError, "ZeroDivisionError: a bug (a traceback is in the log)"),
        (exits, child_process.Died, "the computing process ended with exit code 3"),
    ],
)
def test_a_childs_end_is_one_line(tmp_path: Path, function: object, kind: type, line: str) -> None:
    with pytest.raises(UserError) as raised:
        child_process.call(function, {}, tmp_path / "log", threads=1, tensorflow=False)
    assert raised.type is kind
    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("how", "name"),
    [(signal.SIGSEGV, "SIGSEGV"), (signal.SIGABRT, "SIGABRT"), (signal.SIGKILL, "SIGKILL (out of memory")],
)
def test_a_crash_leaves_what_was_reported_last(tmp_path: Path, how: int, name: str) -> None:
    with pytest.raises(child_process.Died, match=f"was ended by {re.escape(name)}") as raised:
        child_process.call(reports_and_ends, {"how": int(how)}, tmp_path / "log", threads=1, tensorflow=False)
    assert raised.value.reported == {"known": 2}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interruption_is_no_crash(tmp_path: Path, how: int) -> None:
    with pytest.raises(child_process.Interrupted, match="nothing is recorded"):
        child_process.call(reports_and_ends, {"how": int(how)}, tmp_path / "log", threads=1, tensorflow=False)


@pytest.mark.parametrize("then", ["sleep", "return"])
def test_what_a_script_started_ends_with_it(tmp_path: Path, then: str) -> None:
    note = tmp_path / "note"
    limits = [
        child_process.Limit(500, child_process.Died("too long")),
        child_process.Limit(10, child_process.TimedOut("timeout")),
    ]
    arguments = {"note": str(note), "then": then}
    if then == "sleep":
        with pytest.raises(child_process.TimedOut, match="^timeout$"):
            child_process.call(leaves_a_process, arguments, tmp_path / "log", 1, limits=limits, tensorflow=False)
    else:
        child_process.call(leaves_a_process, arguments, tmp_path / "log", threads=1, tensorflow=False)
    wait_until_gone(written(note))


def test_a_child_that_needs_no_tensorflow_sets_it_up_once_it_is_there(tmp_path: Path) -> None:
    answer = child_process.call(imports_late, {}, tmp_path / "log", threads=3, tensorflow=False)
    assert answer == {"before": False, "threads": 3}


def test_more_environment_reaches_the_child(tmp_path: Path) -> None:
    answer = child_process.call(answers, {"number": 1}, tmp_path / "log", 1, environment={"OMP_NUM_THREADS": "7"})
    assert answer["omp"] == "7"


def test_onednn_is_on_unless_the_user_says_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert child_process.call(answers, {"number": 1}, tmp_path / "log", threads=1)["onednn"] == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert child_process.call(answers, {"number": 1}, tmp_path / "log", threads=1)["onednn"] == "0"


def wait_until_gone(pid: int) -> None:
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def written(path: Path) -> int:
    """Return the number in a file, once it stands there."""
    return int(wait_for(lambda: path.exists() and path.read_text()))


PARENT = """
import sys
from pathlib import Path
sys.path[:0] = {paths}
from tests.unit.process import test_child_process
from snakeras.process import child_process, lifetime
if {watches}:
    lifetime.die_with_snakemake()
Path({folder!r}, "parent").write_text(str(child_process.os.getpid()))
note = {{"note": {folder!r} + "/child"}}
child_process.call(test_child_process.sleeps, note, Path({folder!r}, "log"), threads=1, tensorflow=False)
"""


def parent_text(folder: Path, watches: bool) -> str:
    paths = [str(ROOT), str(ROOT / "tests"), str(ROOT / "scripts")]
    return PARENT.format(paths=paths, folder=str(folder), watches=watches)


def test_the_computing_dies_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", parent_text(tmp_path, watches=False)])
    child_process = written(tmp_path / "child")
    grandchild = written(tmp_path / "childs own")
    parent.kill()
    parent.wait()
    wait_until_gone(child_process)
    wait_until_gone(grandchild)


def test_a_job_dies_with_the_snakemake_that_started_it(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(parent_text(tmp_path, watches=True))
    (tmp_path / "snakemake").write_text(
        f"import subprocess\nsubprocess.run(['bash', '-c', '{sys.executable} {tmp_path}/job.py; true'])\n"
    )
    snakemake = subprocess.Popen([sys.executable, str(tmp_path / "snakemake")])
    child_process, job = written(tmp_path / "child"), written(tmp_path / "parent")
    snakemake.kill()
    snakemake.wait()
    wait_until_gone(job)
    wait_until_gone(child_process)
