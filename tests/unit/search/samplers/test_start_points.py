import math
from functools import cache
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snakeras.core.settings import TrialSettings
from snakeras.model_file.templates import Name
from snakeras.search.samplers import algorithms, pending
from snakeras.search.samplers.named import NamedSpace, Outside

LABELS = {"l0": "optimizer", "l1": "u", "l2": "qu", "l3": "rate", "l4": None, "l5": "kind", "l6": "weighted"}
OFFERED = ("tpe", "rand", "anneal", "optuna-tpe", "gp", "qmc", "cmaes", "nevergrad", "nevergrad-EDA", "talos")
INSTALLED = [name for name in OFFERED if algorithms.complaint(name) is None]


@cache
def space() -> dict:
    from hyperopt import hp

    return {
        "l0": hp.choice("l0", ["sgd", {"decay": hp.uniform("decay", 0, 1)}, hp.normal("free", 5, 1)]),
        "l1": hp.uniform("l1", -1, 1),
        "l2": hp.quniform("l2", 1, 20, 3),
        "l3": hp.loguniform("l3", math.log(1e-4), 0),
        "l4": hp.uniform("l4", 0, 1),  # in a comment
        "l5": hp.choice("l5", [16, 32.0, "64", None, True, [1, 2], print]),
        "l6": hp.pchoice("l6", [(0.5, "a"), (0.5, hp.pchoice("p", [(0.3, 1), (0.7, hp.quniform("pq", 0, 10, 5))]))]),
    }


@cache
def named() -> NamedSpace:
    names = [Name(label, shown, None) for label, shown in LABELS.items()]
    texts = {"l5": ["16", "32.0", "'64'", "None", "True", "[1, 2]", "print"]}
    return NamedSpace(SimpleNamespace(names=names, choices=texts), space())


def searched(algo: str, points: list[dict], count: int, parallelism: int, documents: tuple = ()) -> list[dict]:
    """hyperopt's documents of a search, ``documents`` being its first."""
    from hyperopt.base import JOB_STATE_DONE, Domain, trials_from_docs

    domain = Domain(lambda point: 0.0, space())
    values = {number: named().read(point)[0] for number, point in enumerate(points)}
    search = TrialSettings(algo=algo, parallelism=parallelism, seed=5, startup_trials=3)
    suggest, found = algorithms.configured(search, named(), values), list(documents)
    draws = pending.generator(5, len(documents))
    for trial in range(len(documents), count):
        seen = trials_from_docs(found[: max(0, trial - parallelism + 1)], validate=False)
        (document,) = suggest([trial], domain, seen, int(draws.integers(pending.PROPOSAL_SEEDS)))
        result = {"status": "ok", "loss": float(document["misc"]["vals"]["l1"][0]) ** 2}
        found.append(document | {"state": JOB_STATE_DONE, "result": result})
    return found


def drawn(documents: list[dict]) -> list[dict]:
    vals = [document["misc"]["vals"] for document in documents]
    return [{label: value[0] for label, value in one.items() if len(value)} for one in vals]


def test_what_a_point_leaves_out_is_drawn_as_ever() -> None:
    plain, (given,) = drawn(searched("tpe", [], 4, 1)), drawn(searched("tpe", [{"u": 0.5, "qu": "9"}], 1, 1))
    assert given == plain[0] | {"l1": 0.5, "l2": 9.0}
    # Those after it learn from it.
    learned, plain = drawn(searched("tpe", [{"u": 0.0}], 8, 1)), drawn(searched("tpe", [], 8, 1))
    assert learned[1:3] == plain[1:3]
    assert learned[3:] != plain[3:]


def test_a_branch_that_was_not_drawn_is_drawn_again_and_again_alike() -> None:
    branches = {"sgd": set(), 4.2: {"free"}}
    for value, inner in branches.items():
        points = [{"optimizer": value}, {"optimizer": value}, {"decay": 0.25}]
        found = drawn(searched("rand", points, 3, 1))
        assert [set(one) & {"free", "decay"} for one in found] == [inner, inner, {"decay"}]
        assert found[2]["l0"] == 1
        assert found == drawn(searched("rand", points, 3, 1))
    # The branch alone, by its text: what is inside is drawn, each time from the trial's own seed.
    values = named().read({"optimizer": 4.2})[0] | {"free": None}
    values.pop("free")
    other = next(one for one in drawn(searched("rand", [], 9, 1)) if one["l0"] != 2)
    first, second = (named().completed(values, other, seed) for seed in (1, 2))
    assert first["free"] != second["free"]
    assert first == named().completed(values, other, 1)
    assert {**other, **first, "l0": 2} == first | {label: other[label] for label in other if label == "decay"}


