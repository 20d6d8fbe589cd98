import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SCRIPT = """
import sys
from types import SimpleNamespace
sys.path.append({scripts!r})
from snakeras.core.errors import UserError
from snakeras.workflow.rule_script import rule_script
snakemake = SimpleNamespace(log=[{log!r}], rule="best")
with rule_script(snakemake) as terminal:
    print("for the log")
    print("for people", file=terminal)
    {body}
"""


def run(tmp_path: Path, body: str) -> tuple[int, str, str]:
    log = tmp_path / "logs" / "best.log"
    text = SCRIPT.format(scripts=str(ROOT / "scripts"), log=str(log), body=body)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, log.read_text()


def test_output_goes_to_the_log_and_lines_for_people_to_the_terminal(tmp_path: Path) -> None:
    status, seen, log = run(tmp_path, "pass")
    assert (status, seen, log) == (0, "for people\n", "for the log\n")


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        ("raise UserError('key: found 1, expected 2')", 1, "best: key: found 1, expected 2\n"),
        ("1 / 0", 1, "best: ZeroDivisionError: division by zero (a traceback is in "),
        ("raise KeyboardInterrupt", 130, ""),
    ],
)
def test_any_end_is_one_line(tmp_path: Path, body: str, status: int, line: str) -> None:
    found, seen, log = run(tmp_path, body)
    assert found == status
    assert seen.startswith(f"for people\n{line}")
    assert seen.count("\n") == (2 if line else 1)
    assert line in log
    assert ("Traceback" in log) == ("ZeroDivision" in line)
