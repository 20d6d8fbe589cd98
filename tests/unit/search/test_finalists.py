from pathlib import Path

import pytest
from snakeras.core import files, seeds
from snakeras.core.errors import UserError
from snakeras.search import best_trial, finalists, trial_records


def trained(trial: int, number: int, loss: float | None, **more: object) -> dict:
    failure = "ValueError: no" if loss is None else None
    known = {"trial": trial, "number": number, "loss": loss, "failure": failure, "failed_at": None, "fits": []}
    return known | more


def curve(trial: int, number: int, *values: float | None, loss: float | None = 5.0) -> dict:
    return trained(trial, number, loss, failure=None, fits=[{"metrics": {"val_accuracy": list(values)}}])


def test_the_best_mean_wins_and_of_equals_the_better_trial() -> None:
    found = [trained(4, 0, 1.0), trained(4, 1, 4.0), trained(2, 0, 2.0), trained(2, 1, 2.5)]
    choice = finalists.choose(found, "auto", "auto")
    assert (choice.metric, choice.mode, choice.winner.trial, choice.winner.rank) == ("loss", "min", 2, 2)
    assert choice.as_csv() == (
        "rank,trial,metric,mean,std,seed_0,seed_1\n"
        "1,4,loss,2.5,2.1213203435596424,1.0,4.0\n"
        "2,2,loss,2.25,0.3535533905932738,2.0,2.5\n"
    )
    equal = [trained(4, 0, 1.0), trained(2, 0, 1.0)]
    assert finalists.choose(equal, "auto", "auto").winner.trial == 4
    assert finalists.choose(equal, "auto", "auto").as_json()["std"] is None


def test_a_metric_is_compared_by_its_own_mode_where_the_training_ends() -> None:
    found = [curve(0, 0, 0.5, 0.9), curve(0, 1, 0.7, None), curve(1, 0, 0.99, 0.85), curve(1, 1, 0.2, 0.85)]
    choice = finalists.choose(found, "auto", "auto")
    assert (choice.metric, choice.mode, choice.winner.trial) == ("val_accuracy", "max", 1)
    assert [one.values for one in choice.standings] == [[0.9, 0.7], [0.85, 0.85]]
    # Weights that were put back: the script's own loss is the value of another epoch.
    found[2] |= {"loss": -0.99}
    assert finalists.choose(found, "auto", "auto").standings[1].values == [0.99, 0.85]
    # The function failed after its last fit.
    found[2] |= {"loss": None}
    assert finalists.choose(found, "val_accuracy", "min").winner.trial == 0


def test_a_candidate_of_which_a_training_failed_is_out_unless_all_are() -> None:
    found = [trained(4, 0, 1.0), trained(4, 1, None), trained(2, 0, 2.0), trained(2, 1, 2.5)]
    choice = finalists.choose(found, "auto", "auto")
    assert choice.winner.trial == 2
    assert choice.as_csv().splitlines()[1] == "1,4,loss,,,1.0,"
    found[2] |= {"loss": None, "failure": "out of memory"}
    with pytest.raises(UserError, match=r"^final.candidates: of each of the 2 candidates a training failed.*: ValueEr"):
        finalists.choose(found, "auto", "auto")
    with pytest.raises(
        UserError, match=r"^final.candidates: all 2 trainings of the finalists failed.*: ValueError: no"
    ):
        finalists.choose([trained(4, 0, None), trained(2, 0, None)], "auto", "auto")
    with pytest.raises(UserError, match="no value of the metric"):
        finalists.choose([trained(4, 0, float("nan"))], "auto", "auto")
    out = [trained(4, 0, 1.0), trained(4, 1, float("nan")), trained(2, 0, float("nan")), trained(2, 1, 1.0)]
    with pytest.raises(UserError, match=r"^final.candidates: of each of the 2 .* the first: no value of the metric$"):
        finalists.choose(out, "auto", "auto")


