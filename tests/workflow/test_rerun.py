"""What runs again after a change, and what does not."""

import json
import shutil
from pathlib import Path

import pytest
from snakeras.core.settings import JobSettings

pytestmark = pytest.mark.slow

PICTURES = {"gather": 1, "plot_search": 1, "list_trials": 1}
FINAL = {"retrain": 1, "publish_final": 1, "plot_final": 1, "summarize": 1}
PUBLISHING = {"publish_search": 1, "publish_trial": 4, "publish_final": 1}
SEARCH = {"trial": 4, "best": 1} | FINAL | PUBLISHING | PICTURES
# The same search, run again.
SEARCH_ALONE = {job: count for job, count in SEARCH.items() if job != "publish_search"}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_a_second_run_does_nothing(finished) -> None:
    assert finished.planned() == {}
    # The command as people call it.
    assert "Nothing to be done" in finished.run("--dry-run")


def test_a_moved_clone_with_new_times_does_nothing(twin) -> None:
    assert twin.planned() == {}


def test_touching_every_file_runs_nothing(twin) -> None:
    for path in twin.path.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert twin.planned() == {}


def test_a_comment_runs_nothing(twin) -> None:
    append(twin.path / "config.yaml", "\n# a comment\n")
    append(twin.path / "models/mnist_cnn.py", "\n# a comment\n")
    assert twin.planned() == {}


@pytest.mark.parametrize(
    ("config", "jobs"),
    [
        ("search={max_evals: 4}", {}),
        ("search={epochs: '2', seed: 1337, train_samples: 600}", {}),
        ("search={max_evals: 6}", {"trial": 2, "best": 1, "publish_trial": 2} | FINAL | PICTURES),
        ("search={max_evals: 3}", {"best": 1} | FINAL | PICTURES),
        ("search={epochs: 1}", SEARCH),
        ("search={pruner: {type: none}}", SEARCH),
        ("search={pruner: {n_startup_trials: 3}}", {}),
        ("search={pruner: {min_epochs: 2}}", SEARCH),
        ("search={monitor: val_loss}", SEARCH),
        ("search={precision: mixed_bfloat16}", SEARCH),
        ("search={epochs: null}", SEARCH),
        ("search={threads: 2}", SEARCH),
        ("final={epochs: 2}", FINAL),
        ("final={train_on: train}", FINAL),
        ("tracking={experiment: other}", PUBLISHING),
        ("tracking={models: best}", PUBLISHING),
        ("tracking={uri: 'http://127.0.0.1:9'}", PUBLISHING | {"list_trials": 1}),
        ("tracking={uri: null}", {}),
        ("data={validation_fraction: 0.25}", {"prepare": 1} | SEARCH),
    ],
)
def test_a_change_of_the_configuration_touches_what_it_should(finished, config: str, jobs: dict) -> None:
    assert finished.planned("--config", config) == jobs


def test_what_jobs_need_but_results_do_not_depend_on_runs_nothing(finished) -> None:
    changed = {
        "search": {"retries": 3, "trial_timeout": 60, "trials_per_gpu": 2, "gpu": 0, "stop": {"patience": 50}},
        "data": {"mnist_folder": "/somewhere"},
        "tracking": {"mflux_token_file": "/somewhere"},
        "resources": {"mem_mb": 8000, "runtime": 60},
    }
    keys = {key for section in changed.values() for key in section}
    # max_evals is above; points, defaults and seeds decide; keras_home, of another dataset, and label, which is no
    # setting, are in test_use.
    elsewhere = {"max_evals", "points", "warm_start_defaults", "seeds", "keras_home", "label"}
    assert set(JobSettings.model_fields) - elsewhere <= keys
    assert (
        finished.planned("--config", *(f"{section}={json.dumps(values)}" for section, values in changed.items())) == {}
    )


