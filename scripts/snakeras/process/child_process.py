"""Call a function in a child process: arguments go in, its return value or one error line comes out.

The parent stays light, without TensorFlow. It sees how the child ends, and ends it when it ends itself.
"""

import atexit
import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import get_type_hints

from pydantic import TypeAdapter, validate_call
from pydantic_core import to_jsonable_python

from snakeras.core.errors import Mistake, UserError, one_line
from snakeras.core.patching import absent
from snakeras.process.lifetime import die_with_parent

# What the child runs. The working directory comes after the installed packages, so that a file there hides none of
# them, and before this workflow's scripts, so that these hide none of the user's modules.
BOOTSTRAP = """import sys
sys.path += [".", sys.argv[1]]
from snakeras.process import child_process
child_process.main(*map(int, sys.argv[2:]))
"""

# How a person or a scheduler ends processes.
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# After a SIGKILL wait a moment: the parent may be next.
GRACE = 1.0  # seconds


class Died(UserError):
    """The child ended without an answer."""

    def __init__(self, line: str, reported: dict | None = None) -> None:
        super().__init__(line)
        self.reported = reported  # its last report


class TimedOut(Died):
    """The child was ended after the time that it was given."""


class Interrupted(UserError):
    """Someone ended the child: Ctrl-C, a scheduler, a shutdown. It says nothing about what was computed."""


@dataclass(frozen=True)
class Limit:
    """How long a child may run, and what is raised when it does not end by then."""

    seconds: float
    error: Died


def call(
    function: Callable,
    arguments: dict,
    log: Path,
    threads: int,
    environment: dict[str, str] | None = None,
    limits: Iterable[Limit] = (),
    tensorflow: bool = True,
    hidden: Iterable[str] = (),
) -> object:
    """Call a function in a child process, and return what it returns.

    Args:
        function: A module's function: the child imports it by name. Its parameter ``report``, if it has one, gets a
            function that tells the parent in a dict what is known so far, should the child die.
        arguments: Keyword arguments. They and the answer travel as JSON and get their types back by the function's
            annotations.
        log: File that the child's output is appended to.
        threads: CPU threads of TensorFlow and other libraries. The number changes the trained weights, so it comes from
            the configuration and never from the machine.
        tensorflow: Import TensorFlow before the call.
        hidden: Packages that TensorFlow and Keras are not to import.

    Raises:
        UserError: With the function's own line, if it raised one; a ``Mistake`` if it raised that.
        Died: When the child crashed, was killed, or ran into a limit (then the limit's error).
        Interrupted: When it was ended from outside.
    """
    request = {
        "module": function.__module__,
        "function": function.__name__,
        "arguments": to_jsonable_python(arguments),
        "threads": threads,
        "tensorflow": tensorflow,
        "hidden": list(hidden),
    }
    limit = min(limits, key=lambda limit: limit.seconds, default=None)
    status, messages = _run(request, log, _environment(threads) | (environment or {}), limit and limit.seconds)
    last = messages[-1] if messages else {}
    if "mistake" in last:
        raise Mistake(last["mistake"])
    if "error" in last:
        raise UserError(last["error"])
    if "value" in last:
        return TypeAdapter(get_type_hints(function).get("return", object)).validate_python(last["value"])
    if status is None:
        raise type(limit.error)(str(limit.error), last.get("report"))
    if -status in INTERRUPTIONS or status == 128 + signal.SIGINT:
        raise Interrupted(f"the computing process {_ending(status)}; nothing is recorded, so that it runs again")
    if -status == signal.SIGKILL:
        time.sleep(GRACE)
    raise Died(f"the computing process {_ending(status)}", last.get("report"))


def _environment(threads: int) -> dict[str, str]:
    return {
        # TensorFlow itself takes oneDNN only on processors with AVX512-VNNI; with AVX2 alone it is faster too.
        "TF_ENABLE_ONEDNN_OPTS": "1",
        **os.environ,
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "MPLBACKEND": "Agg",
        **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
    }


def _run(request: dict, log: Path, environment: dict[str, str], seconds: float | None) -> tuple[int | None, list[dict]]:
    """Run the child, and return its exit status (None: it ran too long) and all its messages."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as answer, log.open("ab") as output:
        stdin.write(json.dumps(request).encode())
        stdin.seek(0)
        numbers = map(str, (answer.fileno(), os.getpid()))
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOTSTRAP, str(Path(__file__).parents[2]), *numbers],
            stdin=stdin,
            stdout=output,
            stderr=output,
            pass_fds=[answer.fileno()],
            env=environment,
            # A group of its own: what a script starts ends with it, and Ctrl-C reaches the parent alone.
            start_new_session=True,
        )
        guard = _guard(child.pid)
        status = None
        try:
            status = child.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Whatever ends the parent's wait (Ctrl-C, an error, a limit) ends the child.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            guard.kill()
            guard.communicate()
        answer.seek(0)
        # One JSON document per line; the last may be cut off.
        return status, [json.loads(line) for line in answer.read().split(b"\n")[:-1]]


def _guard(group: int) -> subprocess.Popen:
    """Start a shell that kills a process group when this process is gone, even by ``kill -9``.

    The kernel ends the child alone, not what a script started. The shell waits at a pipe whose other end only this
    process holds.
    """
    command = ["/bin/sh", "-c", f"read -r _; kill -9 -{group}"]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit code {status}"
    name = signal.Signals(-status).name
    return f"was ended by {name}" + (" (out of memory, perhaps)" if name == "SIGKILL" else "")


def main(answer: int, parent: int) -> None:
    """Answer one request from standard input to the open file descriptor ``answer``, and exit: the child's side."""

    def tell(kind: str, value: object) -> None:
        os.write(answer, json.dumps({kind: to_jsonable_python(value)}).encode() + b"\n")

    die_with_parent(parent)
    request, status = json.load(sys.stdin), 1
    try:
        _set_up_tensorflow(request["threads"], request["tensorflow"], request["hidden"])
        function = getattr(importlib.import_module(request["module"]), request["function"])
        arguments = request["arguments"]
        if "report" in inspect.signature(function).parameters:
            arguments["report"] = lambda known: tell("report", known)
        tell("value", validate_call(function)(**arguments))
        status = 0
    except UserError as error:
        tell("mistake" if isinstance(error, Mistake) else "error", str(error))
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except Exception as error:
        traceback.print_exc()
        tell("error", f"{one_line(error)} (a traceback is in the log)")
    # Exit at once: an orderly end of TensorFlow would take a fifth of the time of its import.
    with suppress(Exception):
        atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _set_up_tensorflow(threads: int, needed: bool, hidden: Iterable[str]) -> None:
    """Fix the number of TensorFlow's threads and make its operations deterministic; import it if it is needed."""
    # Here: the parent does without it.
    import wrapt

    def configure(tf: ModuleType) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.experimental.enable_op_determinism()

    # Where it is not needed, a package of the script's may still bring it along.
    wrapt.register_post_import_hook(configure, "tensorflow")
    if needed:
        with absent(hidden):
            importlib.import_module("tensorflow")
