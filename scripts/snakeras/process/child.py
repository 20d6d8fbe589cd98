"""A light parent for heavy computing: it starts the computing process, sees how it ends, and takes it along."""

import atexit
import ctypes
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from snakeras.core.errors import UserError, one_line
from snakeras.core.patching import absent

PR_SET_PDEATHSIG = 1  # linux/prctl.h
POLL = 0.2  # seconds

# What the computing process runs. The working directory comes after the installed packages, so that a file there hides
# none of them, and before this workflow's scripts, so that these hide none of the user's modules.
BOOTSTRAP = """import sys
sys.path += [".", sys.argv[1]]
from snakeras.process import child
child.end(child.main(*map(int, sys.argv[2:])))
"""


class Died(UserError):
    """The computing process ended without an answer."""

    def __init__(self, how: str, reported: dict | None = None) -> None:
        super().__init__(how)
        self.reported = reported  # what it reported last


class TimedOut(Died):
    """The computing process was ended after the time that it was given."""


class Interrupted(UserError):
    """Someone ended the computing process: Ctrl-C, a scheduler, a shutdown. It says nothing about what was computed."""


# By what a person or a scheduler ends processes.
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Who kills the computing process without warning may be about to kill its parent too.
GRACE = 1.0  # seconds


@dataclass(frozen=True)
class Limit:
    """How long a computing process may run, and what to say when it does not end by then."""

    seconds: float
    error: Died


