import html as markup
import re
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import jinja2
import pytest
from docutils.core import publish_parts
from pictured import search
from snakeras.report import captions, summary

BEST = {
    "hyperparameters": {"<b>": 0.123456, "f1": 40.0},
    "loss": -0.9,
    "val_accuracy": 0.9,
    "trial": 1,
    "provenance": {
        "data_sha256": "d" * 64,
        "model_digest": "e" * 64,
        "config_sha256": "c" * 64,
        "packages": {"k": "3"},
    },
}
METRICS = {
    "model": "model.keras",
    "loss": -0.91,
    "test_loss": 0.3,
    "test_samples": 1000,
    "test_accuracy": 0.667,
    "test_accuracy_interval": [0.6372, 0.6955],
    "parameters": 200002,
    "test_data_seen_by_search": False,
    "train_on": "all",
}
DATA = {
    "dataset": "mnist-5k",
    "validation_fraction": 0.1667,
    "arrays": {"x_train": {"shape": [3333, 28, 28, 1], "dtype": "float32"}},
}
HAPPENED = {"python": "3.11.7", "git": {"commit": "a" * 40, "changed": True}}
NOTHING = dict.fromkeys(("test_accuracy", "test_accuracy_interval", "test_loss", "parameters")) | {"test_samples": 0}


def page(tmp_path: Path, metrics: dict = METRICS, data: dict | None = DATA, run_record: dict = HAPPENED) -> str:
    summary.write(search(20), BEST, metrics, data, run_record, "snakemake <x>", tmp_path / "x.html")
    return (tmp_path / "x.html").read_text(encoding="utf-8")


def test_trials_of_other_searches_have_a_row(tmp_path: Path) -> None:
    assert "Warm start" not in page(tmp_path)
    found = search(20) | {"warm_start": {"used": 3, "not_used": {}}}
    figures = summary.write(found, BEST, METRICS, DATA, HAPPENED, "snakemake", tmp_path / "x.html")
    assert figures["trials"] == 20
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "<tr><th>Warm start</th><td>3 trials of other searches stand before the history</td></tr>" in text


def test_the_result_the_data_and_how_to_run_it_again(tmp_path: Path) -> None:
    text = page(tmp_path)
    for said in (
        *("66.70 % test accuracy", "63.72 % to 69.55 %", "1000 samples", "200,002 parameters", "&lt;b&gt;", "0.1235"),
        *(
            "3333 × 28 × 28 × 1, float32",
            "16.67 % of",
            "snakemake &lt;x&gt;",
            f"{'a' * 40}, with changes since",
            "1.3 times",
        ),
    ):
        assert said in text
    assert "None" not in text and "http" not in text


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (METRICS | {"test_accuracy": None, "test_accuracy_interval": None}, "Test loss"),
        (METRICS | NOTHING, "was not tested: its loss"),
        (METRICS | NOTHING | {"test_metrics": {"mae": 0.25}}, ">0.25 test mae<"),
        (METRICS | {"test_metrics": {"auc": 0.75}}, "<th>Test auc</th><td>0.75</td>"),
        (METRICS | NOTHING | {"not_tested": "no data"}, "was not tested: no data."),
        (METRICS | NOTHING | {"model": None}, "trains no model to keep"),
        (METRICS | {"test_data_seen_by_search": True}, "favourable"),
    ],
)
def test_other_kinds_of_models(tmp_path: Path, metrics: dict, said: str) -> None:
    text = page(tmp_path, metrics, None, {"git": None})
    assert said in text and "None" not in text and "the script's own data function" in text.replace("&#39;", "'")


class Category(NamedTuple):
    name: str


def first_page(tmp_path: Path, trials: int, summaries: int) -> str:
    """The first page of a report, as Snakemake makes it, but for its links."""
    found = [SimpleNamespace(target="summary.html", path=tmp_path / "x.html")] * summaries
    categories = {Category("Summary"): {None: found}, Category("Final model"): {None: []}}
    settings = {"max_evals": trials, "model": "m.py", "parallelism": 1, "algo": "tpe", "seed": 1}
    config = SimpleNamespace(config=SimpleNamespace(name="x", search=settings))
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    links = "\n\n.. _Summary: a\n.. _Search: b\n.. _Trials: c\n.. _Final model: d\n"
    text = environment.from_string((captions.REPORT / "workflow.rst").read_text() + links)
    return publish_parts(text.render(snakemake=config, categories=categories), writer="html")["html_body"]


@pytest.mark.parametrize(("trials", "summaries"), [(4, 1), (400, 1), (4, 2), (4, 0)])
def test_the_report_begins_with_the_summaries(tmp_path: Path, trials: int, summaries: int) -> None:
    # docutils refuses a line of more than 10,000 characters.
    page(tmp_path, data=DATA | {"arrays": dict.fromkeys(map(str, range(100)), DATA["arrays"]["x_train"])})
    text = first_page(tmp_path, trials, summaries)
    assert "system-message" not in text
    frames = re.findall(r'<iframe [^<]*srcdoc="([^"]*)"></iframe>', text)
    whole = (tmp_path / "x.html").read_text()
    assert [markup.unescape(frame).split() for frame in frames] == [whole.split()] * summaries
    assert frames == [] or len(frames[0]) > 10_000
    assert ("display: none" in text) == (trials == 400)


def test_what_it_cost() -> None:
    times = [("10:00", "10:10"), ("10:05", "10:15"), ("10:25", "10:30")]
    trials = [
        {"started": f"2026-11-24T{start}+00:00", "finished": f"2026-11-24T{end}+00:00", "seconds": seconds}
        for (start, end), seconds in zip(times, (600, 600, 300), strict=True)
    ]
    assert summary._spent(trials) == {"computing": "25 min", "wall": "30 min", "active": "20 min", "speed_up": "1.2"}
    assert set(summary._spent([]).values()) == {None}


def test_epochs_that_pruning_spared() -> None:
    trials = [
        {"status": "completed", "epochs": 6},
        {"status": "pruned", "epochs": 2},
        {"status": "pruned", "epochs": 9},
        {"status": "failed", "epochs": 1},
    ]
    assert summary.saved_epochs({"search": {"epochs": 10}, "trials": trials}) == 9
    assert summary.saved_epochs({"search": {"epochs": None}, "trials": trials}) == 4
    assert summary.saved_epochs({"search": {}, "trials": trials[1:]}) is None
