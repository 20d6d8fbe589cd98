import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest
from conftest import ROOT
from processes import GUARD, wait_for
from snakeras.core.errors import UserError
from snakeras.process import gpus

# A job's parent process: it notes when it has its devices and when it is about to give them back. The lines of the file
# are in one order for all processes, so whoever is noted at the same time had them at the same time.
PARENT = """import os, sys, time
from pathlib import Path
from snakeras.process import gpus

folder, notes, names, count, per_gpu, times = sys.argv[1:]
file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
note = lambda sign, names: os.write(file, f"{sign} {os.getpid()} {per_gpu} {names}\\n".encode())
for _ in range(int(times) or 1):
    with gpus.locked(names.split(","), int(count), int(per_gpu), Path(folder)) as taken:
        note("+", ",".join(taken))
        time.sleep(0.01) if int(times) else sys.stdin.read()
        note("-", ",".join(taken))
"""


class Jobs:
    """Processes that reserve devices, and what they noted."""

    def __init__(self, folder: Path) -> None:
        self.locks, self._file = folder / "locks", folder / "notes"
        self.processes = []

    def start(self, names: str, count: int, per_gpu: int, times: int = 0) -> subprocess.Popen:
        """Start one that reserves ``times`` times, or once until its input ends."""
        arguments = [self.locks, self._file, names, *map(str, (count, per_gpu, times))]
        environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
        command = [sys.executable, "-c", PARENT, *arguments]
        self.processes.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
        )
        return self.processes[-1]

    def end(self) -> None:
        """Let all give back what they have; all must have got it."""
        for process in self.processes:
            if process.returncode is None:
                process.communicate(timeout=GUARD)
        assert [process.returncode for process in self.processes] == [0] * len(self.processes)

    def notes(self) -> list[tuple[str, int, int, list[str]]]:
        words = [line.split() for line in self._file.read_text().splitlines()] if self._file.exists() else []
        return [(sign, int(process), int(per_gpu), names.split(",")) for sign, process, per_gpu, names in words]

    def together(self) -> Iterator[dict[str, list[int]]]:
        """After each note: the limits of those that have each device."""
        now = {}
        for sign, process, per_gpu, names in self.notes():
            assert len(set(names)) == len(names)
            for name in names:
                if sign == "+":
                    now.setdefault(name, {})[process] = per_gpu
                else:
                    del now[name][process]
            yield {name: list(limits.values()) for name, limits in now.items()}


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path)
    yield jobs
    for process in jobs.processes:
        process.kill()
        process.wait()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (gpus.VISIBLE, gpus.ORDER, *gpus.SCHEDULERS_JOB):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give this machine so many GPUs, and a temporary folder of its own."""
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    return lambda count: monkeypatch.setattr(gpus, "gpus", lambda: count)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever would have to wait fail."""

    def sleep(seconds: float) -> None:
        raise InterruptedError

    # Not time.sleep itself, by which filelock waits for its turn.
    monkeypatch.setattr(gpus, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))


@pytest.mark.parametrize(
    ("names", "count"), [([], 0), (["nvidia0", "nvidia1", "nvidia10"], 3), (["nvidiactl", "nvidia-uvm", "null"], 0)]
)
def test_gpus_are_counted_by_their_device_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list, count: int
) -> None:
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(gpus, "Path", lambda path: {"/dev": tmp_path}[path])
    assert gpus.gpus() == count


@pytest.mark.parametrize(("setting", "here", "count"), [("auto", 0, 0), ("auto", 8, 1), (0, 8, 0), (2, 0, 2)])
def test_what_a_rule_declares(machine: Callable, setting: str | int, here: int, count: int) -> None:
    machine(here)
    assert gpus.declared(setting) == count


