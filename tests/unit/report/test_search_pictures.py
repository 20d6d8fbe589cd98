from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from pictured import search, without_accuracy
from snakeras.report import captions, search_pictures


def only_pruned() -> dict:
    return search(6, failed=0, pruned=1)


def branches() -> dict:
    """Hyperparameters that some trials do not have."""
    found = search(30, failed=0.1)
    for trial in found["trials"][::2]:
        for name in ("d1", "optimizer"):
            del trial["hyperparameters"][name]
    return found


def mixed_options() -> dict:
    found = search(20, hyperparameters=2)
    options = ["adam", None, "[16, 32]", 3, "a text that is too long for any axis " * 3]
    found["space"]["kind_<b>"] = {"kind": "choice", "arguments": options}
    for number, trial in enumerate(found["trials"]):
        trial["hyperparameters"]["kind_<b>"] = options[number % len(options)]
    return found


def logarithmic() -> dict:
    found = search(25, hyperparameters=6)
    found["space"] = {"learning_rate": found["space"]["learning_rate"]}
    for trial in found["trials"]:
        trial["hyperparameters"] = {"learning_rate": trial["hyperparameters"]["learning_rate"]}
    return found


def equal() -> dict:
    found = search(5, failed=0, pruned=0)
    for trial in found["trials"]:
        trial["value"] = 0.5
    return found


ALL = {"history", "curves", "slice", "importances", "parallel_coordinates", "contour", "rank", "edf", "timeline"}
PAIRS = {"contour", "rank"}
OF_TWO = {"importances", "parallel_coordinates", "edf"} | PAIRS
SEARCHES = {
    "one": (search(1, failed=0, pruned=0), ALL - OF_TWO),
    "two": (search(2, failed=0, pruned=0), ALL),
    "many": (search(100), ALL),
    "all_failed": (search(5, failed=1), {"timeline"}),
    "only_pruned": (only_pruned(), {"curves", "timeline"}),
    "branches": (branches(), ALL),
    "mixed_options": (mixed_options(), ALL),
    "logarithmic": (logarithmic(), ALL - PAIRS),
    "equal": (equal(), ALL - {"importances"}),
    "loss": (without_accuracy(search(12, failed=0, pruned=0)), ALL - {"curves"}),
    "no_hyperparameters": (search(3, hyperparameters=0, failed=0, pruned=0), {"history", "curves", "edf", "timeline"}),
    "none": (search(0), set()),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_has_its_page_and_its_pictures(tmp_path: Path, name: str) -> None:
    found, expected = SEARCHES[name]
    figures = search_pictures.write(found, tmp_path / "search")
    page = (tmp_path / "search" / "index.html").read_text(encoding="utf-8")
    assert {path.stem for path in (tmp_path / "search").glob("*.svg")} == expected
    assert {path.stem for path in (tmp_path / "search").glob("*.png")} == expected
    drawn = {part.split('"')[0] for part in page.split('<section id="')[1:] if "Plotly.newPlot" in part}
    assert drawn == expected
    assert page.count("<h2>") == len(ALL)
    assert '<script src="plotly.min.js">' in page
    assert "Objective Value" not in page
    assert '"text":"Step"' not in page
    caption = captions.filled((ROOT / "report" / "search.rst").read_text(), figures)
    assert f"all {len(found['trials'])} trials" in " ".join(caption.split())


def test_what_is_missing_is_said() -> None:
    assert (
        search_pictures.missing("edf", search(5, failed=1))
        == "This picture needs 2 completed trials; the search has none."
    )
    assert (
        search_pictures.missing("contour", logarithmic()) == "This picture needs 2 hyperparameters; the search has 1."
    )


def test_importances_of_few_trials_come_with_a_warning() -> None:
    assert search_pictures.too_few(search(44, failed=0, pruned=0)).startswith(
        "No more than a hint: 44 completed trials, of 45"
    )
    assert not search_pictures.too_few(search(45, failed=0, pruned=0))


def test_pairs_of_many_hyperparameters_are_of_the_most_important() -> None:
    drawing = search_pictures.prepare(search(60, failed=0, pruned=0))
    assert "d1" in drawing.parameters("contour")
    assert len(drawing.parameters("rank")) == search_pictures.MOST_IMPORTANT
    assert drawing.parameters("slice") == list(drawing.search["space"])


def test_a_contour_has_few_lines_and_no_other_range() -> None:
    drawing = search_pictures.prepare(search(300, failed=0, pruned=0))
    binned = search_pictures._binned(drawing).trials
    for name in ("d1", "learning_rate"):
        before, after = ([trial.params[name] for trial in trials] for trials in (drawing.study.trials, binned))
        assert len(set(after)) <= search_pictures.BINS
        assert (min(after), max(after)) == (min(before), max(before))
        assert np.corrcoef(before, after)[0, 1] > 0.99


def test_long_names_are_cut_and_still_differ() -> None:
    names = ["a_name_that_is_longer_than_any_axis_1", "a_name_that_is_longer_than_any_axis_1" + "_" * 3 + "1"]
    found = search(2, hyperparameters=0, failed=0, pruned=0)
    found["space"] = {f"{'x' * 40}{name}{'y' * 40}": None for name in names}
    assert len(search_pictures._with_short_names(found)["space"]) == 2


def test_trials_with_equal_hyperparameters_tell_no_importances() -> None:
    trials = [{"status": "completed", "value": value, "hyperparameters": {"n": 4}} for value in (1.0, 2.0)]
    assert "have the same hyperparameters" in search_pictures.missing("importances", {"trials": trials})
    trials[1]["hyperparameters"] = {"n": 5}
    assert search_pictures.missing("importances", {"trials": trials}) is None
