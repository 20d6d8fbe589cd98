import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS
from reference import proposals, record, uninterrupted
from snakeras.core.errors import UserError
from snakeras.core.settings import TrialSettings
from snakeras.model_file import loader, parser
from snakeras.search import earlier_trials, trial_records
from snakeras.search.steering import Steering

pytestmark = pytest.mark.slow


def one_by_one(script: Path, search: dict, count: int, **given: object) -> list[dict]:
    """A search of single steps, in which every document goes to JSON and back."""
    documents = []
    for trial in range(count):
        seen = documents[: len(earlier_trials.visible(trial, search["parallelism"]))]
        documents.append(record(script, search, trial, seen, **given))
    return documents


def as_hyperas(script: Path, search: dict, count: int) -> list[dict]:
    """The same search, which has to propose what plain Hyperas does."""
    documents = one_by_one(script, search, count)
    assert proposals(documents) == uninterrupted(script, search, count)
    return documents


@pytest.fixture
def quadratic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(MODELS / "quadratic.py", tmp_path))


BRANCHES = """
from hyperas.distributions import choice, uniform

def data():
    nothing = 0
    return nothing

def model(nothing):
    depth = {{choice([1, 2])}}
    loss = {{uniform(1, 2)}}
    later = lambda: {{uniform(0, 1)}}
    if depth == 2:
        second = {{uniform(2, 3)}}
        loss += second
        if FAILS:
            raise ValueError("too deep")
    return {"loss": loss + ({{uniform(5, 6)}} if depth == 1 else 0), "status": "ok"}
"""


def test_what_a_branch_that_is_not_taken_has_is_no_hyperparameter_of_the_trial(
    written: Callable[[str], Path], search: dict
) -> None:
    script = written(BRANCHES.replace("FAILS", "False"))
    documents = as_hyperas(script, search, 12)
    by_depth = {document["hyperparameters"]["depth"]: document for document in documents}
    assert set(by_depth) == {1, 2}
    for depth, document in by_depth.items():
        shown, unused = document["hyperparameters"], document["unused"]
        extra = [name for name in shown if name not in ("depth", "loss")]
        assert len(extra) == 1
        assert ("second" in shown) == (depth == 2)
        assert document["loss"] == shown["loss"] + shown[extra[0]]
        assert len(unused) == 2
        assert set(shown) | set(unused) == set(trial_records.point(document))


def test_a_trial_that_failed_shows_all_that_it_drew(written: Callable[[str], Path], search: dict) -> None:
    documents = one_by_one(written(BRANCHES.replace("FAILS", "True")), search, 12)
    failed = [document for document in documents if document["failure"]]
    assert failed
    assert all(len(document["hyperparameters"]) == 5 and "unused" not in document for document in failed)


@pytest.mark.parametrize("algo", ["tpe", "rand", "anneal"])
def test_thirty_steps_are_one_uninterrupted_search(quadratic: Path, search: dict, algo: str) -> None:
    search["algo"] = algo
    documents = one_by_one(quadratic, search, 30)
    expected = uninterrupted(quadratic, search, 30)
    assert proposals(documents) == expected
    assert len({str(point) for point, _ in expected}) == 30


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a model file into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        (tmp_path / "model.py").write_text(text)
        return tmp_path / "model.py"

    return write


NAMELESS = """
from hyperas.distributions import choice, uniform

def data():
    nothing = 0
    return nothing

def embedding(size, width):
    return size + width

def model(nothing):
    x = embedding(200, {{choice([8, 16])}})
    rate = {{uniform(0, 1)}}
    decay = {{uniform(0, 1)}}
    return {"loss": x + 100 * rate + 1000 * decay, "status": "ok"}
"""


def test_a_file_that_hyperas_finds_no_name_in_runs(
    written: Callable[[str], Path], search: dict, capsys: pytest.CaptureFixture
) -> None:
    script = written(NAMELESS)
    (document,) = one_by_one(script, search, 1)
    shown = document["hyperparameters"]
    assert list(shown) == ["embedding", "rate", "decay"]
    assert document["loss"] == 200 + shown["embedding"] + 100 * shown["rate"] + 1000 * shown["decay"]
    assert document["names"] == {"rate_1": "decay"}
    assert trial_records.point(document).keys() == shown.keys()
    assert "Hyperas's own names: rate_1 is decay\n" in capsys.readouterr().out


SHARED = """
from hyperas.distributions import choice

def data():
    nothing = 0
    return nothing

def model(nothing):
    a = {{choice([5, 6, 7])}}
    other = {{choice([5, 6, 7])}}
    a_1 = {{choice([8, 9])}}
    return {"loss": a + 10 * other + 100 * a_1, "status": "ok"}
"""


