"""Other ways to use the workflow: mistakes, own data, another folder, as a module, without a tracker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_folder import ROOT, SCENARIOS, environment, new_folder

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


def test_a_script_with_its_own_data(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "own", "own_data")
    folder.run()
    metrics = json.loads((folder.results / "final" / "metrics.json").read_text())
    assert metrics["test_data_seen_by_search"] is True
    assert metrics["test_samples"] == 60
    assert sum(map(sum, metrics["confusion_matrix"])) == 60
    assert metrics["test_accuracy"] > 0.6
    best = json.loads((folder.results / "best.json").read_text())
    assert list(best["hyperparameters"]) == ["rate"]
    assert best["provenance"]["data_sha256"] is None
    # No tracker, no prepared arrays.
    assert not (folder.path / "mlflow.db").exists()
    assert not (folder.path / "resources").exists()
    assert folder.planned() == folder.planned("--config", f"data={{keras_home: {tmp_path}}}") == {}
    # A module beside the script is part of it.
    (folder.path / "shapes.py").write_text("classes = 4\n")
    assert folder.planned()["trial"] == 3


def test_a_script_without_keras(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "forest", "forest")
    target = f"results/{folder.name}/final/metrics.json"
    folder.run("--", target)
    final = folder.results / "final"
    assert json.loads((final / "metrics.json").read_text())["model"] == "model.joblib"
    assert sorted(path.name for path in final.glob("model*")) == ["model.joblib"]
    assert (folder.results / "trials" / "0001" / "model.joblib").exists()
    runs = [json.loads(path.read_text()) for path in folder.results.glob("trials/*.run.json")]
    # TensorFlow alone takes more.
    assert all(run["peak_memory_mb"] < 400 for run in runs)
    assert folder.planned("--", target) == {}
    (final / "model.joblib").unlink()
    assert folder.planned("--", target) == {"retrain": 1}


def test_when_all_trials_fail_best_says_why(all_failed) -> None:
    assert "best: all 2 trials failed, 2 of them so: ValueError: kernel larger than its input" in all_failed.output
    assert (all_failed.results / "trials" / "0001.json").exists()
    assert not (all_failed.results / "best.json").exists()


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
    ("file", "target"), [("Snakefile", "theirs.txt"), ("configured.smk", "results/theirs/best.json")]
)
def test_as_a_module_of_another_workflow(tmp_path: Path, file: str, target: str) -> None:
    text = (SCENARIOS / "imported" / file).read_text().replace("@snakefile@", str(ROOT / "Snakefile"))
    (tmp_path / "Snakefile").write_text(text)
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]
    plan = subprocess.run(
        [*command, "--dry-run"], cwd=tmp_path, capture_output=True, text=True, env=environment(), check=True
    )
    name = "theirs" if "theirs/" in target else "mnist"
    assert f"results/{name}/trials/0000.json" in plan.stdout + plan.stderr
    subprocess.run([*command, "--", target], cwd=tmp_path, capture_output=True, env=environment(), check=True)
    assert (tmp_path / target).exists()
