import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakeras.core.settings import HalvingPruner, MedianPruner, NoPruner
from snakeras.search import pruners

losses = st.floats(-10, 10)
curves = st.lists(st.one_of(losses, st.just(math.nan)), min_size=1, max_size=9)
others = st.lists(curves, max_size=12)
modes = st.sampled_from(["max", "min"])


def rungs(min_epochs: int, reduction: int) -> list[int]:
    return [min_epochs * reduction**k for k in range(10)]


@given(st.integers(1, 200), st.integers(1, 5), st.integers(2, 5))
def test_rungs_are_powers_of_the_reduction(epoch: int, min_epochs: int, reduction: int) -> None:
    assert pruners.is_rung(epoch, min_epochs, reduction) == (epoch in rungs(min_epochs, reduction))


def rank(own: float, values: list[float]) -> int:
    """By sorting, unlike the module: NaN last, and the place of the first of equals."""
    order = sorted([*values, own], key=lambda value: (math.isnan(value), value))
    return next(i for i, value in enumerate(order, 1) if value == own or (math.isnan(value) and math.isnan(own)))


@given(curves, others, st.integers(1, 3), st.integers(2, 4))
def test_halving_is_the_rule_as_it_is_written(
    curve: list[float], earlier: list[list[float]], min_epochs: int, reduction: int
) -> None:
    epoch = len(curve)
    at_rung = [other[epoch - 1] for other in earlier if len(other) >= epoch]
    limit = max(1, math.floor((len(at_rung) + 1) / reduction))
    expected = epoch not in rungs(min_epochs, reduction) or rank(curve[-1], at_rung) <= limit
    assert pruners.halving_goes_on(curve, earlier, min_epochs, reduction) == expected


@given(st.permutations(range(30)), st.integers(2, 5))
def test_halving_stops_the_better_only_after_the_worse_was_let_on(values: list[int], reduction: int) -> None:
    seen: list[list[float]] = []
    let_on = []
    for value in values:
        curve = [float(value)]
        if pruners.halving_goes_on(curve, seen, 1, reduction):
            let_on.append(value)
        seen.append(curve)
    # The best of all is let on whenever it comes, and at most about n / reduction are good enough at the end.
    assert 0 in let_on
    assert [value for value in let_on if sorted(values).index(value) < 30 // reduction]


@given(curves, others, st.integers(0, 6), st.integers(0, 4))
def test_median_is_optunas(curve: list[float], completed: list[list[float]], startup: int, warmup: int) -> None:
    goes_on = pruners.median_goes_on(curve, completed, startup, warmup)
    epoch = len(curve)
    if len(completed) < startup or not completed or epoch - 1 < warmup:
        assert goes_on
    elif all(map(math.isnan, curve)):
        assert not goes_on
    else:
        values = [other[epoch - 1] for other in completed if len(other) >= epoch]
        worse = sum(min(v for v in curve if not math.isnan(v)) > value for value in values if not math.isnan(value))
        known = sum(not math.isnan(value) for value in values)
        # Worse than the median is worse than at least half of them; better than half is no reason to stop.
        if goes_on:
            assert worse <= known / 2 + 0.5
        else:
            assert worse >= known / 2


def test_median_takes_the_mean_of_the_two_in_the_middle() -> None:
    completed = [[1.0], [2.0], [3.0], [10.0]]
    assert pruners.median_goes_on([2.5], completed, 0, 0)
    assert not pruners.median_goes_on([2.6], completed, 0, 0)
    # The best epoch so far counts, not the last.
    assert pruners.median_goes_on([2.0, 9.0], [[1.0, 2.0], [1.0, 3.0]], 0, 0)


def trial(status: str, values: list[float], metric: str = "val_accuracy") -> dict:
    return {"status": status, "fits": [{"metrics": {metric: values}}, {"metrics": {metric: [0.0] * 9}}]}


HALVING = HalvingPruner(min_epochs=1, reduction=2, monitor="auto", mode="auto")


def test_a_trial_is_stopped_by_the_first_fits_of_those_it_looks_back_on() -> None:
    documents = [
        trial("completed", [0.9, 0.95]),
        trial("pruned", [0.5]),
        trial("failed", []),
        {"fits": [], "status": "failed"},
    ]
    stop = pruners.TrialPruner(HALVING, documents).stop
    assert stop({"loss": [1.0], "val_accuracy": [0.95]}) is None
    assert stop({"loss": [1.0], "val_accuracy": [0.8]}) == pruners.Stop(1, "val_accuracy", 0.8, -0.8)
    # Not every epoch has to validate.
    assert stop({"loss": [1.0, 0.9], "val_accuracy": [0.8]}) is None
    assert stop({"loss": [1.0]}) is None


def test_median_compares_with_completed_trials_only() -> None:
    settings = MedianPruner(n_startup_trials=2, n_warmup_steps=0, monitor="auto", mode="auto")
    documents = [trial("completed", [0.5]), trial("completed", [0.6]), trial("pruned", [0.9]), trial("pruned", [0.9])]
    assert pruners.TrialPruner(settings, documents).stop({"val_accuracy": [0.58]}) is None
    assert pruners.TrialPruner(settings, documents).stop({"val_accuracy": [0.54]}).epoch == 1
    assert pruners.TrialPruner(settings, documents[1:]).stop({"val_accuracy": [0.1]}) is None


def test_none_never_stops() -> None:
    pruner = pruners.TrialPruner(NoPruner(), [trial("completed", [0.9])] * 20)
    assert pruner.stop({"val_accuracy": [0.0]}) is None
    pruner.check({})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5), others, modes)
