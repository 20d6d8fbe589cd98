"""The comparison with other libraries, with the smallest of budgets; and its tables, on made-up searches."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from conftest import ROOT
from processes import GUARD, wait_for

sys.path.append(str(ROOT / "benchmarks"))
from compared import behaviour, data, libraries, measure, phases, results, table, tasks  # noqa: E402
from compared.behaviour import outcome, resumed  # noqa: E402
from compared.job import Job  # noqa: E402
from compared.rows import ROWS  # noqa: E402
from compared.trace import Fit  # noqa: E402

COMMAND = [sys.executable, str(ROOT / "benchmarks" / "peers.py"), "--results"]


def peers(folder: Path, *arguments: str, code: int = 0) -> str:
    run = subprocess.run(
        [*COMMAND, folder, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert run.returncode == code, run.stdout
    return run.stdout


def command_lines(process: psutil.Process) -> list[str]:
    """Return the command line of each process below this one."""
    lines = []
    for one in process.children(recursive=True):
        with suppress(psutil.Error):
            lines.append(" ".join(one.cmdline()))
    return lines


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--trials", "0"], "argument --trials: found 0, expected a whole number from 1"),
        (["--seeds", "two"], "argument --seeds: found two, expected a whole number from 1"),
        (["--ours", "2"], "argument --ours: found 2, expected a mapping such as {{threads: 2}}"),
        (["--ours", "{threads"], "argument --ours: found {{threads, expected a mapping such as {{threads: 2}}"),
        (["--page", "none.md"], "argument --page: none.md: No such file or directory"),
        (
            ["--page", "plain.md"],
            "argument --page: found no lines <!-- figures --> and <!-- end of figures --> in plain.md",
        ),
        (["--libraries", ""], f"argument --libraries: found none, expected some of {', '.join(ROWS)}"),
        (["--tasks", "text,mine"], "argument --tasks: found mine, expected some of digits, text, table, mnist"),
        (["--results", "plain.md/here"], "--results {folder}/plain.md/here: Not a directory"),
        (["--so-far"], "--so-far: found none of these searches in {folder}/results-peers/runs, expected one or more"),
    ],
)
def test_a_wrong_argument_is_one_clear_line(tmp_path: Path, monkeypatch, capsys, arguments: list, line: str) -> None:
    import peers

    monkeypatch.chdir(tmp_path)
    Path("plain.md").write_text("no place for figures")
    monkeypatch.setattr(sys, "argv", ["peers.py", *arguments])
    with pytest.raises(SystemExit) as end:
        peers.main()
    said = [*capsys.readouterr().err.splitlines(), end.value.code]
    # argparse prints its line, and its code is 2.
    found = said[-2] if said[-1] == 2 else said[-1]
    assert found.removeprefix("peers.py: error: ") == line.format(folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plain.md"]


@pytest.mark.slow
def test_two_libraries_and_one_that_is_missing(tmp_path: Path) -> None:
    missing = [name for name, row in ROWS.items() if row.version is None][:1]
    rows = ["tutorial", "optuna-median", *missing]
    arguments = ["--quick", "--tasks", "table", "--asked", "", "--libraries", ",".join(rows), "--trials", "2"]
    arguments += ["--epochs", "1", "--samples", "100"]
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nnone\n<!-- end of figures -->\nafter\n")
    peers(tmp_path, *arguments, "--page", str(page))
    for row in rows:
        found = json.loads((tmp_path / "runs" / "table" / row / "1.json").read_text())
        if row in missing:
            assert found["error"] == f"{ROWS[row].package} is not installed: make setup EXTRA=benchmarks"
            continue
        assert (found["trials"], found["epochs"]) == (2, 2)
        assert set(found["hyperparameters"]) == set(tasks.TABLE)
        assert [score for _, score in found["curve"]].count(found["best"]) == 1
        assert 0 < found["curve"][0][0] < found["curve"][1][0] < found["seconds"]
        assert np.isfinite(found["test"])
    before, *_, after = page.read_text().splitlines()
    assert (before, after) == ("before", "after")
    tables = (tmp_path / "comparison.md").read_text()
    assert tables in page.read_text()
    assert all(ROWS[row].title in tables for row in rows)
    assert "<svg" in (tmp_path / "comparison.svg").read_text()
    assert (tmp_path / "page.svg").read_text() == (tmp_path / "comparison.svg").read_text()
    # Of twice as many searches, those that have ended.
    assert "rule run:" not in peers(tmp_path, *arguments, "--seeds", "2", "--so-far")
    assert "One seed." in (tmp_path / "comparison.md").read_text()
    # What has ended well does not run again, what failed does, and more of it.
    assert peers(tmp_path, *arguments, "--dry-run").count("rule run:") == len(missing)
    again = len(rows) + len(missing)
    assert peers(tmp_path, *arguments, "--seeds", "2", "--dry-run").count("rule run:") == again


@pytest.mark.slow
def test_killed_it_ends_and_goes_on_and_what_failed_runs_again(tmp_path: Path) -> None:
    arguments = ["--tasks", "table", "--asked", "", "--libraries", "ours,sklearn-random"]
    arguments += ["--seeds", "1", "--trials", "2", "--epochs", "1", "--samples", "100"]
    with (tmp_path / "log.txt").open("w") as log:
        killed = psutil.Popen([*COMMAND, tmp_path, *arguments], stdout=log, stderr=log)
    # In the middle of a trial.
    wait_for(lambda: any("snakeras.process import child" in line for line in command_lines(killed)))
    everything = killed.children(recursive=True)
    killed.kill()
    killed.wait()
    assert psutil.wait_procs(everything, timeout=GUARD)[1] == []
    run(tmp_path, "table", "sklearn-random", 1, [], error="out of memory")
    assert not (tmp_path / "runs" / "table" / "ours" / "1.json").exists()

    peers(tmp_path, *arguments)
    for row in ("ours", "sklearn-random"):
        assert json.loads((tmp_path / "runs" / "table" / row / "1.json").read_text())["trials"] == 2


def run(folder: Path, task: str, row: str, seed: int, curve: list, **more: object) -> Path:
    path = folder / "runs" / task / row / f"{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    losses = [tasks.TASKS[task].loss(score) for _, score in curve]
    best = tasks.TASKS[task].loss(min(losses, default=0))
    known = {"seconds": 100.0, "memory": 500.0, "trials": len(curve), "epochs": 9, "curve": curve, "best": best}
    path.write_text(json.dumps(known | {"test": 0.5, "phases": {}, "versions": {}, "machine": "a machine"} | more))
    return path


def test_time_to_the_median_peers_best(tmp_path: Path) -> None:
    curves = {
        "ours": [(10, 0.7)],
        "ours-more": [(10, 0.7), (20, 0.9)],
        "optuna-median": [(15, 0.9)],
        "nevergrad": [(5, 0.8), (6, 0.7)],
        "talos": [(9, 0.6)],
    }
    paths = [run(tmp_path, "digits", row, 1, curve) for row, curve in curves.items()]
    paths.append(run(tmp_path, "digits", "sherpa", 1, [], error="is not installed"))
    (one,) = results.read(paths)
    assert one.target(1) == 0.8
    assert [runs[1].reached(one.task, 0.8) for runs in one.rows.values()] == [np.inf, 20, 15, 5, np.inf]
    shown = table.of_task(one)
    assert "| Talos | 100 | 9 | 0.6000 | 0.5000 | never | 500 |" in shown
    assert "SHERPA, GPyOpt: is not installed" in shown
    assert "| Optuna, TPE and MedianPruner | 1.00 | 1.33 | 0.9000 / 0.9000 |" in shown
    assert "| Nevergrad, NGOpt | 1.00 | 4.00 | 0.9000 / 0.8000 |" in shown


def test_times_are_compared_on_one_machine(tmp_path: Path) -> None:
    rows = ("ours", "ours-more", "talos")
    paths = [run(tmp_path, "digits", row, seed, [(seed, 0.5)]) for row in rows for seed in (1, 2)]
    paths[-1] = run(tmp_path, "digits", "talos", 2, [(9, 0.9)], machine="another", seconds=9.0)
    assert "| Talos | 1.00 | 1.00 | 0.5000 / 0.5000 |" in table.beside(*results.read(paths))
    paths[-2] = run(tmp_path, "digits", "talos", 1, [(9, 0.9)], machine="another")
    assert table.beside(*results.read(paths)) == ""


@pytest.mark.parametrize("name", tasks.TASKS)
def test_a_grid_is_of_the_space_without_its_end(name: str) -> None:
    for one in tasks.TASKS[name].space.values():
        values = libraries.grid(one)
        if isinstance(one, tasks.Number) and not one.step:
            steps = np.diff(np.log(values) if one.log else values)
            assert (len(values), values[0]) == (10, pytest.approx(one.low))
            assert steps == pytest.approx(np.full(9, steps[0]))
            assert values[-1] < one.high
        else:
            assert values == one.values


def test_our_searches_are_those_of_config_yaml_but_for_what_the_task_and_the_command_say() -> None:
    job = Job("ours-more", "table", 3, 12, 8, 2, data="", folder="", ours={"threads": 4})
    known = yaml.safe_load((ROOT / "config.yaml").read_text())["search"]
    found = measure.configuration(job)["search"]
    changed = {key: value for key, value in found.items() if value != known[key]}
    given = {"model": "search.py", "max_evals": 24, "epochs": 8, "train_samples": None, "seed": 3, "threads": 4}
    assert changed == given
    assert measure.configuration(replace(job, at_once=2))["search"]["threads"] == 1


def test_a_loss_is_better_when_lower(tmp_path: Path) -> None:
    (one,) = results.read([run(tmp_path, "table", "talos", 2, [(1, 0.5), (2, 0.3), (3, 0.4)])])
    assert (one.target(2), one.rows["talos"][2].reached(one.task, 0.45)) == (0.3, 2)
    assert one.rows["talos"][2].best_at(one.task, 10) == 0.3
    assert np.isnan(one.rows["talos"][2].best_at(one.task, 0))


def test_median_and_range_over_seeds() -> None:
    assert table.over_seeds([3.0, 1.0, 2.0], 1) == "2.0 (1.0 to 3.0)"
    assert table.over_seeds([3.0, 1.0, np.inf], 0) == "3 (1 to never)"
    assert table.over_seeds([2.0, 2.0], 0) == "2"
    assert table.over_seeds([np.nan], 0) == ""


def test_what_was_asked() -> None:
    answers = {
        ("killed", "ours"): {"lost": 0, "ended_before": 3, "same": True},
        ("parallel", "ours"): {"same": True},
        ("raised", "ours"): {"run": 3, "before": 6},
        ("killed", "talos"): {"lost": 3, "ended_before": 3, "same": False},
        ("parallel", "talos"): {"same": None},
        ("raised", "talos"): {"error": "out of memory"},
    }
    *_, ours, talos = table.asked(answers).splitlines()
    assert ours == "| Snakeras | 0 of 3 | yes | yes | 3, with 6 done |"
    assert talos == "| Talos | 3 of 3 | no | not without a server | out of memory |"
    fits = [Fit(1.0, 2, 0.5, {"a": 1}, {}), Fit(2.0, 2, 0.6, {"a": 2}, {})]
    assert outcome(fits) == outcome([Fit(9.0, 2, 0.6, {"a": 2}, {}), Fit(8.0, 2, 0.5, {"a": 1}, {})])
    assert outcome(fits) != outcome(fits[:1])


def test_trials_under_way_when_killed_are_not_lost() -> None:
    whole = [Fit(0.0, 2, number / 10, {"a": number}, {}) for number in range(6)]
    half = [replace(fit, epochs=1, score=0.9) for fit in whole]
    two_at_a_time = resumed(whole, [*whole[:2], half[2], whole[3]], whole[2:], under_way=2)
    assert two_at_a_time == {"ended_before": 2, "trials": 6, "lost": 0, "same": True}
    from_the_start = resumed(whole, [*whole[:3], half[3]], whole, under_way=1)
    assert from_the_start == {"ended_before": 3, "trials": 6, "lost": 3, "same": True}
    # The fourth trial went on as another one, or never again.
    assert not resumed(whole, [*whole[:3], half[3]], [half[3], *whole[4:]], under_way=1)["same"]
    assert not resumed(whole, [*whole[:3], half[3]], whole[4:], under_way=1)["same"]


def test_a_search_that_was_not_killed_says_nothing_about_it(tmp_path: Path, monkeypatch) -> None:
    job = Job("talos", "table", 1, 6, 2, 2, data="", folder=str(tmp_path))
    monkeypatch.setattr(behaviour, "watched", lambda *_: measure.Watched(0.0, 1.0, 100.0))
    with pytest.raises(measure.SearchFailed, match="it ended before it could be killed"):
        behaviour.killed(job)


def test_where_the_time_goes(tmp_path: Path) -> None:
    clocks = [
        {"called": 1003.0, "begun": 1004.0, "epochs": [3.0, 1.0, 1.0], "validation": 0.5},
        {"called": 1013.0, "begun": 1013.5, "epochs": [4.0], "validation": 0.5},
    ]
    (tmp_path / "trials").mkdir()
    for number, (started, finished) in enumerate([(1000, 1010), (1011, 1019)]):
        times = {
            name: f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S+00:00}"
            for name, at in {"started": started, "finished": finished}.items()
        }
        (tmp_path / "trials" / f"{number:04}.run.json").write_text(json.dumps(times))
    fits = [Fit(1009.5, 3, 0.5, {}, clocks[0]), Fit(1018.0, 1, 0.5, {}, clocks[1])]
    assert list(phases.of(tmp_path, fits, 25.0, at_once=1).values()) == [7.0, 5.0, 1.5, 4.0, 5.0, 1.0, 1.5]
    # Both at once: the cores' time is twice as much, and what is left of it is idle.
    assert list(phases.of(tmp_path, fits, 15.0, at_once=2).values()) == [6.0, 2.5, 0.75, 2.0, 2.5, 0.5, 0.75]


@pytest.mark.parametrize(("made", "rows"), [(data.texts, 6000), (data.houses, 20640)])
def test_made_data_are_decided_by_the_seed(made, rows: int) -> None:
    first, again, other = made(1, None), made(1, None), made(2, None)
    for name, array in first.items():
        assert np.array_equal(array, again[name])
        assert not np.array_equal(array, other[name])
    assert [len(first[f"x_{part}"]) for part in tasks.PARTS] == [rows * 4 // 6, rows // 6, rows // 6]


def test_arrays_keep_their_targets(tmp_path: Path) -> None:
    whole = data.houses(3, None)
    data.write("table", 3, 50, tmp_path, tmp_path / "data")
    x, y, *_ = tasks.arrays(tmp_path / "data", *tasks.PARTS)
    assert (x.shape, y.shape) == ((50, 8), (50, 1))
    target = {row.tobytes(): value for row, value in zip(whole["x_train"], whole["y_train"], strict=True)}
    assert all(target[row.tobytes()] == value for row, value in zip(np.array(x), np.array(y), strict=True))