def call(
    function: Callable[..., dict],
    arguments: dict,
    log: Path,
    threads: int,
    environment: dict[str, str] | None = None,
    limits: Iterable[Limit] = (),
    spared: Iterable[str] = (),
) -> dict:
    """Call a function in a process of its own and give back what it returns.

    Parameters
    ----------
    function
        Of a module; only its name travels.
    arguments
        Keyword arguments; they and the answer travel as JSON.
    log
        File that all that the process prints is appended to.
    threads
        CPU threads of TensorFlow and other libraries. The number changes the trained weights, so it comes from the
        configuration and never from the machine.
    environment
        More environment variables.
    spared
        Packages that Keras may do without.

    Raises
    ------
    UserError
        With the function's own line, if it raised one.
    Died
        When the process crashed, was killed, or ran into a limit (then the limit's error); the line says how.
    Interrupted
        When it was ended from outside.
    """
    environment = (
        os.environ
        | {
            "PYTHONHASHSEED": "0",
            "PYTHONUNBUFFERED": "1",
            "KERAS_BACKEND": "tensorflow",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "MPLBACKEND": "Agg",
            **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
        }
        | (environment or {})
    )
    limit = min(limits, key=lambda limit: limit.seconds, default=None)
    with tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as answer, log.open("ab") as output:
        request.write(
            json.dumps(
                {
                    "module": function.__module__,
                    "function": function.__name__,
                    "arguments": arguments,
                    "threads": threads,
                    "spared": list(spared),
                }
            ).encode()
        )
        request.seek(0)
        numbers = map(str, (answer.fileno(), os.getpid()))
        command = [sys.executable, "-P", "-c", BOOTSTRAP, str(Path(__file__).parents[2]), *numbers]
        child = subprocess.Popen(
            command,
            stdin=request,
            stdout=output,
            stderr=output,
            pass_fds=[answer.fileno()],
            env=environment,
            # A group of its own: what a script starts ends with it, and Ctrl-C reaches the parent alone.
            start_new_session=True,
        )
        status = None
        guard = _guard(child.pid)
        try:
            status = child.wait(limit and limit.seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Whatever ends the parent's wait (Ctrl-C, an error, a limit) ends the computing.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            guard.kill()
            guard.communicate()
        answer.seek(0)
        said = _lines(answer.read())
    final = said[-1] if said else {}
    if "error" in final:
        raise UserError(final["error"])
    if "value" in final:
        return final["value"]
    reported = final.get("report")
    if status is None:
        raise type(limit.error)(str(limit.error), reported)
    if -status in INTERRUPTIONS or status == 128 + signal.SIGINT:
        raise Interrupted(f"the computing process {_ending(status)}; nothing is recorded, so that it runs again")
    if -status == signal.SIGKILL:
        time.sleep(GRACE)
    raise Died(f"the computing process {_ending(status)}", reported)


def _guard(group: int) -> subprocess.Popen:
    """A process that ends a group when this one is gone, even by ``kill -9``: the kernel takes along only the child.

    What a script starts is in its group. The guard waits for the end of a pipe whose other end only this process has.
    """
    command = ["/bin/sh", "-c", f"read -r _; kill -9 -{group}"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _lines(said: bytes) -> list[dict]:
    """What the process said, a JSON document a line; the last may be cut off."""
    return [json.loads(line) for line in said.split(b"\n")[:-1]]


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit code {status}"
    name = signal.Signals(-status).name
    return f"was ended by {name}" + (" (out of memory, perhaps)" if name == "SIGKILL" else "")


def die_with_parent(parent: int) -> None:
    """End this process, by the kernel's hand, as soon as its parent ends; elsewhere than on Linux by looking."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        _watch(lambda: os.getppid() == parent)
    # The parent may have ended before the kernel was told.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def die_with_snakemake() -> None:
    """End this process as soon as the Snakemake that started it is gone, even by ``kill -9``."""
    import psutil

    snakemake = _nearest_snakemake(psutil.Process())
    if snakemake is None:
        # Started by something else, or orphaned already.
        if psutil.Process().ppid() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return
    _watch(lambda: snakemake.is_running() and snakemake.status() != psutil.STATUS_ZOMBIE)


def snakemakes_start() -> float:
    """When the Snakemake that started this process began, in seconds since 1970; else when this process did."""
    import psutil

    own = psutil.Process()
    return (_nearest_snakemake(own) or own).create_time()


def jobs_start() -> float:
    """When the job of a cluster that this process belongs to began, in seconds since 1970; else when this process did.

    A cluster's job is a Snakemake for this job alone, perhaps with another in between: starting both takes a while.
    """
    import psutil

    own = psutil.Process()
    found = own
    for ancestor in own.parents():
        with suppress(psutil.Error):
            if "--target-jobs" in ancestor.cmdline():
                found = ancestor
    return found.create_time()


def _nearest_snakemake(process: object) -> object | None:
    import psutil

    for ancestor in process.parents():
        try:
            if any("snakemake" in Path(word).name for word in ancestor.cmdline()[:3]):
                return ancestor
        except psutil.Error:
            continue
    return None


def _watch(alive: Callable[[], bool]) -> None:
    def look() -> None:
        import psutil

        while True:
            try:
                if not alive():
                    break
            except psutil.Error:
                break
            time.sleep(POLL)
        # SIGKILL, since a script may have caught any other; the child dies with this process.
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=look, daemon=True).start()


def set_up_tensorflow(threads: int, spared: Iterable[str] = ()) -> None:
    """Make TensorFlow compute the same on every machine of a kind: its number of threads, and its operations."""
    with absent(spared):
        import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()


def end(status: int) -> None:
    """End this process at once: taking TensorFlow apart piece by piece would take a fifth of what importing it did."""
    with suppress(Exception):
        atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


_answer: int | None = None


def report(value: dict) -> None:
    """Tell the parent what is known so far, in case that this process dies; elsewhere than in one, do nothing."""
    if _answer is not None:
        _say({"report": value})


def _say(document: dict) -> None:
    os.write(_answer, json.dumps(document).encode() + b"\n")


def main(answer: int, parent: int) -> int:
    """The computing process: request on standard input, answer to the open file ``answer``."""
    global _answer
    _answer = answer
    die_with_parent(parent)
    request = json.load(sys.stdin)
    try:
        set_up_tensorflow(request["threads"], request["spared"])
        target = getattr(importlib.import_module(request["module"]), request["function"])
        said, status = {"value": target(**request["arguments"])}, 0
    except UserError as error:
        said, status = {"error": str(error)}, 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        traceback.print_exc()
        said, status = {"error": f"{one_line(error)} (a traceback is in the log)"}, 1
    _say(said)
    return status