@pytest.mark.parametrize(
    ("file", "jobs"),
    [
        ("scripts/trial.py", SEARCH_ALONE),
        ("scripts/snakeras/search/run_trial.py", SEARCH_ALONE),
        ("scripts/snakeras/search/result_files.py", {"best": 1} | FINAL),
        ("scripts/snakeras/final/retraining.py", FINAL),
        ("scripts/publish_final.py", {"publish_final": 1}),
        ("scripts/publish_trial.py", {"publish_trial": 4}),
        ("scripts/snakeras/tracking/runs.py", PUBLISHING),
        ("scripts/prepare.py", {"prepare": 1} | SEARCH),
        ("scripts/snakeras/data/arrays.py", {"prepare": 1} | SEARCH),
        ("scripts/snakeras/workflow/config_validation.py", {}),
        ("scripts/fetch.py", {}),
    ],
)
def test_an_edit_touches_the_rules_that_use_the_file(twin, file: str, jobs: dict) -> None:
    append(twin.path / file, "\n# edited\n")
    assert twin.planned() == jobs


def test_a_change_of_the_model_runs_the_search_again(twin) -> None:
    path = twin.path / "models/mnist_cnn.py"
    path.write_text(path.read_text().replace("Flatten()", "Flatten(name='flat')"))
    assert twin.planned() == SEARCH


def test_a_broken_array_is_made_again_without_a_trial_running_again(finished, twin) -> None:
    (array,) = twin.path.glob("resources/prepared/*/x_train.npy")
    whole = array.read_bytes()
    array.write_bytes(whole[:1000])
    assert twin.planned() == {}
    said = twin.run("--config", "search={max_evals: 5}", "--", f"results/{twin.name}/best.json")
    assert said.count("starts, one of 5") == 1
    assert "trial 0004:" in said
    assert "x_train.npy" in said
    assert array.read_bytes() == whole
    assert twin.outcome()[0].startswith(finished.outcome()[0])


def test_the_same_winner_is_not_trained_again(twin) -> None:
    append(twin.path / "scripts/snakeras/search/result_files.py", "\n# edited\n")
    model = twin.results / "final" / "model.keras"
    before = model.stat().st_mtime_ns
    said = twin.run("--", f"results/{twin.name}/final/metrics.json")
    assert "checkpoint best:" in said
    assert "rule retrain:" not in said
    assert model.stat().st_mtime_ns == before
    # Nothing has changed but times.
    assert twin.planned() == {}
    winner = twin.results / "winner.json"
    winner.write_text(winner.read_text().replace('"seed": ', '"seed": 1', 1))
    assert twin.planned()["retrain"] == 1


def test_a_lost_result_is_made_again(twin) -> None:
    (twin.results / "final" / "model.keras").unlink()
    assert twin.planned() == FINAL


def test_several_changes_at_once_all_count(twin) -> None:
    append(twin.path / "scripts/prepare.py", "\n# edited\n")
    jobs = {"prepare": 1, "trial": 6, "best": 1} | FINAL | PUBLISHING | PICTURES | {"publish_trial": 6}
    assert twin.planned("--config", "search={max_evals: 6}") == jobs


def test_one_trial_again_without_the_cache(twin) -> None:
    trial = f"results/{twin.name}/trials/0001.json"
    before, outcome = (twin.path / trial).read_bytes(), twin.outcome()
    shutil.rmtree(twin.path / "resources")
    assert twin.planned() == {}
    (twin.path / trial).unlink()
    # Why README names another way: the file is not missed.
    assert twin.planned() == {}
    output = twin.run("--force", trial)
    assert output.count("starts, one of 4") == 1
    assert "x_train.npy is missing; making it again" in output
    assert (twin.path / trial).read_bytes() == before
    # Nothing but when it ran has changed, which the timeline shows.
    assert twin.planned() == {"publish_trial": 1, "summarize": 1} | PICTURES
    assert twin.outcome() == outcome


def test_an_altered_trial_is_noticed(twin) -> None:
    trial = twin.results / "trials" / "0002.json"
    trial.write_text(trial.read_text().replace('"loss": -0.', '"loss": -0.9', 1))
    said = twin.run("--", f"results/{twin.name}/best.json", fails=True)
    assert f"best: results/{twin.name}/trials/0002.json: was altered" in said
    assert f"snakemake --force results/{twin.name}/trials/0002.json" in said
