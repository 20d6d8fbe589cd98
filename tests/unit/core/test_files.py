import json
import os
import stat
from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.core.errors import UserError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ZeroDivisionError), files.whole(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_new_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"]
    assert modes[0] == modes[1]


def test_what_a_killed_writer_left_is_removed_and_a_live_ones_not(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    left, live, others = (tmp_path / name for name in (".a.12345678.json", ".a.abcdefgh.json", ".b.12345678.json"))
    for file in (left, live, others):
        file.write_text("half")
    for file in (left, others):
        os.utime(file, (0, 0))
    files.write_text(path, "x")
    assert sorted(tmp_path.iterdir()) == sorted([path, live, others])


@pytest.mark.parametrize(("text", "line"), [("{", "cannot be read as JSON"), ("[1]", "found list, expected a JSON")])
def test_a_broken_file_is_named(tmp_path: Path, text: str, line: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=line) as raised:
        files.read_json(path)
    assert str(path) in str(raised.value)


def test_equal_documents_have_equal_digests() -> None:
    assert files.sha256_of({"a": 1, "b": [2.5]}) == files.sha256_of({"b": [2.5], "a": 1})
    assert files.sha256_of({"a": 1}) != files.sha256_of({"a": 2})


def test_a_file_of_the_same_bytes_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text, kept in (("one", False), ("one", True), ("two", False)):
        before = path.stat().st_ino if path.exists() else None
        with files.whole(path, unless_same=True) as temporary:
            temporary.write_text(text)
        assert (path.stat().st_ino == before) is kept
        assert path.read_text() == text
        assert list(tmp_path.iterdir()) == [path]
