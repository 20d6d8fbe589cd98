from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from snakeras.core.settings import Settings
from snakeras.workflow.search_files import SearchFiles


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def trials(numbers: range) -> list[str]:
    return [f"results/mnist/trials/{number:04d}.json" for number in numbers]


def test_a_trial_waits_for_the_trials_of_its_window() -> None:
    assert SearchFiles(Settings()).earlier_trials(SimpleNamespace(trial="0006")) == trials(range(3))


def test_a_job_on_a_cluster_plans_no_trial_but_its_own() -> None:
    wildcards = SimpleNamespace(trial="0009")
    here, job = (SearchFiles(Settings(), in_job=in_job).earlier_trials(wildcards) for in_job in (False, True))
    # Absolute paths, which no rule makes.
    assert job == [str(Path(path).absolute()) for path in here]


def test_without_a_shared_folder_a_trial_names_all_that_it_looks_back_on() -> None:
    files = SearchFiles(Settings(), shared=False)
    assert files.earlier_trials(SimpleNamespace(trial="0020")) == trials(range(17))


def test_each_trial_has_a_record_of_what_and_of_when() -> None:
    files = SearchFiles(Settings(search={"max_evals": 2}))
    assert files.trials == trials(range(2))
    assert files.run_records == ["results/mnist/trials/0000.run.json", "results/mnist/trials/0001.run.json"]


def test_without_prepared_arrays_there_is_no_manifest() -> None:
    assert SearchFiles(Settings()).manifest == ["results/mnist/data.json"]
    assert SearchFiles(Settings(data={"dataset": "model"})).manifest == []


@pytest.mark.parametrize(("dataset", "raw"), [("mnist", ["resources/mnist/SHA256SUMS"]), ("mnist-5k", [])])
def test_only_mnist_is_made_of_fetched_files(dataset: str, raw: list[str]) -> None:
    assert SearchFiles(Settings(data={"dataset": dataset})).raw_data == raw


@pytest.mark.parametrize(("model", "data"), [("tutorial.py", ["resources/mnist/SHA256SUMS"]), ("warns.py", [])])
def test_a_script_that_takes_mnist_from_keras_waits_for_it_to_be_fetched(model: str, data: list[str]) -> None:
    settings = Settings(data={"dataset": "model"}, search={"model": f"tests/scripts/{model}"})
    assert SearchFiles(settings).script_data == data


def test_the_model_file_brings_the_modules_beside_it_and_the_algorithm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("import beside\n")
    Path("beside.py").write_text("")
    Path("other.py").write_text("")
    Path("own.py").write_text("")
    files = SearchFiles(Settings(search={"model": "mine.py", "algo": "own.suggest"}))
    assert files.model == ["mine.py", "beside.py", "own.py"]


def test_tracking_can_be_switched_off() -> None:
    names = [*(f"{trial:04d}" for trial in range(12)), "final"]
    assert SearchFiles(Settings()).published == [f"results/mnist/tracking/{name}.json" for name in names]
    assert SearchFiles(Settings(tracking={"uri": None})).published == []


def test_mflux_gets_the_prepared_data_too() -> None:
    mflux = {"mflux": True, "uri": None}
    assert "results/mnist/tracking/data.json" in SearchFiles(Settings(tracking=mflux)).published
    own = SearchFiles(Settings(tracking=mflux, data={"dataset": "model"}))
    assert "results/mnist/tracking/data.json" not in own.published


@pytest.mark.parametrize(
    ("tracking", "linked"),
    [({}, 0), ({"uri": None}, 0), ({"uri": "http://host:5000"}, 12), ({"mflux": True, "uri": None}, 12)],
)
def test_runs_are_linked_where_the_tracker_has_an_address(tracking: dict, linked: int) -> None:
    files = SearchFiles(Settings(tracking=tracking))
    assert len(files.linked_runs) == linked
    assert files.linked_search == (["results/mnist/tracking/search.json"] if linked else [])


def test_trials_that_wait_to_be_published_are_those_that_do_not_run_first() -> None:
    def waiting(*planned: str, **tracking: object) -> list[str]:
        jobs = [SimpleNamespace(output=[f"results/mnist/{path}", "other"]) for path in planned]
        files = SearchFiles(Settings(search={"max_evals": 4}, tracking=tracking))
        return files.waiting(SimpleNamespace(needrun_jobs=lambda: jobs))

    planned = ["trials/0002.json", "tracking/0000.json", "tracking/0002.json", "tracking/0003.json"]
    assert waiting(*planned, "tracking/final.json") == ["0000", "0003"]
    assert waiting("trials/0002.json", "best.json") == []
    assert waiting(*planned, uri=None) == []


def test_trials_that_run_again_are_those_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = SearchFiles(Settings(search={"max_evals": 3}))
    for path in found.trials[:2]:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).touch()
    jobs = [SimpleNamespace(output=[path]) for path in found.trials[1:]]
    assert found.again(SimpleNamespace(needrun_jobs=lambda: jobs)) == ["0001"]