def test_two_templates_to_which_hyperas_gives_one_value_are_one_hyperparameter(
    written: Callable[[str], Path], search: dict
) -> None:
    script = written(SHARED)
    documents = as_hyperas(script, search, 6)
    with loader.loaded(parser.read(script, True), None, TrialSettings(**search)) as model_file:
        for document in documents:
            assert list(document["hyperparameters"]) == ["a", "a_1"]
            point = model_file.point(trial_records.point(document))
            assert model_file.function(point)["loss"] == document["loss"]


COMMENTED = """
from hyperas.distributions import choice, uniform

def data():
    nothing = 0
    return nothing

def model(nothing):
    '''Once with rate = {{uniform(0, 1)}}.'''
    first = {{choice([5, 6, 7])}}  # was first = {{choice([8, 9])}}
    # epochs = {{uniform(2, 3)}}
    epochs = {{choice([5, 6, 7])}}
    share = max({{uniform(2, 3)}}, 0)
    return {"loss": first + 10 * epochs + 100 * share, "status": "ok"}
"""


def test_templates_in_comments_are_drawn_as_hyperas_does_but_never_shown(
    written: Callable[[str], Path], search: dict
) -> None:
    script = written(COMMENTED)
    documents = as_hyperas(script, search, 6)
    for document in documents:
        shown = document["hyperparameters"]
        assert list(shown) == ["first", "epochs", "share"]
        assert document["loss"] == shown["first"] + 10 * shown["epochs"] + 100 * shown["share"]
        # Hyperas's own labels would give the comment's value as that of epochs.
        assert document["names"] == {
            "rate": None,
            "first_1": None,
            "epochs": None,
            "first_2": "epochs",
            "epochs_1": "share",
        }
        assert sorted(document["hyperopt"]["misc"]["vals"]) == sorted(["first", *document["names"]])
    # The final model gets what the trial got, by the names that are shown.
    with loader.loaded(parser.read(script, True), None, TrialSettings(**search)) as model_file:
        for document in documents:
            point = model_file.point(trial_records.point(document))
            assert set(point) == {"first", "first_2", "epochs_1"}
            assert model_file.function(point)["loss"] == document["loss"]


def test_functions_of_modules_are_searched_as_if_they_stood_in_the_file(quadratic: Path, search: dict) -> None:
    expected = uninterrupted(quadratic, search, 6)
    functions = quadratic.read_text().split("\nbest, _ =")[0]
    head, _, rest = functions.partition("\ndef data")
    data, _, model = rest.partition("\ndef model")
    (quadratic.parent / "search_parts").mkdir()
    (quadratic.parent / "search_parts" / "numbers.py").write_text(f"{head}\ndef data{data}")
    (quadratic.parent / "quadratic_model.py").write_text(f"{head}\ndef model{model}")
    quadratic.write_text(
        "import quadratic_model as m\nfrom search_parts.numbers import data as load\nfrom hyperas import optim\n"
        "def main():\n    return optim.minimize(m.model, load)\n"
    )
    assert proposals(one_by_one(quadratic, search, 6)) == expected


def test_hyperparameters_are_as_the_model_received_them(quadratic: Path, search: dict) -> None:
    (document,) = one_by_one(quadratic, search, 1)
    point = document["hyperparameters"]
    assert list(point) == ["x", "n", "rate", "kind"]
    assert point["kind"] in ["a", "b", "c"]
    assert point["n"] == int(point["n"])
    assert trial_records.decode(document["hyperopt"])["misc"]["idxs"]["x"] == [0]
    assert document["status"] == "completed"
    assert document["val_accuracy"] is None


def test_an_algorithm_that_proposes_nothing_is_named(quadratic: Path, search: dict) -> None:
    (quadratic.parent / "silent.py").write_text("def suggest(ids, domain, trials, seed):\n    return []\n")
    with pytest.raises(UserError, match="search.algo: silent.suggest proposed nothing for trial 0"):
        record(quadratic, search | {"algo": "silent.suggest"})


def test_a_parallel_search_depends_on_what_it_may_see(quadratic: Path, search: dict) -> None:
    search |= {"parallelism": 3, "startup_trials": 4}
    documents = one_by_one(quadratic, search, 10)
    assert documents == one_by_one(quadratic, search, 10)
    assert [trial_records.decode(document["hyperopt"]["tid"]) for document in documents] == list(range(10))
    # What trial 9 may not see does not matter; what it may see does.
    assert record(quadratic, search, 9, documents[:7]) == documents[9]
    assert record(quadratic, search, 9, documents[:6])["hyperparameters"] != documents[9]["hyperparameters"]