def test_a_stopped_trial_has_the_monitored_value_as_its_loss(values: list, earlier: list, mode: str) -> None:
    settings = HALVING.model_copy(update={"monitor": "val_f1", "mode": mode})
    documents = [trial("completed", curve, "val_f1") for curve in earlier]
    stop = pruners.TrialPruner(settings, documents).stop({"val_f1": values})
    if stop is not None:
        assert (stop.epoch, stop.value) == (len(values), values[-1])
        assert stop.loss == (-stop.value if mode == "max" else stop.value)


@pytest.mark.parametrize(
    ("metrics", "monitor", "mode", "expected"),
    [
        (["loss", "val_loss", "val_accuracy"], "auto", "auto", ("val_accuracy", "max")),
        (["loss", "val_loss", "val_acc"], "auto", "auto", ("val_acc", "max")),
        (
            ["val_loss", "val_out_sparse_categorical_accuracy"],
            "auto",
            "auto",
            ("val_out_sparse_categorical_accuracy", "max"),
        ),
        (["loss", "val_loss", "val_mae"], "auto", "auto", ("val_loss", "min")),
        (["loss", "accuracy"], "auto", "auto", None),
        (["val_top5_accuracy", "val_accuracy"], "auto", "auto", ("val_accuracy", "max")),
        (["val_auc_1"], "val_auc_1", "auto", ("val_auc_1", "max")),
        (["val_mean_io_u"], "val_mean_io_u", "auto", ("val_mean_io_u", "max")),
        (["val_dice_loss"], "val_dice_loss", "auto", ("val_dice_loss", "min")),
        (["val_mean_squared_error"], "val_mean_squared_error", "auto", ("val_mean_squared_error", "min")),
        (["val_loss", "val_auc"], "val_auc", "auto", ("val_auc", "max")),
        (["val_loss", "val_mae"], "val_mae", "auto", ("val_mae", "min")),
        (["val_loss", "val_mae"], "val_mae", "max", ("val_mae", "max")),
    ],
)
def test_what_is_monitored(metrics: list, monitor: str, mode: str, expected: tuple | None) -> None:
    assert pruners.monitored(dict.fromkeys(metrics, [0.0]), monitor, mode) == expected


def test_a_metric_that_is_not_there_is_named_with_those_that_are() -> None:
    pruner = pruners.TrialPruner(HALVING.model_copy(update={"monitor": "val_f1"}), [])
    # It may come in a later epoch.
    assert pruner.stop({"loss": [1.0]}) is None
    pruner.check({"loss": [1.0, 1.0], "val_f1": [None, 0.5]})
    with pytest.raises(ValueError, match="monitor: found 'val_f1', expected a metric of the model: loss, val_loss"):
        pruner.check({"loss": [1.0], "val_loss": [1.0]})
