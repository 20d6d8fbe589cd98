import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.search import provenance


def test_every_source_and_the_data_count(tmp_path: Path) -> None:
    script, helper, manifest = (tmp_path / name for name in ("a.py", "b.py", "data.json"))
    script.write_text("one")
    helper.write_text("two")
    files.write_json(manifest, {"digest": "abc"})
    found = provenance.determined_by([script, helper], {"seed": 1}, {"dataset": "mnist"}, manifest)
    assert found["data"] == {"dataset": "mnist", "digest": "abc"}
    assert found["search"] == {"seed": 1}
    helper.write_text("three")
    other = provenance.determined_by([script, helper], {"seed": 1}, {"dataset": "mnist"}, manifest)
    assert other["model"][0] == found["model"][0]
    assert other["model"][1] != found["model"][1]
    assert provenance.determined_by([script], {}, {}, None)["data"] == {"digest": None}


def test_versions_are_those_installed() -> None:
    found = provenance.versions("tpe")
    assert set(found) == set(provenance.PACKAGES)
    assert found["keras"] == version("keras")
    assert found["tensorflow"].startswith("2.")
    assert provenance.versions("optuna-tpe") == found | {"optuna": version("optuna")}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=me", "-c", "user.email=me@here"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_of_a_file(tmp_path: Path) -> None:
    model, other = tmp_path / "model.py", tmp_path / "other.py"
    model.write_text("a")
    other.write_text("b")
    assert provenance.commit(model) is None
    git(tmp_path, "init", "--quiet")
    assert provenance.commit(model) is None
    git(tmp_path, "add", "model.py")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    assert provenance.commit(model) == {"commit": git(tmp_path, "rev-parse", "HEAD"), "changed": False}
    model.write_text("c")
    assert provenance.commit(model)["changed"] is True
    # Not under Git, though in a repository.
    assert provenance.commit(other) is None


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(tmp_path / "model.py") is None
