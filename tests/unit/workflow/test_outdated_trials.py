import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakeras.core.settings import Settings
from snakeras.workflow import outdated_trials
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles


@pytest.mark.parametrize(
    ("changes", "in_job", "forced"),
    [({}, False, False), ({"seed": 6}, False, True), ({"seed": 6}, True, False), (None, False, False)],
)
def test_a_trial_made_with_other_settings_is_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict | None, in_job: bool, forced: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    files, made_with = SearchFiles(settings, in_job=in_job), RuleParams(settings).made_with
    workflow = SimpleNamespace(remote_exec=in_job, dag=SimpleNamespace(forcefiles=set()))
    record = Path(files.trial(5))
    record.parent.mkdir(parents=True)
    determined_by = {"search": made_with["search"] | (changes or {}), "data": made_with["data"] | {"digest": "0"}}
    record.write_text("half a fil" if changes is None else json.dumps({"determined_by": determined_by}))
    earlier_trials = outdated_trials.forcing(workflow, files, made_with)
    for trial in ("0005", "0006"):
        wildcards = SimpleNamespace(trial=trial)
        assert earlier_trials(wildcards) == files.earlier_trials(wildcards)
    assert workflow.dag.forcefiles == ({str(record)} if forced else set())
