import numpy as np
import pandas as pd
import pytest
from snakeras.final import held_out
from snakeras.search.fit_hook import Fit, Fits, Use

RNG = np.random.default_rng(1)
X, Y, XT, YT, XV, YV = (RNG.random(shape) for shape in ((9, 3), (9, 2), (4, 3), (4, 2), (5, 3), (5, 2)))
FOUR = {"x_train": X, "y_train": Y, "x_test": XT, "y_test": YT}
SKLEARN = {"x_train": X, "x_test": XT, "y_train": Y, "y_test": YT}
FREE = {"a": X, "b": XT, "c": Y, "d": YT}
SIX = {"x_train": X, "y_train": Y, "x_val": XV, "y_val": YV, "x_test": XT, "y_test": YT}
ORDERS = [FOUR, SKLEARN, FREE, {"d": YT, "c": Y, "b": XT, "a": X}]


def found(given: dict, *uses: tuple, **fit: object) -> tuple:
    fits = Fits(calls=[Fit(1, 1)], uses=[Use(None, *use) for use in uses], **{"x": X, "y": Y} | fit)
    result = held_out.find(given, fits)
    return result.x, result.y, result.seen


def is_all(result: tuple, x: object, y: object, seen: bool) -> bool:
    return result[0] is x and result[1] is y and result[2] == seen


@pytest.mark.parametrize("given", [*ORDERS, SIX])
def test_what_no_model_saw_is_an_unseen_test(given: dict) -> None:
    assert is_all(found(given), XT, YT, False)
    # On its training data, also a part of them, and changed in type alone.
    assert is_all(found(given, (X, Y), (X[2:5], None)), XT, YT, False)
    assert is_all(found(given, x=X.astype("float32"), y=Y.astype("float32")), XT, YT, False)


@pytest.mark.parametrize("given", ORDERS)
def test_what_the_fit_validated_on_was_seen(given: dict) -> None:
    assert is_all(found(given, (XT, YT), validation_data=(XT, YT)), XT, YT, True)
    other = XT * 2
    assert is_all(found(given, (other, YT), x=X * 2, validation_data=[other, YT, None]), other, YT, True)


@pytest.mark.parametrize("given", ORDERS)
def test_what_a_model_was_evaluated_on_was_seen(given: dict) -> None:
    assert is_all(found(given, (XT, YT), (X, Y)), XT, YT, True)
    scaled, trained = XT / 3, X / 3
    assert is_all(found(given, (scaled, YT), (trained, Y), x=trained), scaled, YT, True)
    # A part of them, too.
    assert found(given, (XT[:2], YT[:2]))[2] is True
    assert is_all(found({}, (XT, YT)), XT, YT, True)


@pytest.mark.parametrize("given", ORDERS)
def test_what_a_model_predicted_was_seen(given: dict) -> None:
    assert is_all(found(given, (XT, None)), XT, YT, True)
    scaled = XT / 3
    assert is_all(found(given, (scaled, None), x=X / 3), scaled, YT, True)


def test_without_a_fit_names_tell() -> None:
    for given in (FOUR, SKLEARN):
        result = held_out.find(given, Fits())
        assert is_all((result.x, result.y, result.seen), XT, YT, True)
    with pytest.raises(ValueError, match="nothing tells which arrays"):
        held_out.find({"x": X, "y": Y}, Fits())


def test_a_third_part_that_no_model_saw_is_the_test() -> None:
    assert is_all(found(SIX, (XV, YV), validation_data=(XV, YV)), XT, YT, False)
    assert is_all(found(SIX, (XV, YV), (XT, None), validation_data=(XV, YV)), XV, YV, True)


def test_parts_of_one_array_are_apart() -> None:
    whole, targets = RNG.random((9, 3)), RNG.random(9)
    given = {"x": whole[:6], "y": targets[:6], "xt": whole[6:], "yt": targets[6:]}
    assert is_all(found(given, x=given["x"], y=given["y"]), given["xt"], given["yt"], False)


def test_tables_and_lists() -> None:
    given = {"x": pd.DataFrame(X), "y": list(Y[:, 0]), "xt": pd.DataFrame(XT), "yt": list(YT[:, 0])}
    assert is_all(found(given, x=given["x"], y=given["y"]), given["xt"], given["yt"], False)
    assert found(given, (given["xt"].values, None), x=given["x"], y=given["y"])[2] is True


def test_several_inputs_each_a_parameter_of_its_own() -> None:
    more, more_test = RNG.random((9, 1)), RNG.random((4, 1))
    given = {"a_train": X, "b_train": more, "y_train": Y, "a_test": XT, "b_test": more_test, "y_test": YT}
    x, y, seen = found(given, x=[X, more])
    assert x[0] is XT and x[1] is more_test and y is YT and not seen


def test_several_outputs() -> None:
    given = {"x_train": X, "y_train": [Y, Y[:, 0]], "x_test": XT, "y_test": [YT, YT[:, 0]]}
    assert is_all(found(given, y=given["y_train"]), XT, given["y_test"], False)


@pytest.mark.parametrize(
    ("given", "fit", "reason"),
    [
        ({"x": X, "y": Y}, {}, "its fit had no validation data; a function test_data"),
        ({}, {}, "its fit had no validation data"),
        ({"x": X, "y": Y}, {"validation_data": iter([])}, "its fit validated on batches"),
        (FOUR, {"x": X.reshape(9, 3, 1) * 2}, "trained on other arrays than the model function was given"),
        # Targets of another form.
        (FOUR, {"y": RNG.random((9, 7))}, "no validation data"),
        ({"x": X, "y": Y, "xt": XT, "yt": YT[:3]}, {}, "no validation data"),
    ],
)
def test_the_reason_is_the_real_one(given: dict, fit: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        found(given, **fit)
