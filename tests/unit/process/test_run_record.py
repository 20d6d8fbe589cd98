import datetime
import json
import platform
import subprocess
import sys
from pathlib import Path

from snakeras.process import run_record


def test_what_happened_is_written_with_the_memory_of_the_process_that_computed(tmp_path: Path) -> None:
    started = run_record.now() - datetime.timedelta(seconds=90)
    subprocess.run([sys.executable, "-c", "memory = bytearray(300 * 2**20)"], check=True)
    run_record.write(tmp_path / "run.json", started, 3, {"device": "CPU", "git": None})
    found = json.loads((tmp_path / "run.json").read_text())
    assert 90 <= found["seconds"] < 150
    assert found["peak_memory_mb"] > 300
    assert (found["host"], found["device"], found["threads"]) == (platform.node(), "CPU", 3)
    finished = datetime.datetime.fromisoformat(found["finished"])
    assert finished.utcoffset() is not None
    assert finished > datetime.datetime.fromisoformat(found["started"])
