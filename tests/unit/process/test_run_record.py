import datetime
import platform
import subprocess
import sys

from snakeras.process import run_record


def test_a_run_record_has_the_memory_of_the_process_that_computed() -> None:
    started = run_record.now() - datetime.timedelta(seconds=90)
    subprocess.run([sys.executable, "-c", "memory = bytearray(300 * 2**20)"], check=True)
    found = run_record.made(started, 3, {"device": "CPU", "git": None})
    assert 90 <= found["seconds"] < 150
    assert found["peak_memory_mb"] > 300
    assert (found["host"], found["device"], found["threads"]) == (platform.node(), "CPU", 3)
    finished = datetime.datetime.fromisoformat(found["finished"])
    assert finished.utcoffset() is not None
    assert finished > datetime.datetime.fromisoformat(found["started"])
