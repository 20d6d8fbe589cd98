import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakeras.core.errors import UserError
from snakeras.search.samplers.space import TAIL, Space


def spaces() -> dict:
    from hyperopt import hp

    return {
        "uniform": hp.uniform("x", -3, 5),
        "quniform": hp.quniform("x", 1, 10, 3),
        "fine": hp.quniform("x", 0, 1, 0.1),
        "loguniform": hp.loguniform("x", -7, 2),
        "qloguniform": hp.qloguniform("x", -2, 5, 2),
        "normal": hp.normal("x", 5, 2),
        "qnormal": hp.qnormal("x", 5, 2, 0.5),
        "lognormal": hp.lognormal("x", 0, 1),
        "qlognormal": hp.qlognormal("x", 0, 2, 1),
        "randint": hp.randint("x", 7),
        "range": hp.randint("x", 3, 8),
        "uniformint": hp.uniformint("x", 2, 9),
        "choice": hp.choice("x", ["a", "b", "c"]),
        "pchoice": hp.pchoice("x", [(0.2, "a"), (0.7, "b"), (0.1, "c")]),
    }


SPACES = spaces()


def drawn(expression: object, count: int) -> np.ndarray:
    """Values by hyperopt itself."""
    from hyperopt import rand
    from hyperopt.base import Domain, Trials

    domain = Domain(lambda point: 0.0, expression)
    documents = [rand.suggest([0], domain, Trials(), seed)[0] for seed in range(count)]
    return np.array([document["misc"]["vals"]["x"][0] for document in documents])


@pytest.mark.parametrize("name", SPACES)
def test_places_give_hyperopts_distribution(name: str) -> None:
    (one,) = Space(SPACES[name]).hyperparameters
    theirs = np.sort(drawn(SPACES[name], 400))
    ours = one.at((np.arange(4000) + 0.5) / 4000)
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        middle = np.quantile(ours, share)
        # What lies below a quantile of ours, but for the values at it.
        assert (theirs < middle - 1e-9).mean() <= share + 0.08
        assert (theirs <= middle + 1e-9).mean() >= share - 0.08
    if not one.is_normal:
        assert (theirs[0], theirs[-1]) == pytest.approx((ours[0], ours[-1]), rel=0.2, abs=0.2)


@pytest.mark.parametrize("name", SPACES)
@given(place=st.floats(TAIL, 1 - TAIL))
def test_values_survive_the_way_there_and_back(name: str, place: float) -> None:
    (one,) = Space(SPACES[name]).hyperparameters
    value = one.plain(one.at(place))
    near = {"rel": 1e-6, "abs": 1e-9}
    # The edges of a rounded normal distribution lie beyond the tail that is cut off.
    if "qlognormal" not in name or value > 0:
        assert one.at(one.place(value)) == pytest.approx(value, **near)
    assert one.low <= one.native(value) <= one.high
    assert one.value(one.native(value)) == pytest.approx(value, rel=1e-6, abs=1e-9)
    assert type(one.native(value)) is (float if one.kind == "real" else int)


def test_conditions_are_those_of_the_choices() -> None:
    from hyperopt import hp

    inner = hp.choice("inner", [hp.uniform("a", 0, 1), hp.uniform("b", 0, 1)])
    shared = hp.uniform("shared", 0, 1)
    space = Space(_applied({"outer": hp.choice("outer", [[inner, shared], [shared], 3])}))
    assert [one.label for one in space.hyperparameters] == ["outer", "inner", "shared", "a", "b"]
    everything = {"outer": 0, "inner": 1, "shared": 0.5, "a": 0.1, "b": 0.2}
    assert space.only_applying(everything) == {"outer": 0, "inner": 1, "shared": 0.5, "b": 0.2}
    assert space.only_applying(everything | {"outer": 1}) == {"outer": 1, "shared": 0.5}
    assert space.only_applying(everything | {"outer": 2}) == {"outer": 2}
    assert space.filled({"outer": 1, "shared": 0.1}) == {"outer": 1, "inner": 1, "shared": 0.1, "a": 0.5, "b": 0.5}


def _applied(expression: object) -> object:
    from hyperopt.pyll import as_apply

    return as_apply(expression)


def test_what_hyperopt_alone_can_express_is_refused() -> None:
    from hyperopt import hp
    from hyperopt.pyll import scope
    from hyperopt.pyll.base import Apply

    with pytest.raises(UserError, match="a switch that is no choice"):
        Space(scope.switch(scope.int(hp.uniform("x", 0, 2)), 1, 2))
    with pytest.raises(UserError, match="x is of the distribution truncated"):
        Space(scope.hyperopt_param("x", Apply("truncated", [], {})))
