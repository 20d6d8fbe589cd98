import json

import pytest
from snakemake.rules import Rule
from snakeras.core.settings import JobSettings, Settings, TrackingSettings, TrialSettings
from snakeras.workflow.rule_params import RuleParams

# What rules compare: a rule with one of these among its params runs again when it changes.
COMPARED = ("search", "data", "prepared", "arrays", "final", "tracking", "name")


def changed(**sections: object) -> set[str]:
    """Which params a change of these keys changes."""
    before, after = RuleParams(Settings()), RuleParams(Settings(**sections))
    return {name for name in COMPARED if getattr(before, name) != getattr(after, name)}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("epochs", 2),
        ("train_samples", 100),
        ("algo", "rand"),
        ("startup_trials", 3),
        ("startup", "sobol"),
        ("parallelism", 2),
        ("threads", 2),
        ("precision", "mixed_bfloat16"),
        ("model_function", "other"),
        ("data_function", "other"),
        ("args", ["--size", "3"]),
        ("pruner", {"type": "halving"}),
    ],
)
def test_what_decides_a_trial_runs_trials_again_and_nothing_before_them(key: str, value: object) -> None:
    assert changed(search={key: value}) == {"search"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_evals", 99),
        ("gpu", 0),
        ("trials_per_gpu", 2),
        ("retries", 3),
        ("trial_timeout", 60.0),
        ("stop", {"target": 0.5, "patience": 2, "epochs": 10}),
        # Without a pruner they decide nothing.
        ("monitor", "val_loss"),
        ("mode", "max"),
        ("pruner", {"reduction": 3, "n_startup_trials": 2}),
    ],
)
def test_what_decides_no_trial_runs_none(key: str, value: object) -> None:
    assert changed(search={key: value}) == set()


def test_a_seed_also_decides_the_split() -> None:
    assert changed(search={"seed": 2}) == {"search", "prepared", "arrays"}


@pytest.mark.parametrize(
    ("sections", "params"),
    [
        ({"data": {"validation_fraction": 0.25}}, {"data", "prepared", "arrays"}),
        ({"data": {"mnist_folder": "/somewhere", "keras_home": "/else"}}, set()),
        ({"final": {"epochs": 2}}, {"final"}),
        ({"final": {"train_on": "train"}}, {"final"}),
        ({"tracking": {"experiment": "other"}}, {"tracking"}),
        ({"tracking": {"models": "best"}}, {"tracking"}),
        ({"tracking": {"mflux_token_file": "/somewhere"}}, set()),
        ({"resources": {"mem_mb": 8000, "runtime": 60}}, set()),
    ],
)
def test_a_change_touches_what_it_should(sections: dict, params: set[str]) -> None:
    assert changed(**sections) == params


def test_the_fraction_decides_nothing_where_the_model_file_has_its_own_data() -> None:
    assert RuleParams(Settings(data={"dataset": "model", "validation_fraction": 0.3})).data == {"dataset": "model"}


@pytest.mark.parametrize(
    ("pruner", "keys"),
    [
        ({"type": "none"}, []),
        ({"type": "halving"}, ["min_epochs", "reduction", "monitor", "mode"]),
        ({"type": "median"}, ["n_startup_trials", "n_warmup_steps", "monitor", "mode"]),
    ],
)
def test_only_what_the_pruner_goes_by_is_part_of_a_trial(pruner: dict, keys: list[str]) -> None:
    assert list(RuleParams(Settings(search={"pruner": pruner})).search["pruner"]) == ["type", *keys]


def test_params_are_json_and_make_typed_settings_again() -> None:
    settings = Settings(search={"pruner": {"type": "median"}, "trial_timeout": 5})
    params = RuleParams(settings)
    assert TrialSettings(**json.loads(json.dumps(params.search))) == settings.search.trial_settings()
    assert TrackingSettings(**params.tracking) == settings.tracking
    assert JobSettings(**params.job(None, None)).trial_timeout == 5.0


def test_jobs_of_a_module_know_the_name_of_the_search() -> None:
    found = [RuleParams(Settings(name="mine"), in_module=in_module).job(None, None) for in_module in (False, True)]
    assert [job["label"] for job in found] == [None, "mine"]


def test_snakemake_never_compares_what_decides_nothing() -> None:
    params = RuleParams(Settings())
    for function in (params.job, params.configuration):
        assert Rule._is_deriving_function(function)


def test_a_job_asks_for_more_at_each_attempt() -> None:
    params = RuleParams(Settings())
    asked = [(params.mem_mb(None, n), params.runtime(None, n), params.attempt(None, n)) for n in (1, 3)]
    assert asked == [(4000, 240, 1), (12000, 720, 3)]


def test_a_job_on_a_cluster_is_not_tried_again_within_itself() -> None:
    assert [RuleParams(Settings(), in_job=in_job).retries for in_job in (False, True)] == [1, 0]
