from collections.abc import Sequence

from hypothesis import given, strategies
from snakeras.core.settings import StopRule
from snakeras.search import stop_rule


def ended(trial: int, loss: float | None, epochs: int = 0, status: str = "completed", **metrics: Sequence) -> dict:
    fits = [{"metrics": {name: list(values) for name, values in metrics.items()}}] if metrics else []
    known = {"trial": trial, "status": status, "loss": loss, "epochs": epochs, "fits": fits}
    return known | ({"skipped": "patience: as before"} if status == "skipped" else {})


def reason(records: list[dict], monitor: str = "auto", **keys: float) -> str | None:
    return stop_rule.reason(records, StopRule(monitor=monitor, **keys))


def test_the_target_is_about_the_monitored_metric() -> None:
    curve = ended(0, -0.9, val_accuracy=[0.95, 0.9], val_loss=[0.3, 0.2])
    assert reason([curve], target=0.9) == "target: val_accuracy 0.9 of trial 0000 reached search.stop.target, 0.9"
    assert reason([curve], target=0.91) is None
    assert reason([curve], target=0.2, monitor="val_loss").startswith("target: val_loss 0.2 of trial 0000")
    assert reason([curve], target=0.1, monitor="val_loss") is None
    # The best epoch's weights were put back: the script's loss is that epoch's value.
    assert reason([curve | {"loss": -0.95}], target=0.95).startswith("target: val_accuracy 0.95")
    # A pruned or failed trial does not reach it.
    assert reason([curve | {"status": "pruned"}], target=0.1) is None


def test_without_learning_curves_the_target_is_about_the_loss() -> None:
    assert reason([ended(3, 0.2)], target=0.2) == "target: loss 0.2 of trial 0003 reached search.stop.target, 0.2"
    assert reason([ended(3, 0.3)], target=0.2) is None
    assert reason([ended(3, 0.2)], target=0.2, monitor="val_loss") is None


def test_patience_counts_completed_trials_since_the_best() -> None:
    losses = [0.5, 0.4, 0.6, None, 0.4, 0.7]
    records = [ended(trial, loss, status="completed" if loss else "failed") for trial, loss in enumerate(losses)]
    assert reason(records[:5], patience=3) is None
    found = "patience: loss 0.4 of trial 0001 was not improved by search.stop.patience, 3, completed trials"
    assert reason(records, patience=3) == found


def test_epochs_are_those_of_all_trials() -> None:
    records = [ended(0, 0.5, 4), ended(1, 0.5, 1, "pruned"), ended(2, None, 1, "failed")]
    assert reason(records[:2], epochs=6) is None
    assert reason(records, epochs=6) == "epochs: 6 up to trial 0002 reached search.stop.epochs, 6"


def test_a_target_that_nothing_can_be_compared_with_is_warned_of() -> None:
    records = [ended(0, 0.5, val_mae=[0.1])]
    line = stop_rule.warning(records, StopRule(target=0.5))
    assert line.startswith("warning: search.stop.target was compared with nothing")
    assert line.endswith("a metric that the model reports: val_mae")
    assert stop_rule.warning(records, StopRule(target=0.5, monitor="val_mae")) is None
    assert stop_rule.warning(records, StopRule(patience=2)) is None


STATUSES = strategies.sampled_from(["completed", "completed", "pruned", "failed", "skipped"])
RECORDS = strategies.lists(strategies.tuples(STATUSES, strategies.integers(0, 9), strategies.integers(0, 5)))
LIMITS = strategies.none() | strategies.integers(1, 12)


@given(RECORDS, LIMITS, LIMITS, LIMITS, strategies.data())
def test_who_sees_more_is_skipped_too(found: list, target: int, patience: int, epochs: int, data: object) -> None:
    rule = StopRule(target=target and 10 - target, patience=patience, epochs=epochs)
    records = [ended(trial, float(loss), spent, status) for trial, (status, loss, spent) in enumerate(found)]
    held = [stop_rule.reason(records[:count], rule) is not None for count in range(len(records) + 1)]
    assert held == sorted(held)
    assert not held[0]
    # A trial that runs sees none that was skipped.
    for count, is_held in enumerate(held):
        assert is_held or all(record["status"] != "skipped" for record in records[:count])
    # A looser rule never skips more.
    looser = StopRule(
        target=rule.target and data.draw(strategies.none() | strategies.just(rule.target - 1)),
        patience=patience and data.draw(strategies.none() | strategies.just(patience + 1)),
        epochs=epochs and data.draw(strategies.none() | strategies.just(epochs + 1)),
    )
    runs = [stop_rule.reason(records[:count], looser) is None for count in range(len(records) + 1)]
    assert all(run or is_held for run, is_held in zip(runs, held, strict=True))
