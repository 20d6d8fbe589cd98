from snakeras.search import best_trial


def trial(number: int, loss: float | None, status: str = "completed") -> dict:
    return {"trial": number, "status": status, "loss": loss}


def test_the_lowest_loss_wins_and_of_equals_the_first() -> None:
    records = [trial(0, -0.5), trial(1, None, "failed"), trial(2, -0.9), trial(3, -0.9)]
    assert best_trial.best(records)["trial"] == 2


def test_a_pruned_trial_wins_only_where_none_has_completed() -> None:
    pruned = [trial(0, -0.8, "pruned"), trial(1, -0.9, "pruned")]
    assert best_trial.best([*pruned, trial(2, -0.1), trial(3, None, "failed")])["trial"] == 2
    assert best_trial.best([*pruned, trial(3, None, "failed")])["trial"] == 1


def test_there_is_none_where_all_failed() -> None:
    assert best_trial.best([trial(0, None, "failed")]) is None
    assert best_trial.best([]) is None
