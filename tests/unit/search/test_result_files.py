from contextlib import chdir
from pathlib import Path

from published import search
from snakeras.core import files
from snakeras.core.settings import TrialSettings
from snakeras.search import result_files


def trial(number: int, loss: float | None, failure: str | None = None, **hyperparameters: object) -> dict:
    return {
        "trial": number,
        "status": "failed" if failure else "completed",
        "failure": failure,
        "loss": loss,
        "val_accuracy": None if loss is None else -loss,
        "epochs": 0 if failure else 2,
        "hyperparameters": hyperparameters,
    }


def test_when_all_failed_the_commonest_reason_is_named() -> None:
    failed = [trial(0, None, "rare"), trial(1, None, "common"), trial(2, None, "common")]
    assert result_files.all_failed(failed) == "all 3 trials failed, 2 of them so: common"


def test_when_all_failed_in_the_same_way_it_is_said_once_with_its_place() -> None:
    failed = [trial(number, None, "ValueError: x") | {"failed_at": "line 3: raise x"} for number in range(2)]
    expected = "all 2 trials failed in the same way: ValueError: x (mine.py, line 3: raise x)"
    assert result_files.all_failed(failed, Path("mine.py")) == expected
    failed[0]["failed_at"] = None
    assert result_files.all_failed(failed).startswith("all 2 trials failed, 1 of them so: ValueError: x")


def test_a_row_a_trial_and_a_column_a_hyperparameter() -> None:
    documents = [trial(0, -0.5, f1=8.0, kind="a,b"), trial(1, None, "x", f1=16.0, extra=None)]
    assert result_files.as_csv(documents) == (
        'trial,status,loss,val_accuracy,epochs,f1,kind,extra\n0,completed,-0.5,0.5,2,8.0,"a,b",\n1,failed,,,0,16.0,,\n'
    )


def test_a_hyperparameter_does_not_hide_a_column() -> None:
    text = result_files.as_csv([trial(0, -0.5) | {"hyperparameters": {"loss": "mse", "epochs": 3}}])
    assert text.splitlines()[0] == "trial,status,loss,val_accuracy,epochs,hyperparameter.loss,hyperparameter.epochs"


def test_a_data_function_that_draws_without_a_seed_is_warned_of(tmp_path: Path) -> None:
    for trial, digest in enumerate(["a", "a", None, "b"]):
        files.write_json(tmp_path / f"000{trial}.run.json", {"data_digest": digest} if digest else {})
    assert result_files.different_data(tmp_path, 3) is None
    assert "gave 2 different sets of data in 4 trials" in result_files.different_data(tmp_path, 4)


def test_what_the_final_model_depends_on_is_the_winner_alone(tmp_path: Path) -> None:
    settings = TrialSettings().model_dump()
    few, more, better = ([0.5, 0.7, None], [0.5, 0.7, None, 0.6, 0.7], [0.5, 0.7, None, 0.8])
    folders = [tmp_path / str(len(found)) for found in (few, more, better)]
    for folder, found in zip(folders, (few, more, better), strict=True):
        folder.mkdir()
        with chdir(folder):
            search(Path("results"), settings, found)
    folders = [folder / "results" for folder in folders]
    first, same, other = (files.read_json(folder / "winner.json") for folder in folders)
    assert first == same
    assert (first["trial"], first["hyperparameters"]) == (1, {"units": 9.0, "optimizer": "adam"})
    assert first["point"] == {"units": 9.0, "optimizer": 0}
    assert other["trial"] == 3
    assert files.read_json(folders[0] / "best.json")["trials"] != files.read_json(folders[1] / "best.json")["trials"]


def test_skipped_trials_are_no_failures() -> None:
    skipped = trial(2, None) | {"status": "skipped", "skipped": "epochs: ..."}
    said = result_files.all_failed([trial(0, None, "x"), trial(1, None, "x"), skipped])
    assert said == "all 2 trials failed in the same way: x"
    assert result_files.as_csv([trial(0, 0.5, x=1), skipped]).splitlines()[1:] == [
        "0,completed,0.5,-0.5,2,1",
        "2,skipped,,,2,",
    ]
