import math
from pathlib import Path

import pytest
from pictured import search, without_accuracy
from published import search as made
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import fingerprint, parser
from snakeras.report import study
from snakeras.search import trial_records


def of(values: list, known: dict | None) -> object:
    """The distribution of a hyperparameter that trials had these values of."""
    trials = [{"hyperparameters": {"x": value}} for value in values]
    return study.distribution({"space": {"x": known}, "trials": trials}, "x")


def test_a_search_is_a_study() -> None:
    found = search(40)
    made = study.from_search(found)
    states = {"completed": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    assert [trial.state.name for trial in made.trials] == [states[trial["status"]] for trial in found["trials"]]
    assert (made.study_name, made.direction.name, made.metric_names) == ("made_up", "MAXIMIZE", ["val_accuracy"])
    assert made.best_trial.number == found["best"]
    for trial, frozen in zip(found["trials"], made.trials, strict=True):
        assert frozen.params == trial["hyperparameters"]
        assert frozen.value == trial["value"]
        assert list(frozen.intermediate_values.values()) == trial["curve"]
        assert frozen.datetime_complete > frozen.datetime_start
        assert frozen.datetime_start.tzinfo is None
        assert frozen.user_attrs["host"] == "node1"
        assert ("failure" in frozen.user_attrs) == (trial["status"] == "failed")
    assert study.from_search(without_accuracy(found)).direction.name == "MINIMIZE"


@pytest.mark.parametrize(
    ("kind", "arguments", "values", "expected"),
    [
        ("uniform", [0, 1], [0.2], {"low": 0, "high": 1, "step": None, "log": False}),
        ("quniform", [8, 64, 4], [8.0, 44.0], {"low": 8, "high": 64, "step": 4, "log": False}),
        ("quniform", [1, 10, 3], [0.0, 9.0], {"low": 0, "high": 9, "step": 3}),
        ("quniform", [0, 1, 0.1], [0.30000000000000004], {"low": 0, "high": 1, "step": 0.1}),
        ("loguniform", [-9.0, 0.0], [1e-3], {"low": math.exp(-9), "high": 1, "log": True}),
        ("qloguniform", [0.0, 4.0, 1.0], [1.0, 54.0], {"low": 1, "high": 55, "log": True}),
        ("qloguniform", [-4.0, 4.0, 1.0], [0.0, 54.0], {"low": 0, "high": 55, "log": False, "step": 1}),
        ("randint", [5], [0, 4], {"low": 0, "high": 4, "step": 1}),
        ("randint", [2, 5], [2, 3], {"low": 2, "high": 4, "step": 1}),
        ("uniformint", [2, 5], [2, 5], {"low": 2, "high": 5}),
        ("normal", [0, 1], [-0.5, 2.5], {"low": -0.5, "high": 2.5, "log": False}),
        ("qnormal", [0, 1, 1], [-1.0, 2.0], {"low": -1, "high": 2, "log": False}),
        ("lognormal", [0, 1], [0.5, 2.5], {"low": 0.5, "high": 2.5, "log": True}),
        # A script with other bounds than the trials that are there.
        ("uniform", [0, 1], [0.5, 2.0], {"low": 0, "high": 2}),
    ],
)
def test_numbers(kind: str, arguments: list, values: list, expected: dict) -> None:
    found = of(values, {"kind": kind, "arguments": arguments})
    assert {name: getattr(found, name) for name in expected} == pytest.approx(expected, nan_ok=True)


def test_options_and_what_is_not_known() -> None:
    known = {"kind": "choice", "arguments": ["adam", None, 3, "[1, 2]", True]}
    assert of(["adam", None], known).choices == ("adam", None, 3, "[1, 2]", True)
    assert of(["new"], known).choices[-1] == "new"
    assert of([1, 2.5], None).high == 2.5
    assert of(["a", 1], None).choices == ("a", 1)


def test_trials_may_have_different_hyperparameters() -> None:
    found = search(6, failed=0, pruned=0)
    for trial in found["trials"][::2]:
        del trial["hyperparameters"]["f1"]
    assert ["f1" in trial.params for trial in study.from_search(found).trials] == [False, True] * 3


def test_trials_of_other_searches_are_no_trials_of_the_study() -> None:
    warm = {"used": 3, "not_used": {"without k1": 2}}
    found = study.from_search(search(5) | {"warm_start": warm})
    assert [trial.number for trial in found.trials] == list(range(5))
    assert found.user_attrs == {"warm_start": warm}
    assert study.from_search(search(5)).user_attrs == {}


def test_trials_without_a_result_have_their_places() -> None:
    found = search(4, failed=0, pruned=0)
    del found["trials"][1]
    made = study.from_search(found, {1: "RUNNING", 4: "WAITING"})
    assert [trial.state.name for trial in made.trials] == ["COMPLETE", "RUNNING", "COMPLETE", "COMPLETE", "WAITING"]


@pytest.fixture
def folder(tmp_path: Path, search: dict) -> Path:
    """A search's folder in the working directory of a workflow."""
    made(tmp_path / "results" / "squares", search, [0.5, 0.75, 0.6, None], name="squares")
    return tmp_path / "results" / "squares"


def test_a_folder_is_loaded(folder: Path) -> None:
    found = study.load(str(folder))
    assert [trial.state.name for trial in found.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
    assert found.best_value == 0.75
    assert len(found.trials_dataframe()) == 4
    (folder / "trials" / "0003.json").unlink()
    assert len(study.load(folder).trials) == 3


def test_the_space_is_that_of_the_model_file(folder: Path, search: dict) -> None:
    model = folder / "model.py"
    model.write_text(
        "def data():\n    return 1\ndef model(x):\n"
        "    units = {{quniform(8, 64, 4)}}\n    optimizer = {{choice(['adam', 'sgd'])}}\n"
    )
    made_with = {"results/squares/model.py": fingerprint.of_script(parser.read(model))}

    for path in (folder / "trials").glob("????.json"):
        document = files.read_json(path)
        document["determined_by"]["model"] = made_with
        document.pop("checksum")
        files.write_json(path, trial_records.sealed(document))
    note = {
        "name": "squares",
        "model": "results/squares/model.py",
        "trials": 3,
        "made_with": {"search": search, "data": {"dataset": "squares"}},
    }
    files.write_json(folder.parents[1] / ".snakemake" / "snakeras" / "squares.json", note)
    found = study.load(folder)
    assert found.trials[0].distributions["optimizer"].choices == ("adam", "sgd")
    # Trials of an earlier, longer search are not part of this one.
    assert len(found.trials) == 3


def test_a_folder_without_a_search_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not found, expected the folder of a search, results/<name>"):
        study.load(tmp_path / "nothing")
    with pytest.raises(UserError, match="has no trials"):
        study.load(tmp_path)


def test_skipped_trials_are_left_out_and_the_others_keep_their_numbers() -> None:
    found = search(6, failed=0, pruned=0)
    skipped = {"status": "skipped", "value": None, "curve": [], "hyperparameters": {}}
    for number in (4, 5):
        found["trials"][number] |= skipped
    assert [trial.state.name for trial in study.from_search(found).trials] == ["COMPLETE"] * 4
    found["trials"][1] |= skipped
    made = study.from_search(found)
    assert [trial.state.name for trial in made.trials] == ["COMPLETE", "WAITING", "COMPLETE", "COMPLETE"]
    assert made.trials[2].params == found["trials"][2]["hyperparameters"]