POINTS = st.fixed_dictionaries(
    {},
    optional={
        "u": st.floats(-1, 1),
        "qu": st.sampled_from([0, 3, 6, 9, 12, 15, 18, 21]),
        "rate": st.floats(1e-4, 1),
        "kind": st.sampled_from([16, 32.0, "64", None, True, [1, 2], "print"]),
        "optimizer": st.sampled_from(["sgd", {"decay": 0.5}, 3.5]),
        "weighted": st.sampled_from(["a", 1, 10]),
    },
)


@pytest.mark.parametrize("algo", INSTALLED)
@given(points=st.lists(POINTS, max_size=3), parallelism=st.sampled_from([1, 3]))
@settings(max_examples=8)
def test_a_proposal_depends_on_what_its_trial_may_see_alone(algo: str, points: list[dict], parallelism: int) -> None:
    documents = searched(algo, points, 7, parallelism)
    for values, point in zip(drawn(documents), points, strict=False):
        assert values.items() >= named().read(point)[0].items()
        assert set(named().completed(values, {}, 0)) == set(values) - {"l4"} | {"l4"}
    # A search that went on later, and one in which the trials in flight had other points and results.
    assert drawn(searched(algo, points, 7, parallelism, tuple(documents[:4]))) == drawn(documents)
    first = max(0, 6 - parallelism + 1)
    unseen = [one | {"result": {"status": "ok", "loss": -9.0}} for one in documents[first:6]]
    other = points[:first] + [{"u": 1.0}] * len(points[first:6])
    assert drawn(searched(algo, other, 7, parallelism, (*documents[:first], *unseen)))[6:] == drawn(documents)[6:]
    # One more point changes its own trial and those that see it.
    longer = drawn(searched(algo, [*points, {"u": 0.125}], 7, parallelism))
    same = len(points) + parallelism
    assert [one for n, one in enumerate(longer[:same]) if n != len(points)] == [
        one for n, one in enumerate(drawn(documents)[:same]) if n != len(points)
    ]


