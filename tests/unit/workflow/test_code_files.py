from pathlib import Path

import pytest
from conftest import ROOT
from snakeras.workflow.code_files import CodeFiles

SCRIPTS = ROOT / "scripts"
# Modules that the Snakefile, make and the command line use, and no rule.
WITHOUT_A_RULE = {
    "from_python",
    "report/dashboard",
    *(
        f"workflow/{name}"
        for name in (
            "code_files",
            "config_validation",
            "outdated_trials",
            "report_files",
            "rule_params",
            "search_files",
            "steering",
            "unpublished",
            "watch",
        )
    ),
}


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def modules(script: str) -> set[str]:
    """The modules that a script imports, without the package's name."""
    paths = (path.removeprefix("scripts/").removesuffix(".py") for path in CodeFiles(SCRIPTS).of(script))
    return {path.removeprefix("snakeras/") for path in paths if path.startswith("snakeras/")}


def test_a_rules_code_is_its_script_and_the_modules_it_imports() -> None:
    assert "scripts/trial.py" in CodeFiles(SCRIPTS).of("trial.py")
    used = modules("trial.py")
    assert {"search/run_trial", "search/fit_hook", "model_file/loader", "process/child_process", "core/files"} <= used
    assert {"workflow/config_validation", "workflow/rule_params", "final/retraining"}.isdisjoint(used)
    assert "search/run_trial" not in modules("retrain.py")
    assert not any(module.startswith(("tracking/", "report/")) for module in used)


def test_every_module_is_some_rules_code_or_has_another_user() -> None:
    used = {module for script in SCRIPTS.glob("*.py") for module in modules(script.name)}
    package = SCRIPTS / "snakeras"
    every = {path.relative_to(package).with_suffix("").as_posix() for path in package.rglob("[!_]*.py")}
    assert every - used == WITHOUT_A_RULE


def test_an_edit_of_any_of_them_changes_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "scripts" / "snakeras"
    (package / "part").mkdir(parents=True)
    (tmp_path / "scripts" / "rule.py").write_text("from snakeras.part import first\n")
    (package / "part" / "first.py").write_text("def f():\n    from snakeras.part.second import value\n")
    (package / "part" / "second.py").write_text("value = 1\n")
    (package / "part" / "third.py").write_text("")
    monkeypatch.chdir(tmp_path)

    def digest() -> str:
        return CodeFiles(tmp_path / "scripts").digest("rule.py")

    assert [Path(path).name for path in CodeFiles(tmp_path / "scripts").of("rule.py")] == [
        "rule.py",
        "first.py",
        "second.py",
    ]
    before = digest()
    (package / "part" / "third.py").write_text("unused = 1\n")
    assert digest() == before
    (package / "part" / "second.py").write_text("value = 2\n")
    assert digest() != before
