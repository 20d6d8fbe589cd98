import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakeras.core.settings import StopRule
from snakeras.search import earlier_trials, run_trial, stop_rule


def record(trial: int, status: str = "completed", loss: float | None = None, epochs: int = 0, **metrics: list) -> dict:
    fits = [{"epochs": epochs, "metrics": metrics}] if metrics else []
    return {"trial": trial, "status": status, "loss": loss, "epochs": epochs, "fits": fits}


def accurate(trial: int, *accuracies: float, loss: float | None = None) -> dict:
    """A trial with this learning curve, whose loss is by default the negative of its last value."""
    values = list(accuracies)
    return record(trial, loss=-values[-1] if loss is None else loss, val_accuracy=values, val_loss=[0.5] * len(values))


@st.composite
def histories(draw: st.DrawFn) -> list[dict]:
    """Trials of all kinds, in order."""
    numbers = st.floats(-1, 1, width=16)
    found = []
    for trial in range(draw(st.integers(0, 12))):
        status = draw(st.sampled_from(["completed", "completed", "pruned", "failed"]))
        curve = draw(st.lists(st.one_of(st.none(), numbers, st.just({"$python": "float", "value": "nan"})), max_size=3))
        metrics = {draw(st.sampled_from(["val_accuracy", "val_loss", "loss"])): curve} if curve else {}
        loss = None if status == "failed" else draw(numbers)
        found.append(record(trial, status, loss, len(curve)) | {"fits": [{"metrics": metrics}] if metrics else []})
    return found


rules = st.builds(
    StopRule,
    target=st.none() | st.floats(-1, 1, width=16),
    patience=st.none() | st.integers(1, 6),
    epochs=st.none() | st.integers(1, 20),
    monitor=st.sampled_from(["auto", "val_accuracy", "loss"]),
    mode=st.sampled_from(["auto", "max", "min"]),
)


@given(histories(), rules)
def test_whoever_sees_more_is_skipped_too_for_the_same_reason(history: list[dict], rule: StopRule) -> None:
    reasons = [stop_rule.reason(history[:count], rule) for count in range(len(history) + 1)]
    assert reasons[0] is None
    skipped = [reason for reason in reasons if reason]
    assert reasons == [None] * (len(reasons) - len(skipped)) + skipped[:1] * len(skipped)


@given(histories(), rules, st.integers(1, 5))
def test_a_trial_that_runs_never_sees_a_skipped_one(history: list[dict], rule: StopRule, parallelism: int) -> None:
    done: list[dict] = []
    for trial, ran in enumerate(history):
        seen = [done[number] for number in earlier_trials.visible(trial, parallelism)]
        reason = stop_rule.reason(seen, rule)
        done.append(run_trial.skipped(reason, trial, 1) if reason else ran)
        assert reason or all(other["status"] != "skipped" for other in seen)
    statuses = [one["status"] == "skipped" for one in done]
    assert statuses == sorted(statuses)
    # Whatever the rule is by now: nothing that runs looks back on what was skipped before.
    assert bool(stop_rule.reason(done, StopRule())) == any(statuses)


def test_without_a_rule_nothing_is_skipped() -> None:
    history = [accurate(trial, 1.0) | {"epochs": 1000} for trial in range(50)]
    assert stop_rule.reason(history, StopRule()) is None


@pytest.mark.parametrize(
    ("target", "trial", "reached"),
    [
        (0.9, accurate(7, 0.5, 0.95), "val_accuracy 0.95"),
        (0.96, accurate(7, 0.5, 0.95), None),
        # As good is good enough; Keras has fewer digits.
        (0.95, accurate(7, 0.95), "val_accuracy 0.95"),
        (0.95, accurate(7, 0.949999988079071), "val_accuracy 0.95"),
        (0.95, accurate(7, 0.9499), None),
        # What the loss is: here the best epoch, there the last.
        (0.9, accurate(7, 0.95, 0.8, loss=-0.95), "val_accuracy 0.95"),
        (0.9, accurate(7, 0.95, 0.8, loss=-0.8), None),
        # A loss of another kind: the last epoch.
        (0.9, accurate(7, 0.8, 0.95, loss=0.1), "val_accuracy 0.95"),
        (0.9, accurate(7, 0.95, 0.8, loss=0.1), None),
        # A loss is better when smaller.
        (0.2, record(7, loss=0.1, val_loss=[0.5, 0.1]), "val_loss 0.1"),
        (0.2, record(7, loss=0.3, val_loss=[0.1, 0.3]), None),
        # A script without learning curves has its own loss.
        (-0.9, record(7, loss=-0.95), "loss -0.95"),
        (-0.9, record(7, loss=-0.85), None),
        # Only completed trials reach it.
        (0.9, accurate(7, 0.95) | {"status": "pruned"}, None),
        (0.9, record(7, "failed", val_accuracy=[0.95]), None),
        # Without a number there is nothing to compare.
        (0.9, accurate(7, math.nan, loss=-0.1), None),
        (0.9, record(7, loss=-0.1, val_accuracy=[None], val_loss=[None]), None),
        (0.9, record(7, loss=-0.95, accuracy=[0.95]), None),
    ],
)
def test_the_target(target: float, trial: dict, reached: str | None) -> None:
    said = stop_rule.reason([trial], StopRule(target=target))
    assert said == (reached and f"target: {reached} of trial 0007 reached search.stop.target, {target:g}")


