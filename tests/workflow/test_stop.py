"""A search with a stop rule: what is skipped, and what runs when the rule changes."""

import json

import pytest
from workflow_folder import Folder, new_folder

pytestmark = pytest.mark.slow

BEST = "results/stopped/best.json"


def records(folder: Folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.results.glob("trials/[0-9][0-9][0-9][0-9].json")}


def test_trials_after_the_rule_held_are_skipped_until_it_is_loosened(tmp_path) -> None:
    two = new_folder(tmp_path / "two", "stopped")
    two.run("--", BEST)
    before, one = records(two), two.copy(tmp_path / "one")
    assert [row["status"] for row in two.rows()] == ["completed"] * 4 + ["skipped"] * 2
    assert json.loads((two.results / "best.json").read_text())["trials"] == {"completed": 4, "skipped": 2}

    # Tighter: what is finished stays, and one more trial is skipped too.
    tighter = ["--config", "search={max_evals: 7, stop: {target: 0.5}}", "--", BEST]
    assert one.planned(*tighter) == {"trial": 1, "best": 1}
    none = ["--config", "search={stop: null}", "--", BEST]
    assert two.planned(*none) == {"trial": 2, "best": 1}
    said = two.run(*none)
    assert "2 trials run again: search.stop no longer skips them" in said
    assert said.count(" starts, one of 6") == 2
    after = records(two)
    assert {name for name in after if after[name] != before[name]} == {"0004.json", "0005.json"}
    assert {row["status"] for row in two.rows()} == {"completed"}
    assert two.planned(*none) == two.planned("--", BEST) == {}

    # One at a time, in the same folder; the third follows the second.
    in_a_row = ["parallelism: 1", "max_evals: 4"]
    first, then = (
        ["--config", f"search={{{', '.join([*in_a_row, stop])}}}", "--", BEST]
        for stop in ("stop: {target: 0.1}", "stop: {target: null, patience: 1}")
    )
    one.run(*first)
    assert [row["status"] for row in one.rows()] == ["completed"] + ["skipped"] * 3
    said = one.run(*then)
    assert said.count(" starts, one of 4") == 1
    assert (
        "trial 0002: skipped (patience: loss 0.07748 of trial 0000 was not improved by search.stop.patience, 1" in said
    )
    assert "trial 0003: skipped; 4 of 4 done (2 skipped)\n" in said
    assert one.rows()[:2] == two.rows()[:2]
    assert one.planned(*then) == {}
