import glob
import importlib.metadata
import os
import pathlib
import pkgutil
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from snakeras.model_file import opened_files


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "data" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for name in ("table.csv", "odd [1].txt", "data/a.csv", "data/sub/b.csv"):
        Path(name).write_text("1,2\n")


def digests(read: Callable[[], object], **more: object) -> dict[str, str]:
    with opened_files.recorded() as opened:
        read()
    return opened.digests([], **more)


def hdf5() -> None:
    import h5py

    with h5py.File("x.h5", "r"):
        pass


def pandas() -> None:
    import pandas as pd

    pd.read_csv("table.csv")


@pytest.mark.parametrize(
    ("read", "keys"),
    [
        (lambda: Path("table.csv").read_text(), ["table.csv"]),
        (lambda: Path("odd [1].txt").read_bytes(), ["odd [1].txt"]),
        (lambda: os.close(os.open("data/a.csv", os.O_RDONLY)), ["data/a.csv"]),
        (pandas, ["table.csv"]),
        (lambda: os.listdir("data"), ["data/*"]),
        (lambda: list(os.walk("data")), ["data/*", "data/sub/*"]),
        (lambda: glob.glob("data/*.csv"), ["data/*.csv"]),
        (lambda: list(pathlib.Path("data").rglob("*.csv")), ["data/**/*.csv"]),
        (lambda: list(pathlib.Path().glob("*.csv")), ["*.csv"]),
        (lambda: Path("/etc/passwd").read_bytes(), []),
        (lambda: Path(os.__file__).read_bytes(), []),
        (lambda: Path("new.txt").write_text("x"), []),
        (lambda: Path("missing.txt").exists(), []),
        (lambda: list(Path("data").iterdir()), ["data/*"]),
        (lambda: glob.glob("*.csv", root_dir="data"), ["data/*.csv"]),
        (lambda: glob.glob("s*/*.csv", root_dir=Path("data").absolute()), ["data/s*/*.csv"]),
        (lambda: Path("table.csv").open("r+").close(), ["table.csv"]),
        (lambda: np.memmap("table.csv"), ["table.csv"]),
        (lambda: os.close(os.open("table.csv", os.O_RDWR)), ["table.csv"]),
        (lambda: sqlite3.connect("table.csv").close(), ["table.csv"]),
        (lambda: Path("table.csv").open("a+").close(), []),
        (lambda: list(importlib.metadata.distributions(path=["."])), []),
        (lambda: list(pkgutil.iter_modules(["."])), []),
    ],
)
def test_what_is_read_is_known(read: Callable[[], object], keys: list[str]) -> None:
    assert list(digests(read)) == keys


def test_a_file_of_hdf5_is_known() -> None:
    import h5py

    with h5py.File("x.h5", "w") as file:
        file["x"] = [1]
    assert list(digests(hdf5)) == ["x.h5"]


def test_compiled_modules_stand_for_their_source() -> None:
    Path("__pycache__").mkdir()
    Path("mine.py").write_text("x = 1")
    for name in ("mine.cpython-311.pyc", "mine.cpython-311-pytest-9.2.0.pyc", "notes.txt"):
        Path("__pycache__", name).write_text("")
    assert list(digests(lambda: [path.read_bytes() for path in Path("__pycache__").iterdir()])) == ["mine.py"]


def test_what_the_process_wrote_itself_does_not_count() -> None:
    def write_and_read() -> None:
        Path("cache.txt").write_text("x")
        Path("cache.txt").read_text()

    assert digests(write_and_read) == {}


def updated() -> None:
    with open("table.csv", "r+") as file:
        file.write("2")
    os.utime("table.csv", (2e9, 2e9))


def written_and_listed() -> None:
    Path("data/new.csv").write_text("x")
    os.listdir("data")
    glob.glob("data/*.csv")


@pytest.mark.parametrize("write", [updated, written_and_listed])
def test_what_the_process_changed_does_not_count(write: Callable[[], object]) -> None:
    assert digests(write) == {}