def test_points_of_trials_in_flight_are_told_where_these_are(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {}
    sampler = algorithms.SAMPLERS["gp"]

    def propose(ask: object) -> dict:
        told[ask.trial] = ask.pending
        return sampler.propose(ask, candidates=16)

    monkeypatch.setitem(algorithms.SAMPLERS, "gp", algorithms.replace(sampler, propose=propose, told_of_pending=True))
    searched("gp", [{}, {}, {}, {}, {}, {"u": 0.125}], 7, 3)
    assert [one["l1"] for one in told[6]][1:] == [0.125]
    assert len(told[6]) == 2


@given(POINTS)
def test_a_point_as_it_is_shown_means_the_same(point: dict) -> None:
    values, shown = named().read(point)
    assert named().read(shown) == (values, shown)
    # As --config hands it over; a text that is an option as it stands stays one.
    texts = {name: str(value) for name, value in point.items() if not isinstance(value, list | dict)}
    assert named().read(texts)[0].items() <= values.items()


@pytest.mark.parametrize(
    ("point", "values"),
    [
        ({"kind": 16.0}, {"l5": 0}),
        ({"kind": 32}, {"l5": 1}),
        ({"kind": True}, {"l5": 4}),
        ({"kind": ["1", 2]}, {"l5": 5}),
        ({"kind": "print"}, {"l5": 6}),
        ({"optimizer": {"decay": "0.5"}}, {"l0": 1, "decay": 0.5}),
        ({"free": -20}, {"l0": 2, "free": -20.0}),
        # Of the number inside, which is shown, the point of a best.json says where it is from.
        ({"optimizer": 0.5, "free": 0.5}, {"l0": 2, "free": 0.5}),
        ({"weighted": 5}, {"l6": 1, "p": 1, "pq": 5.0}),
        ({"p": 1}, {"l6": 1, "p": 0}),
        ({"pq": 10}, {"l6": 1, "p": 1, "pq": 10.0}),
        ({"rate": 1e-4}, {"l3": 1e-4}),
        ({"qu": 8.999999999999998}, {"l2": 9.0}),
    ],
)
def test_values_are_those_that_people_see(point: dict, values: dict) -> None:
    assert named().read(point)[0] == values


@pytest.mark.parametrize(
    ("point", "line"),
    [
        ({"uu": 1}, "uu: unknown hyperparameter, did you mean u?"),
        (
            {"l1": 0.5},
            "l1: unknown hyperparameter, expected one of optimizer, decay, free, u, qu, rate, kind, weighted, p, pq",
        ),
        ({"u": 1.5}, "u: found 1.5, expected a number from -1 to 1; the nearest is 1"),
        ({"u": True}, "u: found True, expected a number from -1 to 1"),
        ({"u": "high"}, "u: found 'high', expected a number from -1 to 1"),
        ({"u": math.inf}, "u: found inf, expected a number from -1 to 1"),
        ({"qu": 8}, "qu: found 8, expected a multiple of 3 from 0 to 21; the nearest is 9"),
        ({"qu": "100"}, "qu: found '100', expected a multiple of 3 from 0 to 21; the nearest is 21"),
        ({"rate": 0}, "rate: found 0, expected a number from 0.0001 to 1; the nearest is 0.0001"),
        ({"kind": 64}, "kind: found 64, expected one of 16, 32.0, '64', None, True, [1, 2], print"),
        ({"u": [0.5]}, "u: found [0.5], expected a number from -1 to 1"),
        ({"u": {"a": 1}}, "u: found {'a': 1}, expected a number from -1 to 1"),
        ({"weighted": "a", "pq": 5}, "weighted: found 'a', which contradicts what the point has for pq"),
        ({"kind": 1}, "kind: found 1, expected one of 16, 32.0"),
        ({"decay": 0.5, "free": 3}, "free: applies only where optimizer is option 2, expected it left out"),
        ({"optimizer": "sgd", "decay": 0.5}, "optimizer: found 'sgd', which contradicts what the point has for decay"),
    ],
)
def test_what_the_space_does_not_have_is_one_line(point: dict, line: str) -> None:
    with pytest.raises(Outside) as raised:
        named().read(point)
    assert str(raised.value).startswith(line)


@pytest.mark.parametrize(
    ("name", "arguments", "good", "bad", "near"),
    [
        ("qloguniform", (0, 5, 2), [0, 2, 148], [3, 150, -2], "a multiple of 2 from 0 to 148; the nearest is 4"),
        ("normal", (0, 1), [-99, 0.5], ["x"], "a number"),
        ("qnormal", (0, 1, 0.5), [-1.5, 40], [0.4], "a multiple of 0.5; the nearest is 0.5"),
        ("lognormal", (0, 1), [1e-9, 7], [0, -1], "a number above 0"),
        ("qlognormal", (0, 1, 0.5), [0, 2.5], [-0.5, 0.4], "a multiple of 0.5 at least 0; the nearest is 0"),
        ("randint", (4,), [0, 3.0], [4, 1.5], "a whole number from 0 to 3; the nearest is 3"),
        ("randint", (3, 8), [3, 7], [8, 2], "a whole number from 3 to 7; the nearest is 7"),
        ("uniformint", (1, 9), [1, 9], [0, 10, 2.5], "a whole number from 1 to 9; the nearest is 1"),
        ("quniform", (0, 1, 0.1), [0.3, 0.1 + 0.2, 1], [0.25], "a multiple of 0.1 from 0 to 1; the nearest is 0.2"),
    ],
)
def test_every_distribution_knows_its_values(name: str, arguments: tuple, good: list, bad: list, near: str) -> None:
    import hyperopt

    node = getattr(hyperopt.hp, name)("x", *arguments)
    script = SimpleNamespace(names=[Name("x", "x", None)], choices={})
    space = NamedSpace(script, {"x": node})
    for value in good:
        assert space.read({"x": value})[0] == {"x": pytest.approx(value)}
    for value in bad:
        with pytest.raises(Outside, match="^x: found "):
            space.read({"x": value})
    with pytest.raises(Outside) as raised:
        space.read({"x": bad[0]})
    assert str(raised.value) == f"x: found {bad[0]!r}, expected {near}"
