import itertools

import numpy as np
import pytest
from snakeras.search import hyperopt_trials, trial_records


@pytest.mark.parametrize("algo", ["tpe", "rand", "anneal"])
@pytest.mark.parametrize("silent", [[0, 7, 25], list(range(26))])
def test_a_search_goes_on_after_trials_that_died_before_proposing(algo: str, silent: list) -> None:
    import hyperopt

    space = {"x": hyperopt.hp.uniform("x", 0, 1), "k": hyperopt.hp.choice("k", [1, 2])}

    def search(trials: object, count: int) -> None:
        suggest = getattr(hyperopt, algo).suggest
        settings = {"rstate": np.random.default_rng(0), "verbose": False, "return_argmin": False}
        hyperopt.fmin(lambda point: point["x"], space, suggest, count, trials=trials, **settings)

    trials = hyperopt.Trials()
    search(trials, 26)
    documents = [{"hyperopt": trial_records.encode(document)} for document in trials.trials]
    for trial in silent:
        documents[trial] = {"hyperopt": hyperopt_trials.proposed_nothing(trial)}
    trials = hyperopt_trials.from_records(documents, space)
    search(trials, 27)
    assert set(trials.trials[-1]["misc"]["vals"]) == {"x", "k"}
    assert trials.trials[-1]["state"] == hyperopt_trials.DONE == hyperopt.JOB_STATE_DONE
    assert (hyperopt_trials.OK, hyperopt_trials.FAIL) == (hyperopt.STATUS_OK, hyperopt.STATUS_FAIL)


def record(status: str, loss: float, curve: list, stopped: float | None = None) -> dict:
    pruned = {"pruned": {"monitor": "val_accuracy", "value": stopped, "epoch": 1}} if status == "pruned" else {}
    return {"status": status, "loss": loss, "fits": [{"metrics": {"val_accuracy": curve}}]} | pruned


@pytest.mark.parametrize("scale, shift", list(itertools.product([-1e6, -3.0, -1e-9, 1e-9, 1.0, 1e6], [-1e3, 0.0, 5.0])))
def test_a_pruned_trial_never_comes_before_a_completed_one_of_another_scale(scale: float, shift: float) -> None:
    f1 = [0.1, 0.8, 0.3, 0.5]
    completed = [record("completed", scale * value + shift, [0.9, 0.95]) for value in f1]
    pruned = [record("pruned", -value, [value], value) for value in (0.2, 0.99, 0.5)]
    failed = {"status": "failed", "loss": None, "fits": []}
    records = [pruned[0], *completed[:2], failed, *pruned[1:], *completed[2:]]
    found = hyperopt_trials.comparable_losses(records)
    assert list(found) == [0, 4, 5]
    assert min(found.values()) > max(trial["loss"] for trial in completed)
    # Among themselves they keep their order: 0.99 is the best accuracy.
    assert sorted(found, key=found.get) == [4, 5, 0]


def test_losses_on_one_scale_stay_as_they_are() -> None:
    completed = [record("completed", -0.95, [0.9, 0.95]), record("completed", -0.8, [0.8, 0.7])]
    pruned = record("pruned", -0.5, [0.5], 0.5)
    assert hyperopt_trials.comparable_losses([pruned, *completed]) == {}
    assert hyperopt_trials.comparable_losses(completed) == hyperopt_trials.comparable_losses([pruned]) == {}
