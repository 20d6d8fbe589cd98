import inspect

from snakeras.core.settings import JobSettings, Settings, TrialSettings
from snakeras.workflow.rule_params import RuleParams, TrainingResources


def params(**changes: dict) -> RuleParams:
    return RuleParams(Settings(**changes))


def test_trials_depend_on_these_settings_and_no_others() -> None:
    found = params()
    assert list(found.search) == list(TrialSettings.model_fields)
    assert set(found.data) == {"dataset", "validation_fraction"}
    assert found.made_with == {"search": found.search, "data": found.data}
    # What runs a trial again, and what does not.
    for section, key, value in (("search", "seed", 1), ("search", "epochs", 7), ("data", "validation_fraction", 0.5)):
        assert params(**{section: {key: value}}).made_with != found.made_with
    unrelated = {
        "search": {"max_evals": 99, "gpu": 1, "trials_per_gpu": 2, "retries": 3, "trial_timeout": 60},
        "data": {"mnist_folder": "/somewhere", "keras_home": "/somewhere"},
        "final": {"epochs": 1},
        "resources": {"mem_mb": 1},
    }
    assert params(**unrelated).made_with == found.made_with


def test_a_model_files_own_data_has_no_validation_fraction() -> None:
    assert params(data={"dataset": "model"}).data == {"dataset": "model"}


def test_only_what_the_pruner_goes_by_is_part_of_a_trial() -> None:
    found = {
        kind: params(search={"monitor": "val_loss", "pruner": {"type": kind, "reduction": 3}}).search["pruner"]
        for kind in ("none", "halving", "median")
    }
    monitored = {"monitor": "val_loss", "mode": "auto"}
    assert found == {
        "none": {"type": "none"},
        "halving": {"type": "halving", "min_epochs": 1, "reduction": 3} | monitored,
        "median": {"type": "median", "n_startup_trials": 5, "n_warmup_steps": 0} | monitored,
    }


def test_params_that_decide_nothing_are_not_compared() -> None:
    found = params(tracking={"mflux_token_file": "/secret"})
    assert "mflux_token_file" not in found.tracking
    assert found.job(None, None)["mflux_token_file"] == "/secret"
    assert set(found.job(None, None)) == set(JobSettings.model_fields)
    assert found.config(None, None) == Settings(tracking={"mflux_token_file": "/secret"}).model_dump()
    # Snakemake leaves out of its comparison what depends on resources.
    for function in (found.job, found.config):
        assert "resources" in inspect.signature(function).parameters


def test_a_job_asks_for_more_at_each_attempt() -> None:
    found = TrainingResources(Settings())
    asked = [
        (found.mem_mb(None, attempt), found.runtime(None, attempt), found.attempt(None, attempt)) for attempt in (1, 3)
    ]
    assert asked == [(4000, 240, 1), (12000, 720, 3)]


def test_a_job_on_a_cluster_is_not_tried_again_within_itself() -> None:
    assert [TrainingResources(Settings(), in_job=in_job).retries for in_job in (False, True)] == [1, 0]
