import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakeras.core import files
from snakeras.core.settings import Settings
from snakeras.workflow.outdated_trials import OutdatedTrials
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles

TRIAL = Path("results/mnist/trials/0001.json")
PARAMS = RuleParams(Settings())
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    TRIAL.parent.mkdir(parents=True)
    Path("models").mkdir()
    shutil.copy(ROOT / "models" / "mnist_cnn.py", "models")
    Path("table.csv").write_text("1")


def outdated(in_job: bool = False, params: RuleParams = PARAMS) -> OutdatedTrials:
    workflow = SimpleNamespace(remote_exec=in_job, dag=SimpleNamespace(forcefiles=set()))
    return OutdatedTrials(workflow, SearchFiles(Settings()), params)


def forced(in_job: bool = False) -> set[str]:
    """What is forced when trial 1 is planned."""
    trials = outdated(in_job)
    assert trials.force(SimpleNamespace(trial="0001")) == []
    return trials._workflow.dag.forcefiles


def write_trial(seed: int, path: Path = TRIAL, **more: object) -> None:
    made_with = {"search": PARAMS.search | {"seed": seed}, "data": PARAMS.data | {"digest": "0"}}
    made_with["model"] = SearchFiles(Settings()).fingerprint
    path.write_text(json.dumps({"determined_by": made_with | more}))


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


def test_a_trial_that_read_another_file_is_forced_and_so_is_the_final_model() -> None:
    digest = files.sha256_of_file(Path("table.csv"))
    final = Path("results/mnist/final/metrics.json")
    final.parent.mkdir()
    final.write_text(json.dumps({"files": {"table.csv": digest}}))
    write_trial(PARAMS.search["seed"], files={"table.csv": digest})
    trials = outdated()
    assert trials.force_final(None) == []
    assert trials._workflow.dag.forcefiles == forced() == set()
    Path("table.csv").write_text("2")
    trials.force_final(None)
    assert trials._workflow.dag.forcefiles == {str(final)}
    assert forced() == {str(TRIAL)}


def test_why_trials_run_again_is_one_line() -> None:
    seed = PARAMS.search["seed"]
    digest = files.sha256_of_file(Path("table.csv"))
    for number in range(3):
        write_trial(seed, TRIAL.with_stem(f"000{number}"), files={"table.csv": digest})
    assert outdated().reasons() is None
    Path("table.csv").write_text("2")
    assert outdated().reasons() == "3 trials run again: table.csv changed since"
    Path("table.csv").unlink()
    write_trial(seed + 1, TRIAL.with_stem("0000"))
    assert outdated().reasons() == "3 trials run again: search.seed changed; table.csv is gone"
    model = Path("models/mnist_cnn.py")
    model.write_text(model.read_text().replace("Flatten()", "Flatten(name='flat')"))
    said = "3 trials run again: models/mnist_cnn.py changed since (function train_model)"
    assert outdated().reasons() == said


def test_a_point_that_is_added_or_changed_is_a_reason_for_its_own_trial_alone() -> None:
    for number in range(3):
        write_trial(
            PARAMS.search["seed"], TRIAL.with_stem(f"000{number}"), **({"point": {"k1": 3}} if not number else {})
        )

    def reasons(*points: dict) -> str | None:
        return outdated(params=RuleParams(Settings(search={"points": points}))).reasons()

    assert reasons({"k1": 3}) is None
    assert reasons({"k1": 3}, {"k1": 5}) == "1 trial runs again: search.points changed"
    assert reasons({"k1": 5}) == reasons() == "1 trial runs again: search.points changed"


def test_other_trials_to_start_from_are_a_reason_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    write_trial(PARAMS.search["seed"], TRIAL.with_stem("0000"), warm_start="a")
    write_trial(PARAMS.search["seed"], TRIAL.with_stem("0001"))
    assert outdated().reasons() == "1 trial runs again: search.warm_start changed"
    monkeypatch.setattr(SearchFiles, "warm_start_digest", "a")
    assert outdated().reasons() == "1 trial runs again: search.warm_start changed"
    assert forced() == {str(TRIAL)}