def test_the_target_is_about_the_monitored_metric() -> None:
    trial = record(0, loss=-0.5, val_accuracy=[0.5], val_error=[0.1], f_beta=[0.7])
    named = {
        ("val_error", "auto", 0.2): "val_error 0.1",
        ("f_beta", "max", 0.6): "f_beta 0.7",
        ("f_beta", "min", 0.6): None,
        ("val_auc", "auto", 0.0): None,
    }
    for (monitor, mode, target), reached in named.items():
        said = stop_rule.reason([trial], StopRule(target=target, monitor=monitor, mode=mode))
        assert (said and said.split(" of ")[0]) == (reached and f"target: {reached}")
    # Of several fits, it is the last that has it.
    folds = [{"metrics": {"val_accuracy": [0.9]}}, {"metrics": {"val_accuracy": [0.6]}}, {"metrics": {"loss": [1]}}]
    assert stop_rule.reason([trial | {"fits": folds}], StopRule(target=0.7)) is None
    assert stop_rule.reason([trial | {"fits": folds}], StopRule(target=0.6)) is not None


def test_patience_counts_completed_trials_since_the_best_loss() -> None:
    losses = [0.5, 0.3, 0.3, None, 0.4, 0.2, 0.9]
    history = [record(trial, "failed" if loss is None else "completed", loss) for trial, loss in enumerate(losses)]
    history.insert(4, record(7, "pruned", 0.1))
    assert stop_rule.reason(history, StopRule(patience=3)) is None
    assert stop_rule.reason(history[:4], StopRule(patience=2)) is None
    assert stop_rule.reason(history, StopRule(patience=2)) == (
        "patience: loss 0.3 of trial 0001 was not improved by search.stop.patience, 2, completed trials"
    )


def test_epochs_are_those_of_all_trials() -> None:
    history = [record(0, "failed", epochs=3), record(1, "pruned", 0.5, 4), record(2, loss=0.5, epochs=5)]
    assert stop_rule.reason(history, StopRule(epochs=13)) is None
    assert (
        stop_rule.reason(history, StopRule(epochs=12)) == "epochs: 12 up to trial 0002 reached search.stop.epochs, 12"
    )
    assert "epochs: 7 up to trial 0001" in stop_rule.reason(history, StopRule(epochs=6))


def test_a_target_on_a_metric_that_no_trial_reports_is_told() -> None:
    history = [accurate(0, 0.5), record(1, "failed")]
    assert stop_rule.warning(history, StopRule(target=0.9)) is None
    assert stop_rule.warning(history, StopRule(patience=1, monitor="val_f1")) is None
    assert stop_rule.warning(history[1:], StopRule(target=0.9, monitor="val_f1")) is None
    assert stop_rule.warning(history, StopRule(target=0.9, monitor="val_f1")) == (
        "warning: search.stop.target was compared with nothing, since no completed trial reports val_f1; expected "
        "search.monitor to be a metric that the model reports: val_accuracy, val_loss"
    )
    unvalidated = record(0, loss=0.5) | {"fits": [{"metrics": {"loss": [1.0]}}]}
    assert "val_accuracy or val_loss; expected search.monitor to be a metric that the model reports: loss" in (
        stop_rule.warning([unvalidated], StopRule(target=1))
    )
    assert stop_rule.warning([record(0, loss=0.5)], StopRule(target=1, monitor="val_f1")).endswith(
        "to be auto, since no trial reports metrics"
    )
