import json
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snakeras.core.settings import TrialSettings
from snakeras.model_file.templates import Name
from snakeras.search import hyperopt_trials, trial_records, warm_start
from snakeras.search.samplers import algorithms, pending
from snakeras.search.samplers.named import NamedSpace

OFFERED = ("tpe", "rand", "anneal", "optuna-tpe", "gp", "qmc", "cmaes", "nevergrad", "nevergrad-EDA", "talos", "atpe")
INSTALLED = [name for name in OFFERED if algorithms.complaint(name) is None]
LEARNS = ("tpe", "optuna-tpe", "gp")


@cache
def space() -> dict:
    from hyperopt import hp

    return {
        "u": hp.uniform("u", -1, 1),
        "k": hp.quniform("k", 0, 10, 2),
        "act": hp.choice("act", ["relu", "elu", {"slope": hp.uniform("slope", 0, 1)}]),
        "hidden": hp.uniform("hidden", 0, 1),
    }


@cache
def named() -> NamedSpace:
    names = [Name(label, None if label == "hidden" else label, None) for label in space()]
    return NamedSpace(SimpleNamespace(names=names, choices={}), space())


def trial(loss: float = 0.5, point: dict | None = None, **changes: object) -> dict:
    hyperparameters = {"u": 0.25, "k": 4.0, "act": "elu"} | changes
    values = {name: value for name, value in hyperparameters.items() if value is not None}
    return {"hyperparameters": values, "point": point or {}, "loss": loss, "pruned": None}


def used(*trials: dict, **defaults: object) -> tuple[list[dict], dict]:
    found, reasons = warm_start.usable(list(trials), defaults, named())
    return [values for values, _ in found], reasons


def test_a_trial_is_used_where_the_space_has_all_of_it() -> None:
    assert used(trial(), trial(k=6)) == (
        [{"u": 0.25, "k": 4.0, "act": 1}, {"u": 0.25, "k": 6.0, "act": 1}],
        {},
    )
    wrong = [trial(u=2.0), trial(k=3.0), trial(act="tanh"), trial(u=None), trial(rate=1), trial(u=-3), trial(u="x")]
    assert used(*wrong) == (
        [],
        {
            "with u outside of this search's space": 3,
            "with k outside of this search's space": 1,
            "with act outside of this search's space": 1,
            "without u": 1,
            "with rate, which this search lacks": 1,
        },
    )


def test_what_is_inside_a_choice_has_to_be_known_too() -> None:
    inner = {"slope": 0.5}
    assert used(trial(act=inner)) == ([{"u": 0.25, "k": 4.0, "act": 2, "slope": 0.5}], {})
    # As a trial shows it whose file has the choice as a text.
    assert used(trial(act=None, point={"slope": 0.5}))[0] == [{"u": 0.25, "k": 4.0, "act": 2, "slope": 0.5}]
    assert used(trial(point={"slope": 0.5}))[0] == []
    assert used(trial(point={"bend": 0.5}))[1] == {"with bend, which this search lacks": 1}


def test_defaults_stand_for_what_is_new_and_for_nothing_else() -> None:
    assert used(trial(k=None), trial(k=8), k=2)[0] == [
        {"u": 0.25, "k": 2.0, "act": 1},
        {"u": 0.25, "k": 8.0, "act": 1},
    ]
    assert used(trial(act=None), act={"slope": 0.1})[0] == [{"u": 0.25, "k": 4.0, "act": 2, "slope": 0.1}]
    assert used(trial(k=None), u=0.0) == ([], {"without k": 1})


def record(number: int, status: str = "completed", loss: float | None = 0.5, **changes: object) -> dict:
    curve = {"val_accuracy": [0.25, 0.75]}
    pruned = {"epoch": 2, "monitor": "val_accuracy", "value": 0.75} if status == "pruned" else None
    return {
        "format": trial_records.FORMAT,
        "trial": number,
        "status": status,
        "loss": loss,
        "pruned": pruned,
        "fits": [{"metrics": curve}],
        "hyperparameters": {"u": number / 10, "k": 4.0, "act": "elu"},
        "hyperopt": {"misc": {"vals": {"u": [number / 10], "k": [4.0], "act": [1], "hidden": [0.5]}}},
        "names": {"hidden": None},
        "determined_by": {"search": {}},
    } | changes


def write(folder: Path, *records: dict) -> list[Path]:
    (folder / "trials").mkdir(parents=True)
    for one in records:
        path = folder / "trials" / f"{one['trial']:04d}.json"
        path.write_text(json.dumps(trial_records.sealed(one)))
        path.with_suffix(".run.json").write_text("{}")
    return warm_start.trial_files(folder)


def test_completed_and_pruned_trials_count_and_altered_ones_do_not(tmp_path: Path) -> None:
    paths = write(
        tmp_path / "a",
        record(0),
        record(1, "failed", None),
        record(2, "pruned", -0.75),
        record(3, "skipped", None),
        record(4),
        record(5, loss=0.7),
    )
    paths[4].write_text(paths[4].read_text().replace('"trial": 4', '"trial": 9'))
    found = warm_start.read(paths)
    assert [path.stem for path in found] == ["0000", "0002", "0005"]
    # The pruned trial's accuracy cannot be compared with the losses of completed ones: it comes after these.
    losses = [one["loss"] for one in found.values()]
    assert losses[0::2] == [0.5, 0.7]
    assert losses[1] > 0.7
    assert next(iter(found.values()))["point"] == {"u": 0.0, "k": 4.0, "act": 1}