def test_a_named_folder_of_results_does_not_count() -> None:
    # As by TensorBoard, in C.
    assert digests(lambda: os.utime("data/a.csv", (2e9, 2e9)), texts=["data"]) == {}


def attempt() -> None:
    with suppress(FileNotFoundError):
        Path("later.csv").read_text()


def test_a_file_that_was_not_there_is_known() -> None:
    assert digests(attempt) == {"later.csv": None}
    assert digests(lambda: [attempt(), Path("later.csv").write_text("x")]) == {}


def test_a_folder_that_is_removed_is_not_looked_for_in_vain(tmp_path: Path) -> None:
    (tmp_path / "made" / "assets").mkdir(parents=True)
    assert digests(lambda: shutil.rmtree(tmp_path / "made")) == {}


def test_a_script_that_goes_elsewhere_does_not_change_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere() -> None:
        os.chdir("data")
        Path("a.csv").read_text()

    monkeypatch.chdir(".")
    assert list(digests(elsewhere, texts=["table.csv"])) == ["data/a.csv", "table.csv"]


@pytest.mark.parametrize("key", ["*", "*.db", "**/*.json", "data/**"])
def test_what_the_workflow_makes_is_in_no_pattern(key: str) -> None:
    before = opened_files.digest(key)
    for name in ("results/x.json", "resources/x.json", "mlruns/x.json", "mlflow.db", "data/__pycache__/x.pyc"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("{}")
    assert opened_files.digest(key) == before
    assert opened_files.matches("results/*.json") == ["results/x.json"]


def test_an_odd_name_stands_for_its_file() -> None:
    before = opened_files.digest("odd [1].txt")
    Path("odd [1].txt").write_text("changed")
    assert opened_files.digest("odd [1].txt") not in (before, None)


def test_results_and_hidden_folders_of_programs_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("results/x.json", "resources/x.npy", ".venv/x.py", "data/.git/HEAD", "mlflow.db", "../.keras/x.json"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x")
        os.utime(name, (1, 1))
        assert digests(Path(name).read_bytes) == {}
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("1")
    os.utime(elsewhere, (1, 1))
    assert list(digests(elsewhere.read_bytes)) == [str(elsewhere)]
    for name in (".env", ".raw/x.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("x")
        assert list(digests(Path(name).read_bytes)) == [name]


def test_texts_that_name_a_file_count() -> None:
    texts = ["table.csv", "data", "adam", "", ".", "..", "/", "no\0path"]
    assert list(digests(lambda: None, texts=texts)) == ["data/**", "table.csv"]
    # What is written during the trial is a result.
    assert list(digests(lambda: os.utime("table.csv", (2e9, 2e9)), texts=texts)) == ["data/**"]


def test_sources_do_not_count() -> None:
    with opened_files.recorded() as opened:
        Path("table.csv").read_text()
    assert opened.digests([Path("table.csv")]) == {}


@pytest.mark.parametrize(
    ("key", "change", "differs"),
    [
        ("table.csv", lambda: Path("table.csv").write_text("1,3\n"), True),
        ("table.csv", lambda: os.utime("table.csv", (1, 1)), False),
        ("data/*", lambda: Path("data/c.csv").write_text(""), True),
        ("data/*", lambda: Path("data/a.csv").write_text("3"), True),
        ("data/*", lambda: Path("table.csv").write_text("3"), False),
        ("data/**", lambda: Path("data/sub/b.csv").write_text("3"), True),
        ("*.csv", lambda: Path("table.csv").write_text("3"), False),
        ("*.csv", lambda: Path("table.csv").unlink(), True),
    ],
)
def test_contents_count_and_times_do_not(key: str, change: Callable[[], object], differs: bool) -> None:
    before = opened_files.digest(key)
    change()
    assert (opened_files.digest(key) != before) is differs


def test_size_and_time_stand_for_large_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened_files, "LARGE", 3)
    before = opened_files.digest("table.csv")
    assert before.startswith("4 bytes of ")
    os.utime("table.csv", (1, 1))
    assert opened_files.digest("table.csv") != before


def test_a_file_that_is_gone_has_no_digest() -> None:
    assert opened_files.digest("gone.csv") is None
