"""Other ways to use the workflow: mistakes, own data, another folder, as a module, without a tracker."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import snakeras
import yaml
from snakeras import from_python
from snakeras.core.errors import UserError
from workflow_folder import ROOT, SCENARIOS, Folder, environment, new_folder

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ("search={max_evals: many}", "search.max_evals: found 'many', expected a whole number at least 1"),
        ("search={model: scripts/best.py}", "search.model: scripts/best.py: no Hyperas model, expected a function"),
    ],
)
def test_a_mistake_is_one_line_before_any_job(finished, config: str, line: str) -> None:
    said = finished.run("--config", config, fails=True)
    assert [text for text in said.splitlines() if line in text], said
    assert said.splitlines()[-1].startswith(line)
    assert "rule" not in said


def test_a_script_without_keras_with_its_own_data(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "own", "own_data")
    folder.run()
    final = ["--", f"results/{folder.name}/final/metrics.json"]
    metrics = json.loads((folder.results / "final" / "metrics.json").read_text())
    assert metrics["test_data_seen_by_search"] is True
    assert metrics["test_samples"] == 60
    assert sum(map(sum, metrics["confusion_matrix"])) == 60
    assert metrics["test_accuracy"] > 0.6
    best = json.loads((folder.results / "best.json").read_text())
    assert list(best["hyperparameters"]) == ["trees"]
    assert best["provenance"]["data_sha256"] is None
    # No tracker, no prepared arrays.
    assert not (folder.path / "mlflow.db").exists()
    assert not (folder.path / "resources").exists()
    assert folder.planned() == folder.planned("--config", f"data={{keras_home: {tmp_path}}}") == {}
    # A module beside the script is part of it.
    (folder.path / "shapes.py").write_text("# how many there are\nclasses = 3\n")
    assert folder.planned() == {}
    (folder.path / "shapes.py").write_text("classes = 4\n")
    assert folder.planned()["trial"] == 3
    (folder.path / "shapes.py").write_text("classes = 3\n")
    # So is a file that it reads, though no rule names it.
    record = json.loads((folder.results / "trials" / "0000.json").read_text())
    assert list(record["determined_by"]["files"]) == ["centres.csv"]
    (folder.path / "centres.csv").write_text("0,0\n6,0\n0,6\n")
    assert folder.planned()["trial"] == 3
    more = ["--config", "search={max_evals: 4}", *final]
    output = folder.run(*more)
    assert "3 trials run again: centres.csv changed since" in output
    assert output.count("starts, one of 4") == 4
    assert folder.planned(*more) == {}
    # It does not name Keras, and its model is scikit-learn's. TensorFlow alone takes more.
    runs = [json.loads(path.read_text()) for path in folder.results.glob("trials/*.run.json")]
    assert all(run["peak_memory_mb"] < 400 for run in runs)
    assert (folder.results / "trials" / "0001" / "model.joblib").exists()
    (model,) = folder.results.glob("final/model*")
    assert model.name == json.loads((folder.results / "final" / "metrics.json").read_text())["model"] == "model.joblib"
    model.unlink()
    assert folder.planned(*more) == {"retrain": 1}


def test_a_search_from_python_is_that_of_the_command_line(
    twin: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(twin.path)
    monkeypatch.setattr(from_python, "WORKFLOW", twin.path)
    config = yaml.safe_load((twin.results / "config.yaml").read_text())
    name, model = config.pop("name"), config["search"].pop("model")
    found = snakeras.run(model=model, name=name, **config)
    assert "Nothing to be done" in capsys.readouterr().out
    assert found.results.samefile(twin.results)
    assert found.best == json.loads((twin.results / "best.json").read_text())
    assert len(found.study.trials) == 4
    assert found.study.best_trial.number == found.best["trial"]
    with pytest.raises(UserError, match="^search.max_eval: unknown key, did you mean search.max_evals[?]$"):
        snakeras.run(model=model, name=name, search={"max_eval": 3})
    # A model file has its own data unless others are named.
    with pytest.raises(UserError, match="has no data function"):
        snakeras.run(model=model, name=name)


def test_when_all_trials_fail_best_says_why(all_failed) -> None:
    place = "failed.py, line 11: raise ValueError("
    assert f"best: all 2 trials failed in the same way: ValueError: kernel larger than its input ({place}" in (
        all_failed.output
    )
    assert f"trial 0000: failed (ValueError: kernel larger than its input ({place}" in all_failed.output
    assert (all_failed.results / "trials" / "0001.json").exists()
    assert not (all_failed.results / "best.json").exists()


def test_a_mistake_that_stops_every_trial_is_said_once(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "failed", "all_failed")
    script = folder.path / "failed.py"
    script.write_text(script.read_text().replace("nothing = 0", "nothing = {}[0]"))
    said = folder.run("--", "results/failed/best.json", fails=True)
    # Two trials, two attempts each.
    assert said.count("failed.py: the data function failed: KeyError: 0 (line 5: nothing = {}[0])") == 1
    assert said.count("trial.py' returned non-zero exit status 1") == 4
    assert not list((folder.results / "trials").glob("*.json"))
    log = (folder.results / "logs" / "trials" / "0001.log").read_text()
    assert "KeyError: 0\n" in log
    assert "not started again" in log
    # A mistake of an earlier run stops none of the next.
    assert folder.planned()["trial"] == 2
    assert not list(folder.path.glob(".snakemake/snakeras/mistakes/*"))


def test_from_another_folder_with_another_configuration(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ndata: {dataset: mnist-5k}\ntracking: {uri: null}\n")
    (tmp_path / "config.yaml").write_text("this: is not ours\n")
    command = [sys.executable, "-m", "snakemake", "-s", ROOT / "Snakefile", "-d", tmp_path, "--cores", "2"]
    options = ["--configfile", tmp_path / "mine.yaml"]
    subprocess.run(
        [*command, *options, "--", "results/mine/data.json"],
        cwd="/",
        capture_output=True,
        env=environment(),
        check=True,
    )
    assert (tmp_path / "resources/prepared/mnist-5k_0.1667_1337/x_train.npy").exists()


@pytest.mark.parametrize(
    ("file", "target"), [("Snakefile", "theirs.txt"), ("configured.smk", "results/theirs/plots/summary.html")]
)
def test_as_a_module_of_another_workflow(tmp_path: Path, file: str, target: str) -> None:
    text = (SCENARIOS / "imported" / file).read_text().replace("@snakefile@", str(ROOT / "Snakefile"))
    (tmp_path / "Snakefile").write_text(text)
    shutil.copy(SCENARIOS / "imported" / "theirs.py", tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    plan = subprocess.run(
        [*command, "--dry-run"], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=True
    )
    name = "theirs" if "theirs/" in target else "mnist"
    assert f"results/{name}/trials/0000.json" in plan.stdout + plan.stderr
    run = subprocess.run(
        [*command, "--", target], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=True
    )
    assert (tmp_path / target).exists()
    if name == "theirs":
        # Each line says whose it is: there may be several searches, and only the main workflow's onsuccess runs.
        assert "\ntheirs: trial 0000 starts, one of 1\n" in run.stderr
        assert "\nBest hyperparameters of theirs (trial 0000): " in run.stderr
        assert f"\nFiles: {Path(target).parents[1] / 'best.json'}, " in run.stderr