def test_the_digest_is_of_points_and_losses(tmp_path: Path) -> None:
    def digest(folder: str, *records: dict, defaults: dict | None = None) -> str | None:
        trials = warm_start.read(write(tmp_path / folder, *records)).values()
        return warm_start.digest(list(trials), defaults or {})

    same = digest("a", record(0), record(1))
    assert same == digest("b", record(0, seed=5), record(1), record(2, "failed", None))
    others = [
        digest("d", record(0, loss=0.6), record(1)),
        digest("e", record(0), record(1), record(2)),
        digest("f", record(0), record(1), defaults={"k": 2}),
    ]
    assert len({same, *others}) == 4
    assert same == digest("c", record(1), record(0))
    assert digest("g", record(0, "failed", None)) is None


def test_how_many_are_used_is_said_in_a_line() -> None:
    assert warm_start.told(1, {}) == "warm start: 1 trial of other searches stands before the history"
    assert warm_start.told(8, {"without k": 2, "with u outside": 1}) == (
        "warm start: 8 trials of other searches stand before the history; 3 not used (1 with u outside, 2 without k)"
    )


def before(count: int) -> list[dict]:
    """Documents of another search, as many as ``count``."""
    trials = [trial(loss=(number / 10) ** 2, u=number / 10, k=2.0 * (number % 6)) for number in range(-count, 0)]
    if count > 1:
        trials[1] |= {"pruned": {"epoch": 1, "monitor": "val_loss", "value": 0.3}}
    return warm_start.documents(warm_start.usable(trials, {}, named())[0])


def searched(algo: str, warm: list[dict], count: int, parallelism: int, documents: tuple = (), **more: object) -> list:
    from hyperopt.base import Domain

    domain, found = Domain(lambda point: 0.0, space()), list(documents)
    search = TrialSettings(algo=algo, parallelism=parallelism, **{"seed": 5, "startup_trials": 6} | more)
    points = {1: named().read({"u": 0.5, "act": {"slope": 0.5}})[0]}
    suggest, draws = algorithms.configured(search, named(), points, len(warm)), pending.generator(5, len(documents))
    for number in range(len(documents), count):
        records = [{"hyperopt": trial_records.encode(one)} for one in found[: max(0, number - parallelism + 1)]]
        seen = hyperopt_trials.from_records(records, domain.params, warm)
        (document,) = suggest([number], domain, seen, int(draws.integers(pending.PROPOSAL_SEEDS)))
        result = {"status": "ok", "loss": float(document["misc"]["vals"]["u"][0]) ** 2}
        found.append(document | {"state": hyperopt_trials.DONE, "result": result})
    return found


def points(documents: list[dict]) -> list[dict]:
    vals = [document["misc"]["vals"] for document in documents]
    return [{label: float(value[0]) for label, value in one.items() if len(value)} for one in vals]


@pytest.mark.parametrize("algo", INSTALLED)
@given(warm=st.integers(1, 8), parallelism=st.sampled_from([1, 4]))
@settings(max_examples=6)
def test_a_proposal_depends_on_what_it_may_see_and_the_warm_start_alone(algo: str, warm: int, parallelism: int) -> None:
    documents = searched(algo, before(warm), 8, parallelism)
    for one in documents:
        assert one["tid"] == one["misc"]["tid"] >= 0
        assert -1 <= one["misc"]["vals"]["u"][0] <= 1
    assert points(documents)[1]["u"] == 0.5
    assert points(searched(algo, before(warm), 8, parallelism, tuple(documents[:5]))) == points(documents)
    first = max(0, 8 - parallelism)
    unseen = [one | {"result": {"status": "fail"}} for one in documents[first:7]]
    last = searched(algo, before(warm), 8, parallelism, (*documents[:first], *unseen))[-1]
    assert points([last]) == points(documents)[7:]


@pytest.mark.parametrize(
    ("algo", "startup", "like"),
    [
        ("tpe", "random", "rand"),
        ("optuna-tpe", "random", "rand"),
        ("gp", "random", "rand"),
        ("optuna-tpe", "sobol", "qmc"),
    ],
)
@pytest.mark.parametrize("parallelism", [1, 3])
@pytest.mark.parametrize("warm", [1, 4, 6, 9])
def test_the_start_is_shorter_by_as_many_trials(
    algo: str, startup: str, like: str, parallelism: int, warm: int
) -> None:
    start = points(searched(like, [], 8, parallelism))
    found = points(searched(algo, before(warm), 8, parallelism, startup=startup))
    is_start = [one == other for number, (one, other) in enumerate(zip(found, start, strict=True)) if number != 1]
    assert is_start == [number < 6 - warm for number in range(8) if number != 1]


def test_other_losses_lead_elsewhere() -> None:
    other = [one | {"result": {"status": "ok", "loss": number}} for number, one in enumerate(before(6))]
    for algo in LEARNS:
        assert points(searched(algo, other, 4, 1)) != points(searched(algo, before(6), 4, 1))


def test_trials_in_flight_are_told_beside_those_of_other_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    sampler = algorithms.SAMPLERS["gp"]

    def propose(ask: object) -> dict:
        told.append((ask.trial, [one.trial for one in ask.results], len(ask.pending), [one.trial for one in ask.own]))
        return sampler.propose(ask, candidates=16)

    monkeypatch.setitem(algorithms.SAMPLERS, "gp", algorithms.replace(sampler, propose=propose, told_of_pending=True))
    documents = searched("gp", before(2), 7, 3)
    trial, results, in_flight, own = told[-1]
    assert (trial, results, in_flight, own) == (6, [-2, -1, 0, 1, 2, 3], 2, [0, 1, 2, 3])
    assert points(searched("gp", before(2), 7, 3, tuple(documents[:6]))) == points(documents)
