import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakeras.core.settings import Settings
from snakeras.workflow.outdated_trials import OutdatedTrials
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles

TRIAL = Path("results/mnist/trials/0001.json")
PARAMS = RuleParams(Settings())


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    TRIAL.parent.mkdir(parents=True)


def forced(in_job: bool = False) -> set[str]:
    """What is forced when trial 1 is planned."""
    workflow = SimpleNamespace(remote_exec=in_job, dag=SimpleNamespace(forcefiles=set()))
    trials = OutdatedTrials(workflow, SearchFiles(Settings()), PARAMS)
    assert trials.force(SimpleNamespace(trial="0001")) == []
    return workflow.dag.forcefiles


def write_trial(seed: int) -> None:
    made_with = {"search": PARAMS.search | {"seed": seed}, "data": PARAMS.data | {"digest": "0"}}
    TRIAL.write_text(json.dumps({"determined_by": made_with}))


def test_a_trial_of_other_settings_is_forced() -> None:
    write_trial(seed=6)
    assert forced() == {str(TRIAL)}
    assert forced(in_job=True) == set()


def test_a_trial_of_these_settings_is_not() -> None:
    write_trial(PARAMS.search["seed"])
    assert forced() == set()


@pytest.mark.parametrize("text", [None, "half a fil", "[]", "{}", '{"determined_by": 3}'])
def test_what_cannot_be_read_is_left_to_snakemake(text: str | None) -> None:
    if text is not None:
        TRIAL.write_text(text)
    assert forced() == set()


def forced_final(folder: Path, in_job: bool = False) -> set[str]:
    workflow = SimpleNamespace(remote_exec=in_job, dag=SimpleNamespace(forcefiles=set()))
    trials = OutdatedTrials(workflow, SearchFiles(Settings()), PARAMS)
    assert trials.force_lost_model(SimpleNamespace(name=folder.parent.name)) == []
    return workflow.dag.forcefiles


@pytest.mark.parametrize("name", ["model.keras", "model.joblib"])
def test_a_final_model_that_is_lost_is_forced(name: str) -> None:
    final = Path("results/mnist/final")
    final.mkdir()
    metrics = final / "metrics.json"
    assert forced_final(final) == set()
    metrics.write_text(json.dumps({"model": name}))
    assert forced_final(final) == {str(metrics)}
    assert forced_final(final, in_job=True) == set()
    (final / name).write_text("a model")
    assert forced_final(final) == set()
    (final / name).unlink()
    for text in ('{"model": null}', "half a fil", "[]", "{}"):
        metrics.write_text(text)
        assert forced_final(final) == set()