@pytest.mark.parametrize("name", ["model.keras", "model.joblib"])
def test_a_final_model_that_is_lost_is_forced(name: str) -> None:
    final = Path("results/mnist/final")
    final.mkdir()
    metrics = final / "metrics.json"

    def forced_final(in_job: bool = False) -> set[str]:
        trials = outdated(in_job)
        assert trials.force_final(None) == []
        return trials._workflow.dag.forcefiles

    assert forced_final() == set()
    metrics.write_text(json.dumps({"model": name}))
    assert forced_final() == {str(metrics)}
    assert forced_final(in_job=True) == set()
    (final / name).write_text("a model")
    assert forced_final() == set()
    (final / name).unlink()
    for text in ('{"model": null}', "half a fil", "[]", "{}"):
        metrics.write_text(text)
        assert forced_final() == set()


def stopped(records: list[dict], parallelism: int, **stop: float) -> tuple[list[str], str | None]:
    """The trials that are forced where these records lie there, and the line about them, with this rule."""
    settings = Settings(search={"max_evals": len(records), "parallelism": parallelism, "stop": stop})
    search_files, params = SearchFiles(settings), RuleParams(settings)
    made_with = {"search": params.search, "data": params.data | {"digest": "0"}, "model": search_files.fingerprint}
    for record in records:
        path = Path(search_files.trial(record["trial"]))
        path.write_text(json.dumps({"fits": [], "epochs": 2, "determined_by": made_with} | record))
    workflow = SimpleNamespace(remote_exec=False, dag=SimpleNamespace(forcefiles=set()))
    trials = OutdatedTrials(workflow, search_files, params)
    for record in records:
        trials.force(SimpleNamespace(trial=str(record["trial"])))
    return sorted(Path(path).stem for path in workflow.dag.forcefiles), trials.reasons()


def completed(*losses: float) -> list[dict]:
    return [{"trial": trial, "status": "completed", "loss": loss} for trial, loss in enumerate(losses)]


def skipped(*trials: int) -> list[dict]:
    return [{"trial": trial, "status": "skipped", "skipped": "target: ...", "loss": None} for trial in trials]


def test_a_skipped_trial_that_would_now_run_is_forced_and_those_that_see_it_follow() -> None:
    line = "{} trials run again: search.stop no longer skips them"
    one = completed(0.5, 0.1) + skipped(2, 3, 4)
    assert stopped(one, 1, target=0.1) == ([], None)
    assert stopped(one, 1) == stopped(one, 1, target=0.05, patience=2) == (["0002"], line.format(3))
    # Four at a time: those that see no skipped trial are asked one by one.
    four = completed(0.5, 0.4, 0.1, 0.3) + skipped(*range(4, 10))
    assert stopped(four, 4, target=0.5) == ([], None)
    assert stopped(four, 4, target=0.4) == (["0004"], line.format(6))
    assert stopped(four, 4, target=0.1) == (["0004", "0005"], line.format(6))
    assert stopped(four, 4, epochs=8) == (["0004", "0005", "0006"], line.format(6))
    assert stopped(four, 4) == (["0004", "0005", "0006", "0007"], line.format(6))


def test_a_tighter_rule_runs_no_finished_trial() -> None:
    assert stopped(completed(0.5, 0.4, 0.3), 1, target=0.9) == ([], None)
    # Also where one of them was forced by hand and skipped since.
    between = completed(0.5, 0.4) + skipped(2) + completed(0.5, 0.4, 0.3, 0.2)[3:] + skipped(4, 5)
    assert stopped(between, 2, target=0.5) == ([], None)
    assert stopped(between, 2) == (["0002"], "3 trials run again: search.stop no longer skips them")


def test_what_a_skipped_trial_cannot_see_is_left_to_snakemake() -> None:
    assert stopped(skipped(2), 1) == ([], None)