@pytest.mark.parametrize("count", [0, 1, 3])
def test_without_gpus_nothing_is_set_or_locked(
    tmp_path: Path, machine: Callable, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    machine(0)
    with gpus.reserved(count, 1) as environment:
        assert environment == {}
    # The same where a variable that is set but empty hides them.
    machine(4)
    monkeypatch.setenv(gpus.VISIBLE, "")
    with gpus.reserved(count, 1) as environment:
        assert environment == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", [None, "0,1"])
def test_a_job_without_a_gpu_sees_none(
    tmp_path: Path, machine: Callable, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    machine(4)
    if variable:
        monkeypatch.setenv(gpus.VISIBLE, variable)
    with gpus.reserved(0, 1) as environment:
        assert environment == {gpus.VISIBLE: ""}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("variable", "count"), [("3", 1), ("GPU-8932f937-d72c", 1), ("2,0", 2), ("3", 2), ("-1", 1)])
def test_a_schedulers_choice_is_obeyed_without_a_lock(
    tmp_path: Path, machine: Callable, monkeypatch: pytest.MonkeyPatch, variable: str, count: int
) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    machine(4)
    monkeypatch.setenv(gpus.VISIBLE, variable)
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with gpus.reserved(count, 1) as one, gpus.reserved(count, 1) as other:
        assert one == other
        assert one[gpus.VISIBLE] == variable
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("impatient")
def test_a_persons_choice_of_one_gpu_is_locked(machine: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(4)
    monkeypatch.setenv(gpus.VISIBLE, "3")
    with gpus.reserved(1, 1) as one:
        assert one[gpus.VISIBLE] == "3"
        with pytest.raises(InterruptedError), gpus.reserved(1, 1):
            pass


@pytest.mark.usefixtures("impatient")
def test_a_wider_choice_is_shared_out_in_its_order(machine: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(8)
    monkeypatch.setenv(gpus.VISIBLE, " 5, MIG-GPU-89/1/0 ,5,3")
    with gpus.reserved(1, 1) as one, gpus.reserved(2, 1) as other:
        assert (one[gpus.VISIBLE], other[gpus.VISIBLE]) == ("5", "MIG-GPU-89/1/0,3")


@pytest.mark.usefixtures("impatient")
def test_the_environment_and_the_folder(tmp_path: Path, machine: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(2)
    with gpus.reserved(1, 1) as environment:
        assert environment == {
            gpus.VISIBLE: "0",
            gpus.ORDER: "PCI_BUS_ID",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        }
    monkeypatch.setenv(gpus.ORDER, "FASTEST_FIRST")
    # In another job of a scheduler, 0 is another device.
    monkeypatch.setenv("PBS_JOBID", "12[3].server/1")
    with gpus.reserved(2, 1) as environment:
        assert environment == {gpus.VISIBLE: "0,1", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    here, there = sorted((tmp_path / "temporary").iterdir())
    assert there.name == f"{here.name}-12%5B3%5D.server%2F1"
    assert here.name.startswith(f"snakeras-{os.getuid()}-")
    assert here.stat().st_mode & 0o777 == there.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("impatient")
def test_devices_are_spread_before_they_are_shared(tmp_path: Path) -> None:
    names = ["2", "GPU-8932f937", "MIG-GPU-89/1/0"]
    with ExitStack() as stack:
        first = [stack.enter_context(gpus.locked(names, 1, 2, tmp_path)) for _ in range(3)]
        second = [stack.enter_context(gpus.locked(names, 1, 2, tmp_path)) for _ in range(3)]
        assert first == second == [[name] for name in names]
        with pytest.raises(InterruptedError), gpus.locked(names, 1, 2, tmp_path):
            pass
    # What was given back is there again, also after an error.
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), gpus.locked(names, 3, 1, tmp_path) as taken:
            assert taken == names
            raise ZeroDivisionError


@pytest.mark.usefixtures("impatient")
def test_all_devices_or_none(tmp_path: Path) -> None:
    names = ["0", "1"]
    with gpus.locked(names, 1, 1, tmp_path):
        with pytest.raises(InterruptedError), gpus.locked(names, 2, 1, tmp_path):
            pass
        with gpus.locked(names, 1, 1, tmp_path) as taken:
            assert taken == ["1"]


@pytest.mark.usefixtures("impatient")
def test_only_one_at_a_time_looks_and_takes(tmp_path: Path) -> None:
    with (
        filelock.FileLock(tmp_path / "all.lock"),
        pytest.raises(InterruptedError),
        gpus.locked(["0"], 1, 1, tmp_path),
    ):
        pass


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("there", "comes", "fits"),
    [([1], 2, False), ([2], 1, False), ([2], 3, True), ([3], 2, True), ([3, 3], 2, False), ([2, 3], 3, False)],
)
def test_the_smallest_limit_of_those_on_a_device_holds(tmp_path: Path, there: list, comes: int, fits: bool) -> None:
    with ExitStack() as stack:
        for per_gpu in there:
            stack.enter_context(gpus.locked(["0"], 1, per_gpu, tmp_path))
        if fits:
            stack.enter_context(gpus.locked(["0"], 1, comes, tmp_path))
        else:
            with pytest.raises(InterruptedError):
                stack.enter_context(gpus.locked(["0"], 1, comes, tmp_path))


def test_more_than_there_are_is_one_line(tmp_path: Path, machine: Callable) -> None:
    machine(2)
    with pytest.raises(UserError) as raised, gpus.reserved(3, 1):
        pass
    assert str(raised.value) == "search.gpu: found 3, expected at most 2, the GPUs here (0, 1)"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "own").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "file").touch()
    for name in ("open", "link", "file"):
        line = pytest.raises(UserError, match=f"{name}: no GPU can be locked there")
        with line, gpus.locked(["0"], 1, 1, tmp_path / name):
            pass


def test_whoever_waits_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "PATIENCE", 0)
    terminal, got = io.StringIO(), []

    def wait() -> None:
        with gpus.locked(["0"], 1, 1, tmp_path, terminal) as taken:
            got.extend(taken)

    with gpus.locked(["0"], 1, 1, tmp_path):
        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        wait_for(terminal.getvalue)
        time.sleep(3 * gpus.POLL)
        assert not got
    thread.join(GUARD)
    assert got == ["0"]
    line = f"waiting for 1 of 1 GPUs (0; 1 job on each at most, locks in {tmp_path})\n"
    assert terminal.getvalue() == line


