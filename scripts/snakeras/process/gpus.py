"""The GPUs of this machine: how many there are, and which of them a job gets."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import quote, unquote

from snakeras.core import files
from snakeras.core.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"
POLL = 0.2  # seconds
PATIENCE = 1  # seconds of waiting before a line is printed

# Of Slurm, PBS, LSF and Grid Engine.
SCHEDULERS_JOB = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID")


def gpus() -> int:
    """Return how many NVIDIA GPUs this machine has, by their device files: no driver needs to be loaded."""
    return sum(path.name[6:].isdigit() for path in Path("/dev").glob("nvidia*"))


def in_use() -> str:
    """Return what TensorFlow computes on here: the name of the first GPU, else CPU, also where it is not imported."""
    tf = sys.modules.get("tensorflow")
    for gpu in tf.config.list_physical_devices("GPU") if tf else []:
        return tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    return "CPU"


def which(environment: dict[str, str]) -> str | None:
    """Return a job's GPUs by its ``reserved`` environment: numbers or identifiers, with commas; None without any."""
    # Slurm's control groups number the devices of each job from 0.
    candidates = (os.environ.get("SLURM_JOB_GPUS"), environment.get(VISIBLE, os.environ.get(VISIBLE)))
    return next((numbers for numbers in candidates if numbers not in (None, "", "-1")), None)


def declared(setting: str | int) -> int:
    """Return a rule's resource ``gpu``: the setting, or for ``auto`` 1 if this machine has any GPU, else 0."""
    return min(gpus(), 1) if setting == "auto" else setting


@contextmanager
def reserved(count: int, per_gpu: int, terminal: TextIO = sys.stderr) -> Iterator[dict[str, str]]:
    """Reserve ``count`` devices for the block, once they are free, and yield the environment for the computing process.

    They are chosen from ``CUDA_VISIBLE_DEVICES`` if it is set, else from the GPUs of this machine. A scheduler's choice
    of no more than ``count`` is taken as it is, without a lock.

    Without any device the environment is empty, whatever ``count`` is, and the process takes the CPU; with ``count`` 0
    it hides the devices.

    Args:
        per_gpu: How many jobs may share a device. Where jobs on a device differ in it, the smallest number holds for
            all.
        terminal: Where one line goes if it has to wait.

    Raises:
        UserError: When there are fewer devices than ``count``, or the folder cannot have locks.
    """
    listed = os.environ.get(VISIBLE)
    # A variable that is set but empty means no device.
    names = map(str, range(gpus())) if listed is None else map(str.strip, listed.split(","))
    names = list(dict.fromkeys(filter(None, names)))
    if not names:
        yield {}
        return
    if count == 0:
        yield {VISIBLE: ""}
        return
    # Small models share a device, and TensorFlow would take all of its memory.
    environment = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if ORDER not in os.environ:
        # The numbers are then those of nvidia-smi.
        environment[ORDER] = "PCI_BUS_ID"
    if listed is not None and (len(names) < count or (len(names) == count and _job())):
        yield environment | {VISIBLE: listed}
        return
    if count > len(names):
        raise UserError(f"search.gpu: found {count}, expected at most {len(names)}, the GPUs here ({', '.join(names)})")
    # One for this user, machine and scheduler's job, since control groups number the devices of each job from 0.
    words = ["snakeras", str(os.getuid()), platform.node(), *_job()]
    folder = Path(tempfile.gettempdir()) / "-".join(quote(word, safe="") for word in words)
    with locked(names, count, per_gpu, folder, terminal) as taken:
        yield environment | {VISIBLE: ",".join(taken)}


def _job() -> list[str]:
    """Return the number of the scheduler's job that this process is in, if it is in one."""
    return [os.environ[variable] for variable in SCHEDULERS_JOB if os.environ.get(variable)][:1]


@contextmanager
def locked(
    names: list[str], count: int, per_gpu: int, folder: Path, terminal: TextIO = sys.stderr
) -> Iterator[list[str]]:
    """Lock ``count`` of the named devices by files in ``folder``, once they are free, and yield their names.

    Snakemake counts GPUs but assigns none to a job. The kernel releases the locks when this process dies, so no device
    stays reserved. Processes that this one starts do not hold its locks.
    """
    started, said = time.monotonic(), False
    with ExitStack() as held:
        while not (taken := _take(names, count, per_gpu, folder, held)):
            if not said and time.monotonic() - started >= PATIENCE:
                jobs = "1 job" if per_gpu == 1 else f"{per_gpu} jobs"
                what = f"{count} of {len(names)} GPUs ({', '.join(names)}; {jobs} on each at most, locks in {folder})"
                print(f"waiting for {what}", file=terminal, flush=True)
                said = True
            time.sleep(POLL)
        yield taken


def _take(names: list[str], count: int, per_gpu: int, folder: Path, held: ExitStack) -> list[str]:
    """Try once to lock ``count`` devices into ``held``, and return their names; empty if too few are free."""
    from filelock import FileLock, Timeout

    def lock(path: Path) -> FileLock:
        # The soft lock for file systems without locks would outlive a killed process.
        return FileLock(path, fallback_to_soft=False)

    def is_held(path: Path) -> bool:
        try:
            with lock(path).acquire(blocking=False):
                return False
        except Timeout:
            return True

    try:
        files.make_private(folder)
        # One process at a time looks and takes, and waits for nothing meanwhile: no deadlock.
        with lock(folder / "all.lock").acquire(timeout=POLL, poll_interval=POLL / 20), ExitStack() as got:
            # Of each job on a device, its per_gpu.
            on = {name: [] for name in names}
            for path in filter(is_held, folder.glob("*,*,*.lock")):
                name, limit, _ = path.name.split(",")
                on.setdefault(unquote(name), []).append(int(limit))
            free = [name for name in names if len(on[name]) < min([per_gpu, *on[name]])]
            if len(free) < count:
                return []
            chosen = sorted(free, key=lambda name: len(on[name]))[:count]
            for name in chosen:
                slots = (folder / f"{quote(name, safe='')},{per_gpu},{slot}.lock" for slot in range(per_gpu))
                path = next(path for path in slots if not is_held(path))
                got.enter_context(lock(path).acquire(blocking=False))
                # Some systems remove old files from the temporary folder.
                path.touch()
            held.enter_context(got.pop_all())
            return chosen
    except Timeout:
        return []
    except OSError as error:
        raise UserError(f"{folder}: no GPU can be locked there ({error}), name another place by TMPDIR") from None