def test_the_first_trials_have_the_points_that_are_given(quadratic: Path, search: dict) -> None:
    points = [{"kind": "b", "n": 7}, {"x": 1.25, "n": "3", "rate": 0.5, "kind": "c"}]
    plain, given = (one_by_one(quadratic, search, 8, given=Steering(given)) for given in ([], points))
    shown = [document["hyperparameters"] for document in given]
    assert shown[0] == plain[0]["hyperparameters"] | {"kind": "b", "n": 7.0}
    assert shown[1] == {"x": 1.25, "n": 3.0, "rate": 0.5, "kind": "c"}
    assert 0 <= given[1]["loss"] - (0.25**2 + 4 + 0.5 + 1) < 0.01
    # The random start is by number, as ever; then what was found counts.
    assert shown[2:5] == [document["hyperparameters"] for document in plain[2:5]]
    assert shown[5:] != [document["hyperparameters"] for document in plain[5:]]
    # A point that was never looked at before its trial runs.
    with pytest.raises(UserError, match=r"^search.points\[1\].n: found 2.5, expected a whole number from 1 to 20"):
        record(quadratic, search, 1, given[:1], given=Steering([{}, {"n": 2.5}]))


def test_trials_of_other_searches_stand_before_the_history(quadratic: Path, search: dict) -> None:
    search["algo"] = "optuna-tpe"
    shown = [{"x": 1.5, "n": 7.0, "rate": 0.1, "kind": "a"}, {"x": -3.0, "n": 25.0, "rate": 0.1, "kind": "a"}]
    others = [
        {"hyperparameters": one, "point": {}, "loss": float(loss), "pruned": None} for loss, one in enumerate(shown)
    ]
    plain, warm = (one_by_one(quadratic, search, 6, given=given) for given in (Steering(), Steering([], others)))
    # One is used: the random start is shorter by one trial.
    assert [one["hyperparameters"] == two["hyperparameters"] for one, two in zip(plain, warm, strict=True)] == [
        *(number < 4 for number in range(6)),
    ]
    told = {"used": 1, "not_used": {"with n outside of this search's space": 1}}
    assert [document["warm_start"] for document in warm] == [told] * 6
    assert not any("warm_start" in document for document in plain)
    # What is found here alone is recorded here.
    assert [document["hyperopt"]["tid"] for document in warm] == list(range(6))


def test_nothing_that_a_model_does_stops_the_search(tmp_path: Path, search: dict) -> None:
    search["algo"] = "rand"
    documents = one_by_one(MODELS / "failing.py", search, 25)
    reasons = {document["hyperparameters"]["way"]: document["failure"] for document in documents}
    assert reasons == {
        "fine": None,
        "raises": "ValueError: a network that cannot be built",
        "type error": "TypeError: unsupported",
        "nan": "ValueError: the loss is nan",
        "no loss": "ValueError: the model function returned no loss, but ['status']",
        "exits": "SystemExit: 3",
    }
    for document in documents:
        failed = document["failure"] is not None
        assert document["status"] == ("failed" if failed else "completed")
        assert document["hyperopt"]["result"]["status"] == ("fail" if failed else "ok")
        # One call each, also after a TypeError, on which Hyperas would call again.
        assert document["loss"] == (None if failed else 1.0)


def test_hyperas_writes_nothing_into_the_working_directory(quadratic: Path, search: dict) -> None:
    (quadratic.parent / "temp_model.py").write_text("mine")
    one_by_one(quadratic, search, 1)
    assert sorted(path.name for path in quadratic.parent.iterdir()) == ["quadratic.py", "temp_model.py"]
    assert (quadratic.parent / "temp_model.py").read_text() == "mine"


COUNTING = """
import numpy as np

def data():
    table = np.loadtxt("rows.csv", dtype=int)
    x = list(table)
    y = table % 3
    pairs = np.random.rand(len(table), 2)
    x_test = table[:5]
    return x, y, pairs, x_test

def model(x, y, pairs, x_test):
    unused = {{uniform(0, 1)}}
    assert len(x) == len(y) == len(pairs) and len(x_test) == 5
    assert all(row % 3 == label for row, label in zip(x, y))
    return {"loss": float(pairs[0, 0]), "status": "ok", "counts": np.bincount(y).tolist()}
"""


def test_data_is_read_from_the_working_directory_and_cut_in_proportion(
    tmp_path: Path, search: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("rows.csv", np.arange(90), fmt="%d")
    Path("counting.py").write_text(COUNTING)
    documents = one_by_one(Path("counting.py"), search | {"train_samples": 30}, 2)
    assert [document["failure"] for document in documents] == [None, None]
    assert [document["hyperopt"]["result"]["counts"] for document in documents] == [[10, 10, 10]] * 2
    # Random data without a seed of its own is the same in every trial.
    assert documents[0]["loss"] == documents[1]["loss"]
    (whole,) = one_by_one(Path("counting.py"), search | {"train_samples": 91}, 1)
    assert whole["hyperopt"]["result"]["counts"] == [30, 30, 30]
