import json
import re
from pathlib import Path

import pytest
from pictured import search, without_accuracy
from snakeras.report import trial_table


def setting(page: Path, name: str) -> str:
    """What the table in a page is told."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(rf'^ *"{name}": (.*?),?$', text, re.MULTILINE)[1])


def test_all_rows_are_there_whatever_their_number(tmp_path: Path) -> None:
    figures = trial_table.write(search(1200), tmp_path / "x.html", {7: "http://h/7"})
    rows = json.loads(setting(tmp_path / "x.html", "data_json"))
    assert len(rows) == figures["trials"] == 1200 and figures["linked"] == 1
    assert setting(tmp_path / "x.html", "pageLength") == 25
    assert rows[7][0] == '<a href="http://h/7" target="_blank" rel="noopener">7</a>' and rows[8][0] == "8"
    assert isinstance(rows[8][6], float)
    assert [row[0] for row in rows if "<mark>" in row[1]] == [str(figures["best"])]


def test_trials_of_other_searches_are_said_to_be_elsewhere(tmp_path: Path) -> None:
    trial_table.write(search(5), tmp_path / "x.html", {})
    assert "Not in this table" not in (tmp_path / "x.html").read_text()
    warm = {"used": 3, "not_used": {"without k1": 2}}
    trial_table.write(search(5) | {"warm_start": warm}, tmp_path / "x.html", {})
    said = (
        "Not in this table: warm start: 3 trials of other searches stand before the history; 2 not used (2 without k1)"
    )
    assert said in (tmp_path / "x.html").read_text()


def test_text_is_escaped(tmp_path: Path) -> None:
    found, evil = search(3, failed=1.0), "</script><script>alert(1)</script>"
    found["name"] = found["trials"][0]["failure"] = evil
    found["trials"][1]["hyperparameters"] = {evil: evil}
    trial_table.write(found, tmp_path / "x.html", {0: 'http://h/"onclick="x'})
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "alert(1)</script>" not in text
    data = setting(tmp_path / "x.html", "data_json")
    assert "<script" not in data + setting(tmp_path / "x.html", "table_html") and '"onclick' not in data


def test_columns_by_what_was_searched() -> None:
    found = search(4, hyperparameters=2, failed=0, pruned=0)
    found["trials"][0]["hyperparameters"] = {"Loss": None, "f1": 8}
    found["trials"][1]["hyperparameters"] = {}
    columns = trial_table.columns(found, {})
    assert list(columns) == [
        *("Trial", "Status", "Validation accuracy", "Loss", "Epochs", "Duration in s"),
        *("f1", "k1", "Loss (hyperparameter)", "Why it ended early"),
    ]
    assert columns["f1"][:2] == [8, None] and columns["Loss (hyperparameter)"] == ["None", "", "", ""]
    assert list(trial_table.columns(without_accuracy(found), {}))[2:4] == ["Loss", "Epochs"]


def test_why_a_trial_ended_early() -> None:
    trial = {"status": "failed", "failure": "ValueError: a\n  b", "failed_at": "model.py, line 3"}
    assert trial_table.reason(trial) == "ValueError: a b (model.py, line 3)"
    pruned = {"epoch": 3, "monitor": "val_loss", "value": 0.123456}
    assert trial_table.reason({"status": "pruned", "pruned": pruned}) == "pruned after epoch 3: val_loss 0.1235"
    assert trial_table.reason({"status": "completed"}) == ""


@pytest.mark.parametrize(
    ("uri", "start"),
    [
        ("https://me:secret@host:5000/mlflow/", "https://host:5000/mlflow/#/experiments/3/runs/"),
        ("sqlite:///mlflow.db", None),
        (None, None),
    ],
)
def test_links_to_a_server_alone_and_without_its_password(tmp_path: Path, uri: str | None, start: str | None) -> None:
    (tmp_path / "search.json").write_text(json.dumps({"tracking_uri": uri, "experiment_id": "3", "run_id": "s"}))
    paths = [tmp_path / "0000.json", tmp_path / "0012.json"]
    for path in paths:
        path.write_text(json.dumps({"run_id": f"r{path.stem}"}))
    links = trial_table.links(tmp_path / "search.json", paths)
    assert links == ({0: f"{start}r0000", 12: f"{start}r0012"} if start else {})


def test_a_skipped_trial_says_why_and_has_no_link(tmp_path: Path) -> None:
    found = search(3, failed=0, pruned=0)
    found["trials"][2] |= {"status": "skipped", "skipped": "target: x < 1", "hyperparameters": {}, "value": None}
    columns = trial_table.columns(found, {})
    assert (columns["Status"][2], columns["Why it ended early"][2]) == ("skipped", "target: x &lt; 1")
    assert trial_table.write(found, tmp_path / "x.html", {})["skipped"] == 1
    (tmp_path / "search.json").write_text(json.dumps({"tracking_uri": "http://h", "experiment_id": "3"}))
    (tmp_path / "0002.json").write_text(json.dumps({"run_id": None}))
    assert trial_table.links(tmp_path / "search.json", [tmp_path / "0002.json"]) == {}
