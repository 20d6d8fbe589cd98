"""Optuna's dashboard on searches as people see it: in a browser, while trials end."""

import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import servers
from conftest import ROOT
from published import search as made

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-m", "snakeras.report.dashboard"]


@contextmanager
def dashboard(folder: Path, *arguments: str) -> Iterator[str]:
    """The address of a dashboard on a folder."""
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--directory", str(folder), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": ""},
    )
    try:
        yield process.stdout.readline().split()[5]
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def ended(*arguments: str) -> str:
    """What a dashboard that cannot start says."""
    run = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "scripts"), "PATH": ""}
    )
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1, run.stderr
    return run.stderr


@pytest.fixture
def folder(tmp_path: Path, search: dict) -> Path:
    """Two searches; the last trial of the first, ``late/``, has not ended yet."""
    made(tmp_path / "results" / "one", search, [0.5, 0.75, 0.6, None, 0.87], name="one")
    made(tmp_path / "results" / "two", search, [0.25], name="two")
    trials, late = tmp_path / "results" / "one" / "trials", tmp_path / "late"
    late.mkdir()
    for name in ("0004.json", "0004.run.json"):
        shutil.move(trials / name, late / name)
    return tmp_path


def test_a_trial_that_ends_appears_and_nothing_can_be_changed(folder: Path) -> None:
    with dashboard(folder) as address, servers.browser() as browser:
        assert address.startswith("http://127.0.0.1:")
        page, errors, elsewhere = browser.new_page(viewport={"width": 1400, "height": 1400}), [], []
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: address in request.url or elsewhere.append(request.url))
        page.goto(address)
        for name in ("one", "two"):
            page.get_by_text(name, exact=False).first.wait_for()
        page.goto(f"{address}dashboard/studies/0")
        page.get_by_text("Best Trial (number=1)").wait_for()
        for path in (folder / "late").iterdir():
            shutil.move(path, folder / "results" / "one" / "trials" / path.name)
        page.get_by_text("Best Trial (number=4)").wait_for(timeout=60_000)
        page.goto(f"{address}dashboard/studies/0/trials")
        for number in range(5):
            page.get_by_text(f"Trial {number}", exact=False).first.wait_for()
        assert errors == []
        assert [url for url in elsewhere if not url.startswith(("data:", "blob:"))] == []
        with pytest.raises(urllib.error.HTTPError, match="405"):
            urllib.request.urlopen(urllib.request.Request(f"{address}api/studies/0", method="DELETE"))


def test_what_keeps_it_from_starting_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = ended("--directory", str(folder), "--port", port)
    assert f"cannot listen at 127.0.0.1:{port}: Address already in use" in said
    (tmp_path / "empty").mkdir()
    assert "no search was run here yet, expected results/<name>/trials" in ended("--directory", str(tmp_path / "empty"))


def test_it_needs_no_tensorflow(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from snakeras.report.dashboard import Dashboard; "
        f"Dashboard(Path({str(folder)!r})).refresh(); print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "scripts")}
    )
    assert run.stdout.strip() == "False", run.stderr
