from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from snakeras.core.settings import Settings
from snakeras.workflow.search_files import SearchFiles


def files(changes: dict | None = None, **options: bool) -> SearchFiles:
    return SearchFiles(Settings(**changes or {}), **options)


def test_a_trial_waits_for_the_trials_of_its_window() -> None:
    assert files().earlier_trials(SimpleNamespace(trial="0006")) == [
        f"results/mnist/trials/{number:04d}.json" for number in range(3)
    ]


def test_a_job_on_a_cluster_plans_no_trial_but_its_own() -> None:
    wildcards = SimpleNamespace(trial="0009")
    here, in_job = files().earlier_trials(wildcards), files(in_job=True).earlier_trials(wildcards)
    # Absolute paths, which no rule makes.
    assert in_job == [str(Path(path).absolute()) for path in here]


def test_without_a_shared_folder_a_trial_names_all_that_it_looks_back_on() -> None:
    assert len(files(shared=False).earlier_trials(SimpleNamespace(trial="0020"))) == 17


def test_each_dataset_has_its_files() -> None:
    mnist, small, own = (files({"data": {"dataset": name}}) for name in ("mnist", "mnist-5k", "model"))
    assert [found.mnist for found in (mnist, small, own)] == [["resources/mnist/SHA256SUMS"], [], []]
    assert [found.manifest for found in (small, own)] == [["results/mnist/data.json"], []]


def test_arrays_are_shared_by_searches_with_the_same_data() -> None:
    same = [files({"name": name, "search": {"epochs": epochs}}).arrays for name, epochs in (("a", 1), ("b", 2))]
    other = [files({"search": {"seed": 1}}).arrays, files({"data": {"validation_fraction": 0.5}}).arrays]
    assert same[0] == same[1]
    assert len({same[0], *other}) == 3


def test_a_model_file_that_reads_mnist_by_keras_waits_for_it_to_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for script, expected in (("tutorial.py", ["resources/mnist/SHA256SUMS"]), ("warns.py", [])):
        changes = {"data": {"dataset": "model"}, "search": {"model": f"tests/scripts/{script}"}}
        assert files(changes).mnist_for_model == expected


def test_tracking_adds_a_target_for_each_run() -> None:
    off = files({"tracking": {"uri": None}})
    names = [*(f"{trial:04d}" for trial in range(12)), "final"]
    assert set(files().targets) - set(off.targets) == {f"results/mnist/tracking/{name}.json" for name in names}
    assert off.published == off.linked_runs == []
    on_mflux = files({"tracking": {"uri": None, "mflux": True}})
    assert on_mflux.published[-1] == "results/mnist/tracking/data.json"


def test_runs_are_linked_where_a_browser_can_open_them() -> None:
    assert files().linked_runs == files().linked_search == []
    linked = files({"tracking": {"uri": "http://127.0.0.1:5000"}})
    assert linked.linked_search == ["results/mnist/tracking/search.json"]
    assert linked.linked_runs == [f"results/mnist/tracking/{trial:04d}.json" for trial in range(12)]


def test_each_trial_has_a_record_and_a_run_record() -> None:
    found = files({"search": {"max_evals": 2}})
    assert found.trials == ["results/mnist/trials/0000.json", "results/mnist/trials/0001.json"]
    assert found.run_records == ["results/mnist/trials/0000.run.json", "results/mnist/trials/0001.run.json"]
