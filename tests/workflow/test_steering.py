"""Searches that are steered by start points and by the trials of another search."""

import shutil

import pytest
from snakeras.search import trial_records
from workflow_folder import new_folder

pytestmark = pytest.mark.slow
BEST = "results/steered/best.json"


def test_points_and_a_warm_start_give_the_same_on_any_number_of_cores_and_run_again_what_they_decide(tmp_path) -> None:
    two, one = (new_folder(tmp_path / name, "steered") for name in ("two", "one"))
    assert "search.warm_start: found 'results/other', which is no folder here" in two.run(fails=True)
    other = ["name=other", "search={max_evals: 2, points: [], warm_start: []}"]
    two.run("--config", *other, "--", "results/other/best.json")
    shutil.copytree(two.path / "results" / "other", one.path / "results" / "other")
    said = two.run("--", BEST, cores=2)
    assert "warm start: 2 trials of other searches stand before the history" in said
    one.run("--", BEST, cores=1)
    assert one.outcome() == two.outcome()
    for path in sorted(two.results.glob("trials/????.json")):
        assert (one.results / "trials" / path.name).read_bytes() == path.read_bytes()
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
