import json
import shutil
from pathlib import Path

import pytest
from conftest import MODELS, ROOT
from snakeras.core.errors import UserError
from snakeras.core.settings import Settings
from snakeras.search import hyperopt_trials, trial_records
from snakeras.workflow import config_validation, steering
from snakeras.workflow.search_files import SearchFiles


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(MODELS / "quadratic.py", "mine.py")


def settled(points: object, model: str = "mine.py", **search: object) -> list[dict]:
    given = {"data": {"dataset": "model"}, "search": {"model": model, "points": points, **search}}
    config_validation.read(given, ROOT)
    # What a job reads is what was read before it.
    again = {"data": {"dataset": "model"}, "search": {"model": model, "points": given["search"]["points"], **search}}
    config_validation.read(again, ROOT, in_job=True)
    assert again == given
    return given["search"]["points"]


def complaint(points: object, **search: object) -> str:
    with pytest.raises(UserError) as raised:
        settled(points, **search)
    return str(raised.value)


def best(path: str, hyperparameters: dict, **more: object) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps({"hyperparameters": hyperparameters} | more))
    return path


def test_points_of_a_file_and_of_the_command_line_are_the_same() -> None:
    from_file = settled([{"n": 7, "kind": "b", "rate": 0.01}, {"x": -1.5}])
    assert from_file == settled([{"n": "7", "kind": "b", "rate": "1e-2"}, {"x": "-1.5"}])
    assert from_file == [{"n": 7.0, "kind": "b", "rate": 0.01}, {"x": -1.5}]


def test_a_best_json_stands_for_its_hyperparameters() -> None:
    path = best("results/other/best.json", {"x": 0.5, "n": 7.0, "rate": 0.1, "kind": "a"})
    assert settled(path) == [{"x": 0.5, "n": 7.0, "rate": 0.1, "kind": "a"}]
    assert settled([{"n": 3}, path])[0] == {"n": 3.0}
    wrong = best("results/wrong/best.json", {"x": 5.5})
    assert complaint([{"n": 3}, wrong]) == (
        "search.points[1].x: found 5.5, expected a number from -5 to 5; the nearest is 5 (in results/wrong/best.json)"
    )


def test_what_is_inside_a_choice_comes_from_a_best_json_too() -> None:
    inner = "hp.choice('inner', [3, hp.quniform('deep', 0, 10, 2)])"
    options = f"[dict(a={inner}), hp.uniform('low', 0, 1), hp.uniform('high', 0, 2)]"
    text = Path("mine.py").read_text()
    Path("nested.py").write_text(text.replace('choice(["a", "b", "c"])', f"choice({options})"))
    shown = f"dict(a={inner})"
    point = {"x": 1.0, "kind": 0, "inner": 1, "deep": 4.0}
    path = best("results/nested/best.json", {"x": 1.0, "kind": shown}, point=point)
    assert settled(path, "nested.py") == [{"x": 1.0, "kind": shown, "deep": 4.0}]
    path = best("results/nested/best.json", {"kind": shown}, point={"kind": 0, "inner": 0})
    assert settled(path, "nested.py") == [{"kind": shown, "inner": 3}]
    # Of two options with this value.
    path = best("results/nested/best.json", {"kind": 0.5}, point={"kind": 2, "high": 0.5})
    assert settled(path, "nested.py") == [{"kind": 0.5, "high": 0.5}]


def test_options_that_only_a_trial_can_evaluate_are_known_by_their_texts() -> None:
    options = (
        "[Dropout(0.5), Activation('linear'), layers.ReLU(), optimum, 'none', dict(rate=hp.uniform('own', 0, f(1)))]"
    )
    text = "from keras import layers\nfrom keras.layers import *\n" + Path("mine.py").read_text()
    Path("layers.py").write_text(
        text.replace('["a", "b", "c"]', options).replace("uniform(-5, 5)", "uniform(0, optimum)")
    )
    for value in ("Dropout(0.5)", "layers.ReLU()", "none", "Activation('linear')"):
        assert settled([{"kind": value}], "layers.py") == [{"kind": value}]
    # What the data or a package decide is left to the trial.
    for point in ({"kind": 1.5}, {"own": 0.5}, {"x": 7.0}):
        assert settled([point], "layers.py") == [point]
    Path("layers.py").write_text(Path("layers.py").read_text().replace("optimum, 'none'", "'none'"))
    said = complaint([{"kind": "Dropout(0.4)"}], model="layers.py")
    assert said.startswith("search.points[0].kind: found 'Dropout(0.4)', expected one of Dropout(0.5), Activation('lin")


