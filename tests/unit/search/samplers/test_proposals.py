"""What every sampler has to keep, whichever library it is of."""

import json
import math
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from snakeras.core.settings import TrialSettings
from snakeras.search.samplers import algorithms, pending

SEARCH = {"seed": 11, "startup_trials": 4}
# One of each library, and those whose answer has another source.
OFFERED = [name for name in algorithms.NAMES if not name.startswith(("nevergrad-", "sherpa-"))]
INSTALLED = [name for name in [*OFFERED, "nevergrad-PSO", "sherpa-Genetic"] if algorithms.complaint(name) is None]
# Of half a second a proposal and more here.
DEAR = {"optuna-gp", "sherpa", "keras-tuner-bayesian", "nevergrad"}


@cache
def domain(algo: str) -> object:
    """All distributions that an algorithm knows, and a nested choice."""
    from hyperopt import hp
    from hyperopt.base import Domain

    space = {
        "optimizer": hp.choice(
            "optimizer",
            [
                {"name": "sgd", "momentum": hp.choice("nested", [0, hp.uniform("momentum", 0, 1)])},
                {"name": "adam", "rate": hp.loguniform("rate", -7, 0)},
            ],
        ),
        "u": hp.uniform("u", -1, 1),
        "qu": hp.quniform("qu", 1, 10, 3),
        "ql": hp.qloguniform("ql", 0, 5, 2),
        "n": hp.normal("n", 5, 2),
        "qn": hp.qnormal("qn", 10, 3, 1),
        "ln": hp.lognormal("ln", 0, 1),
        "qln": hp.qlognormal("qln", 0, 1, 0.5),
        "r": hp.randint("r", 3, 8),
        "ui": hp.uniformint("ui", 1, 9),
        "weighted": hp.pchoice("weighted", [(0.9, "often"), (0.1, "seldom")]),
        "single": hp.choice("single", ["only"]),
    }
    if algo == "atpe":
        space = {key: value for key, value in space.items() if key not in ("qn", "qln", "ui", "weighted")}
    return Domain(lambda point: 0.0, space)


def point(document: dict) -> dict:
    return {label: value[0] for label, value in document["misc"]["vals"].items() if len(value)}


def result(trial: int, values: dict) -> dict:
    """A loss with an optimum, some failures and some pruned trials."""
    loss = (values["u"] - 0.3) ** 2 + values["optimizer"] + 0.1 * abs(values["r"] - 5)
    if trial % 5 == 3:
        return {"status": "fail", "failure": "no memory"}
    pruned = {"pruned": {"epoch": 1, "monitor": "val_loss", "value": loss}} if trial % 5 == 4 else {}
    return {"status": "ok", "loss": loss} | pruned


def searched(
    algo: str, count: int, parallelism: int = 1, documents: tuple = (), startup: str = "random", **options: object
) -> list[dict]:
    """The documents of a search, ``documents`` being its first."""
    from hyperopt.base import JOB_STATE_DONE, trials_from_docs

    search = TrialSettings(algo=algo, parallelism=parallelism, startup=startup, algo_options=options, **SEARCH)
    suggest = algorithms.configured(search)
    found, draws = list(documents), pending.generator(SEARCH["seed"], len(documents))
    for trial in range(len(documents), count):
        seen = trials_from_docs(found[: max(0, trial - parallelism + 1)], validate=False)
        (document,) = suggest([trial], domain(algo), seen, int(draws.integers(pending.PROPOSAL_SEEDS)))
        found.append(document | {"state": JOB_STATE_DONE, "result": result(trial, point(document))})
    return found


def points(documents: list[dict]) -> list[dict]:
    """Points with types of Python's own."""
    return [{label: getattr(x, "item", lambda x=x: x)() for label, x in point(one).items()} for one in documents]


@pytest.mark.parametrize("algo", INSTALLED)
def test_every_proposal_is_a_point_of_the_space(algo: str) -> None:
    from hyperopt import space_eval

    documents = searched(algo, 7 if algo in DEAR else 10)
    for number, document in enumerate(documents):
        found = point(document)
        chosen = {
            "momentum": {"nested": 0} | ({"momentum": 0} if found.get("nested") == 1 else {}),
            "rate": {"rate": 0},
        }
        depending = chosen["rate"] if found["optimizer"] else chosen["momentum"]
        always = {label for label in domain(algo).params if label not in ("nested", "momentum", "rate")}
        assert set(found) == always | set(depending)
        assert -1 <= found["u"] <= 1
        assert found["qu"] in (0, 3, 6, 9)
        assert found["ql"] % 2 == 0
        assert 0 <= found["ql"] <= 148
        assert found.get("qln", 0) % 0.5 == 0
        assert found["r"] in range(3, 8)
        assert found.get("ui", 1) in range(1, 10)
        assert 0 < found.get("rate", 1) <= 1
        assert all(map(math.isfinite, found.values()))
        assert document["tid"] == document["misc"]["tid"] == number
        assert document["misc"]["idxs"]["u"] == [number]
        # hyperopt itself can make the model's arguments of it.
        space_eval(domain(algo).expr, found)
    assert len({str(one) for one in points(documents)}) == len(documents)


