import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from snakeras.workflow.rule_code import RuleCode


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> RuleCode:
    monkeypatch.chdir(ROOT)
    return RuleCode(str(ROOT))


def test_a_rules_code_is_its_script_and_the_modules_it_imports(code: RuleCode) -> None:
    paths = code.files("trial.py")
    assert code.script("trial.py") == "scripts/trial.py" in paths
    assert all((ROOT / path).is_file() for path in paths)
    names = {path.removeprefix("scripts/snakeras/") for path in paths}
    assert {"search/run_trial.py", "search/fit_hook.py", "model_file/loader.py"} <= names
    assert {"search/trial_records.py", "process/child.py", "core/files.py"} <= names
    # The checks of the configuration, the rules' paths and other rules' work are not the trials' business.
    assert names.isdisjoint({"workflow/config.py", "workflow/search_files.py", "workflow/stale_lock.py"})
    assert names.isdisjoint({"final/retraining.py", "tracking/search_run.py"})
    assert "scripts/snakeras/search/run_trial.py" not in code.files("retrain.py")


def test_every_module_is_some_rules_code_or_the_snakefiles_own(code: RuleCode) -> None:
    used = {path for script in (ROOT / "scripts").glob("*.py") for path in code.files(script.name)}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "scripts" / "snakeras").rglob("[!_]*.py")}
    snakefiles = {
        "closing_lines",
        "config",
        "outdated_trials",
        "report_files",
        "rule_code",
        "rule_params",
        "search_files",
    }
    commands = {"stale_lock", "watch"}
    assert modules - used == {f"scripts/snakeras/workflow/{name}.py" for name in snakefiles | commands}


def test_the_digest_changes_with_any_of_the_code(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    code = RuleCode(str(tmp_path))
    before = code.digest("best.py")
    (tmp_path / "scripts/snakeras/final/retraining.py").write_text("")
    assert code.digest("best.py") == before
    (tmp_path / "scripts/snakeras/core/files.py").open("a").write("# edited\n")
    assert code.digest("best.py") != before
