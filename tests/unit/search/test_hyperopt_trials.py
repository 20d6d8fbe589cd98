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
