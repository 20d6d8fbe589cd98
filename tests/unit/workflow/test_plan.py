import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from snakeras.workflow.plan import Plan


@pytest.fixture
def plan(default_config: dict, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(ROOT)
    return Plan(default_config, str(ROOT))


def test_a_rules_code_is_its_script_and_the_modules_it_imports(plan: Plan) -> None:
    names = {path.removeprefix("scripts/").removeprefix("snakeras/") for path in plan.code("trial.py")}
    assert {"trial.py", "search/run_trial.py", "search/fit_hook.py", "model_file/loader.py"} <= names
    assert {"search/trial_records.py", "process/child.py", "core/files.py"} <= names
    # The checks of the configuration, the plan and other rules' work are not the trials' business.
    assert names.isdisjoint({"workflow/config.py", "workflow/plan.py", "workflow/stale_lock.py"})
    assert names.isdisjoint({"search/best_trial.py", "final/retraining.py", "tracking/publishing.py"})
    assert "scripts/snakeras/search/run_trial.py" not in plan.code("retrain.py")
    assert all((ROOT / path).is_file() for path in plan.code("trial.py"))


def test_every_module_is_some_rules_code_or_the_snakefiles_own(plan: Plan) -> None:
    used = {path for script in (ROOT / "scripts").glob("*.py") for path in plan.code(script.name)}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "scripts" / "snakeras").rglob("[!_]*.py")}
    own = {f"scripts/snakeras/workflow/{name}.py" for name in ("config", "stale_lock", "plan", "watch")}
    own.add("scripts/snakeras/report/dashboard.py")
    assert modules - used == own


def test_what_trials_depend_on_leaves_out_what_they_do_not(plan: Plan) -> None:
    assert "max_evals" not in plan.search
    assert set(plan.data) == {"dataset", "validation_fraction"}


def test_a_trial_waits_for_the_trials_of_its_window(plan: Plan) -> None:
    assert plan.looks_back_on(SimpleNamespace(trial="0006")) == [
        f"results/mnist/trials/{number:04d}.json" for number in range(3)
    ]


def test_without_prepared_arrays_there_is_no_manifest(default_config: dict) -> None:
    default_config["data"]["dataset"] = "model"
    plan = Plan(default_config, str(ROOT))
    assert plan.manifest == []
    assert plan.data == {"dataset": "model"}
    default_config["data"]["dataset"] = "mnist"


def test_tracking_can_be_switched_off(default_config: dict) -> None:
    on = Plan(default_config, str(ROOT)).targets
    off = Plan(default_config | {"tracking": {"uri": None, "mflux": False}}, str(ROOT)).targets
    names = [*(f"{trial:04d}" for trial in range(12)), "final"]
    assert [target for target in on if target not in off] == [f"results/mnist/tracking/{name}.json" for name in names]


def test_a_script_that_takes_mnist_from_keras_waits_for_it_to_be_fetched(
    default_config: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    default_config["data"]["dataset"] = "model"
    default_config["search"]["model"] = "tests/scripts/tutorial.py"
    assert Plan(default_config, str(ROOT)).script_data == ["resources/mnist/SHA256SUMS"]
    default_config["search"]["model"] = "tests/scripts/warns.py"
    assert Plan(default_config, str(ROOT)).script_data == []


def test_only_what_the_pruner_goes_by_is_part_of_a_trial(default_config: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    halving = {"type": "halving", "min_epochs": 1, "reduction": 4, "monitor": "auto", "mode": "auto"}
    assert Plan(default_config, str(ROOT)).search["pruner"] == halving
    default_config["search"]["pruner"]["type"] = "none"
    assert Plan(default_config, str(ROOT)).search["pruner"] == {"type": "none"}


def test_a_job_asks_for_more_at_each_attempt(plan: Plan) -> None:
    asked = [
        (plan.mem_mb(None, attempt), plan.runtime(None, attempt), plan.attempt(None, attempt)) for attempt in (1, 3)
    ]
    assert asked == [(4000, 240, 1), (12000, 720, 3)]


def test_a_job_on_a_cluster_plans_no_trial_but_its_own(default_config, monkeypatch, tmp_path) -> None:
    wildcards = SimpleNamespace(trial="0009")
    here, job = (Plan(default_config, basedir=str(ROOT), in_job=in_job) for in_job in (False, True))
    # Absolute paths, which no rule makes.
    assert job.looks_back_on(wildcards) == [str(Path(path).absolute()) for path in here.looks_back_on(wildcards)]
    assert (here.retries, job.retries) == (default_config["search"]["retries"], 0)


def test_without_a_shared_folder_a_trial_names_all_that_it_looks_back_on(default_config) -> None:
    plan = Plan(default_config, basedir=str(ROOT), shared=False)
    assert len(plan.looks_back_on(SimpleNamespace(trial="0020"))) == 20 - plan.parallelism + 1


def test_a_result_of_other_settings_is_forced(default_config, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    forced = []
    plan = Plan(default_config, basedir=str(ROOT), force=forced.extend)
    path = Path("results/mnist/trials/0001.json")
    path.parent.mkdir(parents=True)
    for seed, expected in ((plan.search["seed"], []), (6, [str(path)])):
        made_with = {"search": plan.search | {"seed": seed}, "data": plan.data | {"digest": "0"}}
        path.write_text(json.dumps({"determined_by": made_with}))
        forced.clear()
        plan.looks_back_on(SimpleNamespace(trial="0001"))
        assert forced == expected
    path.write_text("half a fil")
    assert plan.contradicted(1) == plan.contradicted(2) == []
