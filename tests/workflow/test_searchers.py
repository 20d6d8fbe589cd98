"""Every search algorithm through Snakemake: the same on one core and two, after a kill, and with more trials."""

import json
from pathlib import Path

import pytest
from snakeras.search.samplers import algorithms
from workflow_folder import Folder, new_folder

# By hand, make test-searchers: half an hour. The main job's tests run the default.
pytestmark = [pytest.mark.slow, pytest.mark.searchers]

# One of each library, and those whose answer has another source.
NAMES = [name for name in algorithms.NAMES if not name.startswith(("nevergrad-", "sherpa-"))]
ALGORITHMS = [*NAMES, "nevergrad-PSO", "sherpa-Genetic"]
RESULTS = "results/searchers/"


def contents(folder: Folder, count: int) -> list[bytes]:
    return [(folder.results / "trials" / f"{number:04d}.json").read_bytes() for number in range(count)]


def search_of(algo: str, path: Path) -> Folder:
    folder = new_folder(path, "searchers")
    if algo == "atpe":
        model = folder.path / "searchers.py"
        text = model.read_text().replace('pchoice([(0.9, "often"), (0.1, "seldom")])', 'choice(["often", "seldom"])')
        text = text.replace("qnormal(10, 3, 1)", "normal(10, 3)").replace("qlognormal(0, 1, 0.5)", "lognormal(0, 1)")
        model.write_text(text.replace("uniformint(1, 9)", "randint(1, 9)"))
    return folder


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_every_algorithm_searches_the_same_way_every_time(algo: str, tmp_path: Path) -> None:
    if complaint := algorithms.complaint(algo):
        pytest.skip(complaint)
    chosen = ["--config", f"search={{algo: {algo}}}"]
    one = search_of(algo, tmp_path / "one")
    one.run(*chosen, "--", f"{RESULTS}best.json", cores=1)

    killed = search_of(algo, tmp_path / "two")
    killed.kill("trials/0005.json", *chosen, "--", f"{RESULTS}best.json")
    assert not (killed.results / "best.json").exists()
    killed.run(*chosen, "--", f"{RESULTS}best.json")
    assert killed.outcome() == one.outcome()
    assert contents(killed, 12) == contents(one, 12)

    more = ["--config", f"search={{algo: {algo}, max_evals: 16}}", "--", f"{RESULTS}best.json"]
    assert killed.planned(*more)["trial"] == 4
    first = contents(killed, 12)
    killed.run(*more)
    assert contents(killed, 12) == first
    statuses = [json.loads(record)["status"] for record in contents(killed, 16)]
    assert statuses.count("completed") > 8
    packages = json.loads((killed.results / "best.json").read_text())["provenance"]["packages"]
    assert set(algorithms.versions(algo)) <= set(packages)
