"""What every rule's script does: its output goes to its log, it ends with Snakemake, a mistake ends as one line."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from snakeras.core.errors import SaidBefore, UserError, one_line
from snakeras.process import child_process, lifetime


@contextmanager
def rule_script(snakemake: object) -> Iterator[TextIO]:
    """Run a script's block as a job of ``snakemake``.

    Yields:
        TextIO: The terminal, for the few lines that people should see; all else that is printed goes to the rule's log.
    """
    lifetime.die_with_snakemake()
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # Whatever a script puts into its error messages must not end the job.
    terminal = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield terminal
    except child_process.Died as error:
        _end(terminal, f"{snakemake.rule}: {error}; its output is in {log}", 1)
    except SaidBefore as error:
        print(f"{snakemake.rule}: {error}")
        _end(terminal, None, 1)
    except UserError as error:
        _end(terminal, f"{snakemake.rule}: {error}", 1)
    except KeyboardInterrupt:
        _end(terminal, None, 130)
    except Exception as error:
        traceback.print_exc()
        _end(terminal, f"{snakemake.rule}: {one_line(error)} (a traceback is in {log})", 1)
    sys.stdout.flush()
    sys.stderr.flush()


def _end(terminal: TextIO, line: str | None, status: int) -> None:
    if line:
        print(line, file=sys.stderr)
        print(line, file=terminal)
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: under Ctrl-C the interpreter's own exit would print more.
    os._exit(status)
