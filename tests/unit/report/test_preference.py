import numpy as np
import pytest
from pictured import search, without_accuracy
from snakeras.model_file import hyperas_compat
from snakeras.report import preference

SPACES = {
    "uniform": [0.0, 1.0],
    "quniform": [3, 10, 2],
    "loguniform": [-9.0, -2.0],
    "qloguniform": [0, 5, 4],
    "normal": [1, 2],
    "qnormal": [10, 4, 2],
    "lognormal": [0, 1],
    "qlognormal": [1, 1, 1],
    "randint": [5],
    "choice": ["'a'", "'b'", "10 ** -3"],
}
OPTIONS = ["a", "b", 0.001]


def one(kind: str, arguments: list, values: list, losses: list) -> dict:
    trials = [
        {
            "trial": number,
            "status": "failed" if loss is None else "completed",
            "loss": loss,
            "hyperparameters": {} if value is ... else {"x": value},
        }
        for number, (value, loss) in enumerate(zip(values, losses, strict=True))
    ]
    return {"space": {"x": {"kind": kind, "arguments": arguments}}, "trials": trials}


@pytest.mark.parametrize("kind", SPACES)
def test_the_ratio_is_that_by_which_tpe_chooses(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hyperas_compat.import_hyperopt()
    from hyperopt import Domain, hp, rand, tpe
    from snakeras.search import hyperopt_trials

    arguments = OPTIONS if kind == "choice" else SPACES[kind]
    space = {"x": hp.choice("x", arguments) if kind == "choice" else getattr(hp, kind)("x", *arguments)}
    domain, trials = Domain(lambda point: 0.0, space), hyperopt_trials.from_records([])
    rng = np.random.default_rng(2)
    losses = [None if number % 7 == 3 else float(rng.normal()) for number in range(60)]
    for number, loss in enumerate(losses):
        (document,) = rand.suggest([number], domain, trials, int(rng.integers(2**31)))
        result = {"status": "fail"} if loss is None else {"status": "ok", "loss": loss}
        trials.insert_trial_docs([document | {"state": hyperopt_trials.DONE, "result": result}])
        trials.refresh()
    chosen = [document["misc"]["vals"]["x"][0] for document in trials.trials]
    asked = []

    def broadcast_best(samples: np.ndarray, below: np.ndarray, above: np.ndarray) -> list:
        asked.append((np.array(samples), below - above))
        return [samples[0]] * len(samples)

    monkeypatch.setitem(tpe.scope._impls, "broadcast_best", broadcast_best)
    tpe.suggest([60], domain, trials, 1, verbose=False)
    (samples, expected), *others = asked
    assert not others
    assert len(set(samples)) > 2

    values = [OPTIONS[int(place)] for place in chosen] if kind == "choice" else list(map(float, chosen))
    found = one(kind, SPACES[kind], values, losses)
    seen = preference.observed(found, "x").values
    ratio = preference.log_ratio(samples, found["space"]["x"], *preference.split(found["trials"], seen))
    if kind == "loguniform":  # which hyperopt scales otherwise: the order is all it needs
        ratio, expected = ratio - ratio.mean(), expected - expected.mean()
    np.testing.assert_allclose(ratio, expected, rtol=1e-6, atol=1e-9)


def test_both_densities_cover_the_distribution() -> None:
    for distribution in ({"kind": "uniform", "arguments": [2, 5]}, {"kind": "loguniform", "arguments": [-9, -2]}):
        values = preference.grid(distribution, [])
        places = np.log(values) if distribution["kind"] == "loguniform" else values
        density = np.exp(preference._log_density(values, distribution, values[[10, 20, 200]]))
        assert np.trapezoid(density, places) == pytest.approx(1, abs=1e-3)


def test_tpe_prefers_where_the_better_trials_are() -> None:
    values = list(np.linspace(0, 1, 21))
    found = preference.of(one("uniform", [0, 1], values, [abs(value - 0.2) for value in values]), "x")
    assert found.values[found.ratio.argmax()] == pytest.approx(0.2, abs=0.05)
    assert found.ratio[found.values > 0.8].max() < 1


def test_a_lower_loss_is_better_whatever_the_objective() -> None:
    found = search(60)
    accurate, lossy = (preference.of(item, "d1").ratio for item in (found, without_accuracy(found)))
    np.testing.assert_array_equal(accurate, lossy)


def test_nothing_is_preferred_where_that_cannot_be_known() -> None:
    values, losses = [0.1, 0.2, 0.3], [1.0, 2.0, 3.0]
    assert preference.of(one("uniform", [0, 1], values, losses), "x") is not None
    assert preference.of(one("uniform", [0, 1], values, [1.0, 2.0, None]), "x") is None
    assert preference.of(one("uniform", [0], values, losses), "x") is None
    assert preference.of(one("mine", [0, 1], values, losses), "x") is None
    assert preference.of(one("choice", ["a()", "b()"], ["a()", "b()", "c object"], losses), "x") is None
    assert preference.of({**one("uniform", [0, 1], values, losses), "space": {"x": None}}, "x") is None


def test_trials_without_the_hyperparameter_are_left_out() -> None:
    found = one("uniform", [0, 1], [..., 0.2, 0.3, 0.4], [None, 2.0, 1.0, 3.0])
    better, rest = preference.split(found["trials"], preference.observed(found, "x").values)
    assert (list(better), list(rest)) == ([0.3], [0.2, 0.4])


@pytest.mark.parametrize(
    ("arguments", "values", "places", "options"),
    [
        (["'adam'", "'sgd'"], ["sgd", "adam"], [1, 0], ["adam", "sgd"]),
        (["10 ** -3", "2 ** 5"], [32, 0.001], [1, 0], ["0.001", "32"]),
        (["1", "True"], [True, 1], [1, 0], ["1", "True"]),
        (["(1, 2)", "None"], [None, "[1, 2]"], [1, 0], ["[1, 2]", "None"]),
        (["SGD", "Adam()"], ["Adam()", "Adam object"], [1, 2], ["SGD", "Adam()", "Adam object"]),
    ],
)
def test_options_are_told_apart(arguments: list, values: list, places: list, options: list) -> None:
    found = preference.observed(one("choice", arguments, values, [0.0] * len(values)), "x")
    assert (list(found.values.values()), found.options) == (places, options)


def test_of_an_unknown_distribution_the_values_tell_what_it_is() -> None:
    unknown = {"space": {"x": None}}
    assert preference.observed(one("", [], [3, 0.5], [0.0, 0.0]) | unknown, "x").options is None
    assert preference.observed(one("", [], ["b", True], [0.0, 0.0]) | unknown, "x").options == ["True", "b"]
    assert preference.observed(one("", [], [...], [None]) | unknown, "x").values == {}
