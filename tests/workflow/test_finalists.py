"""Finalists: the lucky trial loses, and nothing is trained twice."""

import csv
import json
import re

import pytest
from workflow_folder import Folder, new_folder

pytestmark = pytest.mark.slow

BEST = "results/finalists/best.json"


def table(folder: Folder) -> list[dict]:
    with (folder.results / "finalists.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_lucky_trial_loses_to_the_better_mean(tmp_path) -> None:
    two = new_folder(tmp_path / "two", "finalists")
    said = two.run()
    lucky, better = table(two)
    assert (lucky["rank"], lucky["metric"], better["rank"]) == ("1", "loss", "2")
    assert float(lucky["seed_0"]) < float(better["seed_0"])
    assert float(lucky["mean"]) > float(better["mean"])
    best = json.loads((two.results / "best.json").read_text())
    assert best["trial"] == int(better["trial"])
    assert best["loss"] == float(better["seed_0"])  # seed 0 is the trial's own
    assert best["chosen"]["by"] == "the mean loss of 2 trainings from different seeds"
    assert best["chosen"]["values"] == [float(better["seed_0"]), float(better["seed_1"])]
    assert json.loads((two.results / "final" / "metrics.json").read_text())["trial"] == best["trial"]
    assert f"finalist {int(better['trial']):04d}, seed 2 starts" in said
    assert "Chosen among 2 candidates by the mean loss of 2 trainings from different seeds: 0." in said
    assert two.planned() == {}

    # One more seed: a job for each candidate. No other way to train: the final model alone, and not even that.
    more = ["--config", "final={seeds: 3, train_on: train}", "--", BEST]
    assert two.planned(*more)["finalist"] == 2
    # A finalist that is lost is trained again, the others are kept.
    one = two.copy(tmp_path / "one")
    (one.results / "finalists" / f"{int(lucky['trial']):04d}_1.json").unlink()
    said = one.run(*more)
    assert len(re.findall(r"finalist \d+, seed \d starts", said)) == 3
    assert [row["seed_1"] for row in table(one)] == [lucky["seed_1"], better["seed_1"]]
    # Without finalists the best trial is the best again.
    two.run("--config", "final={candidates: 1, seeds: 1}", "--", BEST)
    best = json.loads((two.results / "best.json").read_text())
    assert (best["trial"], "chosen" in best) == (int(lucky["trial"]), False)
