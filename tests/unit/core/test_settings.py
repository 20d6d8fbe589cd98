import pytest
from pydantic import ValidationError
from snakeras.core.settings import FinalSettings, JobSettings, SearchSettings, Settings, TrackingSettings, TrialSettings


def test_settings_survive_their_plain_form() -> None:
    settings = Settings(search={"pruner": {"type": "median"}, "gpu": 2})
    assert Settings(**settings.model_dump()) == settings
    trial = settings.search.trial_settings()
    assert TrialSettings(**trial.model_dump()) == trial


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().search.seed = 5


@pytest.mark.parametrize(
    ("section", "given", "expected"),
    [
        (FinalSettings, {"epochs": "null"}, None),
        (FinalSettings, {"epochs": "6"}, 6),
        (FinalSettings, {"epochs": 6.0}, 6),
        (SearchSettings, {"gpu": "1"}, 1),
        (SearchSettings, {"gpu": "auto"}, "auto"),
        (SearchSettings, {"trial_timeout": "1e3"}, 1000.0),
        # A name may be null or a number.
        (SearchSettings, {"model_function": "null"}, None),
        (SearchSettings, {"model_function": "5"}, "5"),
        (SearchSettings, {"monitor": "null"}, "null"),
        (TrackingSettings, {"uri": ""}, None),
        (TrackingSettings, {"mflux": "true"}, True),
    ],
)
def test_text_from_the_command_line_becomes_what_the_key_says(section: type, given: dict, expected: object) -> None:
    (key,) = given
    found = getattr(section(**given), key)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("section", "given"),
    [
        (FinalSettings, {"epochs": True}),
        (SearchSettings, {"gpu": True}),
        (SearchSettings, {"trial_timeout": False}),
        (SearchSettings, {"trial_timeout": float("inf")}),
        (TrackingSettings, {"mflux": 1}),
        (TrackingSettings, {"mflux": None}),
        (TrackingSettings, {"experiment": 5}),
        (FinalSettings, {"epoch": 5}),
    ],
)
def test_values_of_other_types_are_refused(section: type, given: dict) -> None:
    with pytest.raises(ValidationError):
        section(**given)


def test_arguments_are_texts_and_not_kept_where_there_are_none() -> None:
    assert Settings(search={"args": ["--size", 3, 0.5]}).search.trial_settings().args == ["--size", "3", "0.5"]
    assert Settings(search={"args": ["--size"]}).search.trial_settings().model_dump()["args"] == ["--size"]
    # The records of trials from before this key hold what they held.
    assert "args" not in Settings().search.trial_settings().model_dump()


def test_a_job_gets_its_part_of_the_settings() -> None:
    settings = Settings(search={"retries": 5}, data={"keras_home": "/here"}, tracking={"mflux_token_file": "/there"})
    job = JobSettings.of(settings)
    assert (job.retries, job.keras_home, job.mflux_token_file, job.max_evals) == (5, "/here", "/there", 12)
    assert (job.label, job.whose) == (None, "")
    stopping = Settings(search={"stop": {"target": "0.99", "epochs": "null"}, "monitor": "val_f1"})
    rule = JobSettings(**JobSettings.of(stopping).model_dump()).stop
    assert (rule.target, rule.patience, rule.epochs, rule.monitor, rule.mode) == (0.99, None, None, "val_f1", "auto")
    assert Settings(search={"stop": "null"}) == Settings(search={"stop": {}}) == Settings()


def test_lines_of_one_of_several_searches_begin_with_its_name() -> None:
    assert JobSettings.of(Settings(name="mine"), "mine").whose == "mine: "
