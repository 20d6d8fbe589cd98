"""Searches that are steered: by start points, the trials of another search, a stop rule, finalists."""

from pathlib import Path

import pytest
from snakeras.search import trial_records
from workflow_folder import Folder, new_folder

pytestmark = pytest.mark.slow
BEST = "results/steered/best.json"


def new_steered(path: Path) -> Folder:
    """A folder in which the search to start from is finished."""
    folder = new_folder(path, "steered")
    other = ["name=other", "search={max_evals: 2, points: [], warm_start: []}"]
    folder.run("--config", *other, "--", "results/other/best.json")
    return folder


def trials(folder: Folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.results.glob("trials/????.json"))}


# The other one by make test-searchers: it takes as long.
@pytest.mark.parametrize("parallelism", [4, pytest.param(1, marks=pytest.mark.searchers)])
def test_all_of_it_gives_the_same_on_any_number_of_cores_and_after_a_kill(tmp_path: Path, parallelism: int) -> None:
    killed = new_steered(tmp_path / "killed")
    one = killed.copy(tmp_path / "one")
    search, final = f"parallelism: {parallelism}, stop: {{target: 7}}", "final={candidates: 2, seeds: 2}"
    settings = ["--config", f"search={{{search}, max_evals: 8}}", final, "--", BEST]
    said = one.run(*settings, cores=1)
    assert "Chosen among" not in said  # no final model was asked for
    statuses = [trial_records.read(path)["status"] for path in sorted(one.results.glob("trials/????.json"))]
    assert set(statuses) == {"completed", "skipped"}

    killed.kill("trials/0001.json", *settings)
    killed.run(*settings, cores=2)
    assert trials(killed) == trials(one)
    assert killed.outcome() == one.outcome()
    assert (killed.results / "finalists.csv").read_bytes() == (one.results / "finalists.csv").read_bytes()
    # More trials, and no stop rule: what is finished stays, what was skipped runs.
    more = ["--config", f"search={{parallelism: {parallelism}, max_evals: 9}}", final, "--", BEST]
    assert killed.planned(*more)["trial"] == 1 + statuses.count("skipped")


def test_points_and_a_warm_start_run_again_what_they_decide(tmp_path: Path) -> None:
    assert "search.warm_start: found 'results/other', which is no folder here" in new_folder(
        tmp_path / "none", "steered"
    ).run(fails=True)
    two = new_steered(tmp_path / "two")
    said = two.run("--", BEST)
    assert "warm start: 2 trials of other searches stand before the history" in said
    first = trial_records.read(two.results / "trials" / "0000.json")
    assert first["determined_by"]["point"] == {"n": 7.0}
    assert first["hyperparameters"]["n"] == 7

    def planned(search: str) -> dict[str, int]:
        return two.planned("--config", f"search={search}", "--", BEST)

    assert planned("{points: [{n: '7.0'}]}") == {}
    assert planned("{max_evals: 4}") == {"trial": 1, "best": 1}
    # Trial 1, and none that looks back on it.
    assert planned("{points: [{n: 7}, {kind: a}]}") == {"trial": 1, "best": 1}
    assert planned("{points: [{n: 7}, results/other/best.json]}") == {"trial": 1, "best": 1}
    assert planned("{points: [{n: 8}]}") == {"trial": 2, "best": 1}
    assert planned("{points: []}") == {"trial": 2, "best": 1}
    assert planned("{warm_start: []}") == {"trial": 3, "best": 1}
    assert planned("{warm_start_defaults: {n: 3}}") == {"trial": 3, "best": 1}
    # Times and what is no result do not count.
    for path in (two.path / "results" / "other" / "trials").iterdir():
        path.touch()
    assert two.planned("--", BEST) == {}
    (two.path / "results" / "other" / "trials" / "0001.json").unlink()
    assert two.planned("--", BEST) == {"trial": 3, "best": 1}