def test_mistakes_are_a_line_each() -> None:
    best("results/mnist/best.json", {"x": 1})
    best("empty.json", {})
    Path("list.json").write_text("[]")
    Path("empty.json").write_text("{}")
    points = [{"nn": 3}, {"n": 20.5}, "none.json", "list.json", "empty.json", "results/mnist/best.json", {"x": None}]
    assert complaint(points).splitlines() == [
        "search.points[0].nn: unknown hyperparameter, did you mean n?",
        "search.points[1].n: found 20.5, expected a whole number from 1 to 20; the nearest is 20",
        "search.points[2]: found 'none.json', expected values such as {k1: 3}, or the path of a best.json",
        "search.points[3]: list.json: found list, expected a JSON object",
        "search.points[4]: empty.json: found no hyperparameters, expected the best.json of a search",
        "search.points[5]: found results/mnist/best.json, which this search writes itself; expected that of another, "
        "or its values",
        "search.points[6].x: found None, expected a number from -5 to 5",
    ]
    assert complaint([{}, {}, {}], max_evals=2) == (
        "search.points: found 3 points, expected at most search.max_evals (2)"
    )
    for wrong in ({"x": 1}, 5, [5], [[{"x": 1}]]):
        assert "expected a list of points such as [{k1: 3}] or of paths of best.json" in complaint(wrong)


def write(folder: str, *hyperparameters: dict, status: str = "completed") -> None:
    """Trials of another search."""
    (Path(folder) / "trials").mkdir(parents=True)
    for number, values in enumerate(hyperparameters):
        record = {"format": 1, "trial": number, "status": status, "loss": number / 4, "pruned": None, "fits": []}
        record |= {"hyperparameters": values, "hyperopt": hyperopt_trials.proposed_nothing(number), "determined_by": {}}
        path = Path(folder, "trials", f"{trial_records.name(number)}.json")
        path.write_text(json.dumps(trial_records.sealed(record)))


FITS = {"x": 0.5, "n": 7.0, "rate": 0.1, "kind": "a"}


def warmed(folders: object, **search: object) -> Settings:
    given = {"data": {"dataset": "model"}, "search": {"model": "mine.py", "warm_start": folders, **search}}
    return config_validation.read(given, ROOT)


def test_trials_of_other_searches_are_inputs_where_they_count() -> None:
    write("results/a", FITS, FITS | {"x": 9.0})
    files = SearchFiles(warmed(["results/a"]))
    assert files.warm_start == ["results/a/trials/0000.json", "results/a/trials/0001.json"]
    assert files.warm_start_digest
    none = SearchFiles(warmed([]))
    assert (none.warm_start, none.warm_start_digest) == ([], None)
    # --config may hand over one folder, and a job need not find it again.
    assert warmed("results/a/") == warmed(["results/a/"])
    settings = config_validation.read(
        {"data": {"dataset": "model"}, "search": {"model": "mine.py", "warm_start": ["gone"]}}, ROOT, in_job=True
    )
    assert settings.search.warm_start == ["gone"]


def test_a_folder_in_several_spellings_counts_once() -> None:
    write("results/a", FITS)
    write("results/b", FITS)
    Path("link").symlink_to("results/a")
    Path("results/c").mkdir()
    Path("results/c/trials").symlink_to(Path("results/a/trials").resolve())
    spellings = ["results/a", "results/b", "./results/a/", "results/b/../a", "link", str(Path("results/b").resolve())]
    settings = warmed([*spellings, "results/c"])
    assert settings.search.warm_start == ["results/a", "results/b"]
    assert steering.told(settings) == "warm start: 2 trials of other searches stand before the history"
    assert warmed(["link", "results/a"]).search.warm_start == ["link"]


def test_how_many_are_used_is_said_when_the_search_starts() -> None:
    write("results/a", FITS, FITS | {"x": 9.0}, {"x": 0.5, "n": 7.0, "rate": 0.1})
    assert steering.told(warmed([])) is None
    path = Path("results/a/trials/0000.json")
    assert steering.told(warmed(["results/a"])) == (
        "warm start: 1 trial of other searches stands before the history; 2 not used (1 with x outside of this "
        "search's space, 1 without kind)"
    )
    said = steering.told(warmed(["results/a"], warm_start_defaults={"kind": "c", "n": "3"}))
    assert said.startswith("warm start: 2 trials of other searches stand before the history; 1 not used (1 with x ")
    path.write_text("{")
    assert "3 not used (1 that failed or were altered, 1 with" in steering.told(warmed(["results/a"]))


def test_folders_without_trials_are_refused() -> None:
    write("results/mnist", FITS)
    write("results/failed", FITS, FITS, status="failed")
    Path("results/empty/trials").mkdir(parents=True)
    with pytest.raises(UserError) as raised:
        warmed(
            ["results/none", "results/mnist/", "results/empty", "results/failed", "mine.py"],
            warm_start_defaults={"n": 21, "m": 3},
        )
    assert str(raised.value).splitlines() == [
        "search.warm_start: found 'results/none', which is no folder here, expected that of a search, such as "
        "results/other",
        "search.warm_start: found 'results/mnist', which is this search's own folder, expected that of another search",
        "search.warm_start: found 'results/empty', which has no trials, expected the folder of a search, such as "
        "results/other",
        "search.warm_start: found 'results/failed', of whose 2 trials none was completed or pruned, expected one at "
        "least",
        "search.warm_start: found 'mine.py', which is no folder here, expected that of a search, such as results/other",
        "search.warm_start_defaults.n: found 21, expected a whole number from 1 to 20; the nearest is 20",
        "search.warm_start_defaults.m: unknown hyperparameter, expected one of x, n, rate, kind",
    ]
    with pytest.raises(
        UserError, match=r"search.warm_start: found \[5\]|search.warm_start: found 5, expected a list of"
    ):
        warmed([5])