@pytest.mark.parametrize("algo", [name for name in INSTALLED if name not in ("tpe", "rand", "anneal", *DEAR)])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_a_trial_depends_on_what_it_may_see_alone(algo: str, parallelism: int) -> None:
    documents = searched(algo, 9, parallelism)
    # A search that went on later, or was killed.
    assert points(searched(algo, 9, parallelism, documents[:6])) == points(documents)
    # The results of the trials in flight.
    last = searched(algo, 8, parallelism, documents[:7])[-1]
    unseen = [one | {"result": {"status": "ok", "loss": -50.0}} for one in documents[8 - parallelism : 7]]
    assert points(searched(algo, 8, parallelism, [*documents[: 8 - parallelism], *unseen])[-1:]) == points([last])


ELSEWHERE = """
import json, sys
sys.path += sys.argv[2:]
from test_proposals import points, searched
print(json.dumps({algo: points(searched(algo, 6, parallelism=2)) for algo in sys.argv[1].split(",")}))
"""


def test_another_process_with_another_hash_seed_and_more_threads_proposes_the_same() -> None:
    quick = [name for name in INSTALLED if name not in DEAR]
    command = [sys.executable, "-c", ELSEWHERE, ",".join(quick), str(Path(__file__).parent), *sys.path]
    environment = os.environ | {"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    here = {algo: points(searched(algo, 6, parallelism=2)) for algo in quick}
    assert json.loads(said.splitlines()[-1]) == here


@pytest.mark.parametrize("algo", ["optuna-tpe", "gp"])
def test_better_than_random_in_the_end(algo: str) -> None:
    def best(documents: list[dict]) -> float:
        return min(one["result"].get("loss", 9) for one in documents)

    assert best(searched(algo, 25)[12:]) < best(searched("rand", 25)[12:])


@pytest.mark.parametrize(("startup", "like"), [("random", "rand"), ("sobol", "qmc")])
@pytest.mark.parametrize("parallelism", [1, 3])
def test_the_start_is_as_set_and_ends_at_its_trial(startup: str, like: str, parallelism: int) -> None:
    start = points(searched(like, 6, parallelism))
    for algo in ("optuna-tpe", "gp"):
        found = points(searched(algo, 6, parallelism, startup=startup))
        assert found[:4] == start[:4]
        assert found[4] != start[4]
    # hyperopt's algorithms have a start of their own, and those that learn nothing have none.
    for algo in ("tpe", "rand", "sklearn-random"):
        assert points(searched(algo, 4, startup=startup)) == points(searched(algo, 4))


@pytest.mark.parametrize("algo", ["optuna-tpe", "gp", "cmaes", "qmc", "sklearn-random"])
def test_trials_of_which_nothing_is_known_do_no_harm(algo: str) -> None:
    if algorithms.complaint(algo):
        pytest.skip("not installed")
    documents = searched(algo, 8)
    nothing = {key: [] for key in domain(algo).params}
    for number in (1, 5):
        misc = documents[number]["misc"] | {"vals": nothing, "idxs": nothing}
        documents[number] |= {"misc": misc, "result": {"status": "fail"}}
    failed = [one | {"result": {"status": "fail"}} for one in documents]
    for history in (documents, failed):
        assert len(point(searched(algo, 9, documents=tuple(history))[-1])) >= 10


def test_trials_in_flight_are_those_that_will_run(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    sampler = algorithms.SAMPLERS["gp"]

    def propose(ask: object) -> dict:
        told.append((ask.trial, [one.trial for one in ask.results], ask.pending))
        return sampler.propose(ask, candidates=16)

    spied = algorithms.replace(sampler, propose=propose, told_of_pending=True)
    monkeypatch.setitem(algorithms.SAMPLERS, "gp", spied)
    documents = searched("gp", 9, parallelism=3)
    last = max(index for index, (trial, *_) in enumerate(told) if trial == 8)
    trial, seen, in_flight = told[last]
    assert seen == list(range(6))
    assert in_flight == [point(one) for one in documents[6:8]]
    # Alone, it has none, and is asked once.
    told.clear()
    searched("gp", 6)
    assert [(trial, flying) for trial, _, flying in told] == [(4, []), (5, [])]


def test_an_error_of_a_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from snakeras.core.errors import UserError

    def propose(ask: object) -> dict:
        raise RuntimeError("no\nroom")

    monkeypatch.setitem(algorithms.SAMPLERS, "qmc", algorithms.Sampler(propose, ()))
    with pytest.raises(UserError, match=r"^search.algo: qmc proposed nothing for trial 4: RuntimeError: no room$"):
        searched("qmc", 5)


def test_options_reach_the_library() -> None:
    assert points(searched("qmc", 3, sequence="halton")) != points(searched("qmc", 3))
    assert points(searched("tpe", 8, gamma=1.0)) != points(searched("tpe", 8))
    assert points(searched("optuna-tpe", 8, multivariate=False)) != points(searched("optuna-tpe", 8))


def test_approximations_are_told() -> None:
    lines = list(algorithms.approximations("cmaes", domain("cmaes").expr))
    assert [line.split(":")[0] for line in lines] == ["search.algo"] * 3
    assert "draws ln, n, qln, qn between the 0.1% and 99.9% quantiles" in lines[0]
    assert "takes the choices of optimizer, single, weighted, nested for ordered numbers" in lines[1]
    assert "takes nested, rate, momentum to be at the middle where" in lines[2]
    (first, second) = algorithms.approximations("optuna-tpe", domain("optuna-tpe").expr)
    assert "the weights of weighted" in second
    assert list(algorithms.approximations("tpe", domain("tpe").expr)) == []
