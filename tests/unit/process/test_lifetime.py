import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

START = """
import psutil, subprocess, sys
sys.path.append("SCRIPTS")
from snakeras.process import lifetime

if len(sys.argv) > 1:
    subprocess.run([sys.executable, __file__, *sys.argv[2:]], check=True)
else:
    own, parent, grandparent = psutil.Process(), psutil.Process().parent(), psutil.Process().parent().parent()
    print({process.create_time(): process.pid for process in (own, parent, grandparent)}[lifetime.job_started()] == PID)
"""


@pytest.mark.parametrize(("options", "which"), [(["--target-jobs", "x"], "grandparent"), (["x", "y"], "own")])
def test_a_clusters_job_begins_with_its_snakemake(tmp_path: Path, options: list[str], which: str) -> None:
    script = tmp_path / "start.py"
    script.write_text(START.replace("SCRIPTS", str(ROOT / "scripts")).replace("PID", f"{which}.pid"))
    said = subprocess.run([sys.executable, script, *options], check=True, capture_output=True, text=True).stdout
    assert said == "True\n"
