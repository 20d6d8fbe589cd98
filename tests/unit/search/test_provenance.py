import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
from snakeras.core import files
from snakeras.core.settings import TrialSettings
from snakeras.search import provenance


def test_every_source_and_the_data_count(tmp_path: Path) -> None:
    script, helper, manifest = (tmp_path / name for name in ("a.py", "b.py", "data.json"))
    script.write_text("def data():\n    return 1\n\ndef model(x):\n    y = {{uniform(0, 1)}}\n    return y * x\n")
    helper.write_text("two = 2")
    files.write_json(manifest, {"digest": "abc"})
    settings = {"seed": 1, "model_function": None, "data_function": None}
    found = provenance.determined_by([script, helper], settings, {"dataset": "mnist"}, manifest)
    assert found["data"] == {"dataset": "mnist", "digest": "abc"}
    assert found["search"] == settings
    helper.write_text("two = 3")
    other = provenance.determined_by([script, helper], settings, {"dataset": "mnist"}, manifest)
    assert other["model"][str(script)] == found["model"][str(script)]
    assert other["model"][str(helper)] != found["model"][str(helper)]
    assert provenance.determined_by([script], settings, {}, None)["data"] == {"digest": None}


def test_a_file_that_was_read_and_has_changed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("1")
    read = {str(path): files.sha256_of_file(path)}
    assert provenance.changed_file(read) is None
    path.write_text("2")
    assert provenance.changed_file(read) == f"{path} changed since"
    path.unlink()
    assert provenance.changed_file(read) == f"{path} is gone"
    read[str(path)] = None
    assert provenance.changed_file(read) is None
    path.write_text("")
    assert provenance.changed_file(read) == f"{path} is new"


def test_versions_are_those_installed() -> None:
    found = provenance.versions(TrialSettings(algo="tpe"))
    assert set(found) == set(provenance.PACKAGES)
    assert found["keras"] == version("keras")
    assert found["tensorflow"].startswith("2.")
    of_optuna = found | {"optuna": version("optuna")}
    assert provenance.versions(TrialSettings(algo="optuna-tpe")) == of_optuna
    # SciPy makes Sobol's points.
    sobol = TrialSettings(algo="optuna-tpe", startup="sobol")
    assert provenance.versions(sobol) == of_optuna | {"scipy": version("scipy")}
    # hyperopt's start stays random.
    assert provenance.versions(TrialSettings(algo="tpe", startup="sobol")) == found


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