def test_jobs_fill_all_slots_and_wait_for_the_next(jobs: Jobs) -> None:
    for _ in range(3):
        jobs.start("0,1,2", 1, 2)
    wait_for(lambda: len(jobs.notes()) == 3)
    # Nobody shares a device while another is free.
    assert sorted(name for *_, names in jobs.notes() for name in names) == ["0", "1", "2"]
    for _ in range(5):
        jobs.start("0,1,2", 1, 2)
    wait_for(lambda: len(jobs.notes()) == 6)
    first = jobs.notes()
    assert Counter(name for *_, names in first for name in names) == {"0": 2, "1": 2, "2": 2}
    having = {number for _, number, *_ in first}
    for process in jobs.processes:
        if process.pid in having:
            process.communicate(timeout=GUARD)
    wait_for(lambda: sum(sign == "+" for sign, *_ in jobs.notes()) == 8)
    jobs.end()
    assert max(len(limits) for now in jobs.together() for limits in now.values()) == 2


def test_jobs_of_many_kinds_never_meet_more_than_they_bear(jobs: Jobs) -> None:
    for count, per_gpu in [(1, 1), (1, 2), (2, 2), (2, 1), (1, 3), (2, 2)]:
        jobs.start("0,1", count, per_gpu, times=8)
    jobs.end()
    assert len(jobs.notes()) == 2 * 6 * 8
    for now in jobs.together():
        assert all(len(limits) <= min(limits) for limits in now.values() if limits)


@pytest.mark.usefixtures("impatient")
def test_a_killed_jobs_device_is_free_at_once_whatever_it_started(tmp_path: Path) -> None:
    code = """import subprocess, sys
from pathlib import Path
from snakeras.process import gpus

with gpus.locked(["0"], 1, 1, Path(sys.argv[1])):
    # Even one that inherits all that can be inherited.
    print(subprocess.Popen(["sleep", "600"], close_fds=False, stdout=subprocess.DEVNULL).pid, flush=True)
    sys.stdin.read()
"""
    command = [sys.executable, "-c", code, tmp_path]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
    child = int(parent.stdout.readline())
    try:
        with pytest.raises(InterruptedError), gpus.locked(["0"], 1, 1, tmp_path):
            pass
        parent.kill()
        parent.wait()
        with gpus.locked(["0"], 1, 1, tmp_path) as taken:
            assert taken == ["0"]
        os.kill(child, 0)
    finally:
        parent.kill()
        parent.communicate()
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize(
    ("environment", "own", "found"),
    [
        ({}, {}, None),
        ({}, {"CUDA_VISIBLE_DEVICES": "1"}, "1"),
        ({"CUDA_VISIBLE_DEVICES": "3"}, {}, "3"),
        ({"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": ""}, None),
        ({"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_GPUS": "5"}, {}, "5"),
    ],
)
def test_which_gpu_a_job_has(monkeypatch: pytest.MonkeyPatch, environment: dict, own: dict, found: str | None) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert gpus.which(own) == found
