import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

ENVS = ROOT / "envs"
sys.path.append(str(ENVS))
import pin  # noqa: E402


@pytest.mark.parametrize("path", sorted(ENVS.glob("*.yaml")), ids=lambda path: path.stem)
def test_conda_environments_name_the_versions_of_the_lock(path: Path) -> None:
    dependencies = yaml.safe_load(path.read_text())["dependencies"]
    pins = [line for line in dependencies if isinstance(line, str) and not line.startswith(("python=", "nodefaults"))]
    pins += next(line["pip"] for line in dependencies if isinstance(line, dict))
    versions = pin.locked()
    assert len(pins) > 5
    for line in pins:
        name, version = re.split("==?", line)
        assert versions[name] == version, line


def test_every_rule_has_an_environment_that_exists() -> None:
    for rules in (ROOT / "rules").glob("*.smk"):
        for name in re.findall(r'"\.\./envs/(.+)"', rules.read_text()):
            assert (ENVS / name).is_file()


def test_the_locks_agree_with_each_other() -> None:
    pattern = re.compile(r"^([\w.-]+)==([\w.]+)", re.MULTILINE)
    main = dict(pattern.findall((ENVS / "requirements.txt").read_text()))
    # Each beside the first, and those of search algorithms beside each other.
    known = dict(main)
    for path in sorted(ENVS.glob("requirements-*.txt")):
        other = dict(pattern.findall(path.read_text()))
        beside = main if path.stem.removeprefix("requirements-") in ("gpu", "cloud", "cluster") else known
        assert all(beside[package] == version for package, version in other.items() if package in beside), path.name
        if beside is known:
            known |= other


def test_every_locked_package_has_a_hash() -> None:
    for path in ENVS.glob("*.txt"):
        if not path.name.startswith("overrides"):
            blocks = re.split(r"^(?=\w)", path.read_text(), flags=re.MULTILINE)[1:]
            assert all("--hash=sha256:" in block for block in blocks), path.name


def find_python(tmp_path: Path, version: str) -> subprocess.CompletedProcess:
    fake = tmp_path / "fakepython"
    fake.write_text(f"#!/bin/sh\necho {version}\n")
    fake.chmod(0o755)
    return subprocess.run(
        ["sh", str(ENVS / "find-python.sh")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(fake)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_another_python_is_one_clear_line(tmp_path: Path) -> None:
    said = find_python(tmp_path, "3.9")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.count("\n") == 1
    assert "needs Python 3.11, 3.12 or 3.13, found:" in said.stderr
    assert "fakepython (3.9)" in said.stderr
    assert find_python(tmp_path, "3.12").returncode == 0