def test_where_not_all_report_the_metric_the_losses_are_compared() -> None:
    unvalidated = trained(2, 0, 0.5, fits=[{"metrics": {"loss": [0.25]}}])
    without_fits = trained(3, 0, 0.75)
    by_loss_alone = trained(5, 0, 0.25, fits=[{"metrics": {"val_loss": [0.125]}}])
    for other in (unvalidated, without_fits, by_loss_alone):
        choice = finalists.choose([curve(4, 0, 0.9, loss=1.0), other], "auto", "auto")
        assert (choice.metric, choice.mode, choice.winner.trial) == ("loss", "min", other["trial"])
        assert [one.mean for one in choice.standings] == [1.0, other["loss"]]
        assert choice.as_json()["by"] == (
            "the mean loss of 1 training from different seeds, since not all finalists report val_accuracy"
        )
    # One seed of two, or all.
    found = [curve(4, 0, 0.9, loss=1.0), unvalidated | {"trial": 4, "number": 1}]
    assert finalists.choose(found, "val_accuracy", "auto").winner.values == [1.0, 0.5]
    choice = finalists.choose([unvalidated], "auto", "auto")
    assert (choice.winner.values, choice.missing) == ([0.5], "val_accuracy or val_loss")
    assert finalists.choose([without_fits], "val_f1", "auto").missing == "val_f1"
    # Those that failed have no say.
    found = [curve(4, 0, 0.9), unvalidated | {"failure": "out of memory"}]
    choice = finalists.choose(found, "auto", "auto")
    assert (choice.metric, choice.missing, choice.winner.trial) == ("val_accuracy", None, 4)
    # The function failed after its last fit, so there is no loss.
    choice = finalists.choose([curve(4, 0, 0.9, loss=None), unvalidated], "auto", "auto")
    assert [one.mean for one in choice.standings] == [None, 0.5]


def test_how_a_finalist_ended_is_said_in_a_few_words() -> None:
    for one, said in (
        (curve(0, 0, 0.5), "val_accuracy 0.5"),
        (trained(0, 0, 0.25), "loss 0.25"),
        (trained(0, 0, 0.25, fits=[{"metrics": {"loss": [0.5]}}]), "loss 0.25"),
        (curve(0, 0, float("inf")), "no finite val_accuracy"),
        (trained(0, 0, None), "failed (ValueError: no)"),
    ):
        assert finalists.outcome(one, "auto", "auto") == said


def test_a_metric_that_no_trial_reports_is_refused_before_finalists_are_trained() -> None:
    trials = [curve(0, 0, 0.5), trained(1, 0, None), trained(2, 0, 1.0, fits=[{"metrics": {"f1": [0.5]}}])]
    for monitor in ("auto", "val_accuracy", "f1"):
        finalists.check_monitor(trials, monitor)
    finalists.check_monitor([trained(0, 0, 1.0)], "auto")
    line = (
        "search.monitor: found 'val_acuracy', which no trial reports, so it cannot choose among finalists; expected "
        "auto or one of val_accuracy, f1"
    )
    with pytest.raises(UserError, match=f"^{line}$"):
        finalists.check_monitor(trials, "val_acuracy")
    with pytest.raises(UserError, match="expected auto, since no trial reports metrics$"):
        finalists.check_monitor([trained(0, 0, 1.0)], "val_loss")


def test_candidates_are_completed_trials_or_else_the_best_pruned_one() -> None:
    completed = [{"status": "completed", "loss": loss, "trial": trial} for trial, loss in enumerate([3.0, 1.0, 2.0])]
    pruned = [{"status": "pruned", "loss": loss, "trial": trial} for trial, loss in ((3, 0.5), (4, 0.1))]
    others = [{"status": status, "loss": None, "trial": 9} for status in ("failed", "skipped")]
    records = [*completed, *pruned, *others]
    assert [one["trial"] for one in best_trial.candidates(records, 2)] == [1, 2]
    assert [one["trial"] for one in best_trial.candidates(records, 9)] == [1, 2, 0]
    assert [one["trial"] for one in best_trial.candidates([*pruned, *others], 3)] == [4]
    assert best_trial.candidates(others, 3) == []


def test_a_finalist_of_another_trial_is_refused(tmp_path: Path) -> None:
    records = [{"checksum": "first"}, {"checksum": "second"}]
    path = tmp_path / "0001_2.json"
    made = {"format": 1, "determined_by": finalists.determined_by(records[1], 2, 5)}
    files.write_json(path, trial_records.sealed(made))
    given = finalists.Finalists([path], tmp_path / "finalists.csv", epochs=5, monitor="auto", mode="auto")
    assert len(finalists.read(given, records)) == 1
    with pytest.raises(UserError, match="0001_2.json: was made with trial_checksum 'second', expected 'again'"):
        finalists.read(given, [records[0], {"checksum": "again"}])


def test_seeds_differ_and_the_first_is_the_trials_own() -> None:
    found = [seeds.of_finalist(1, trial, number) for trial in range(3) for number in range(3)]
    assert len(set(found)) == 9
    assert found[::3] == [seeds.of_trial(1, trial) for trial in range(3)]
