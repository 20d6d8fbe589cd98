"""Write the comparison's tables: python -m compared.table OUTPUT COMMAND FILES..."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from compared import results
from compared.behaviour import QUESTIONS
from compared.phases import PHASES
from compared.results import Compared
from compared.rows import ROWS
from compared.tasks import Task

HEADS = {
    "wall time, s": 0,
    "epochs": 0,
    "best validation {score}": 4,
    "test {score} after retraining": 4,
    "s to the median peer's best": 0,
    "peak memory, MB": 0,
}


def over_seeds(values: Iterable[float], digits: int) -> str:
    """Return median, minimum and maximum; a search that never got there counts as longer than all others."""

    def shown(value: float) -> str:
        return "never" if np.isinf(value) else f"{value:.{digits}f}"

    values = np.array(list(values), dtype=float)
    if np.isnan(values).all():
        return ""
    middle = shown(np.sort(values)[len(values) // 2] if np.isinf(values).any() else np.median(values))
    low, high = shown(values.min()), shown(values.max())
    return middle if low == high else f"{middle} ({low} to {high})"


def lines(heads: list[str], rows: Iterable[list[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, ["---"] * len(heads), *rows])


def of_task(one: Compared) -> str:
    """Return the table of a task: a row for each library, or why there is none."""
    score = "accuracy" if one.task.mode == "max" else "loss"

    def columns(runs: dict[int, results.Run]) -> list[list[float]]:
        return [
            [run.seconds for run in runs.values()],
            [run.epochs for run in runs.values()],
            [run.best for run in runs.values()],
            [run.test for run in runs.values()],
            [run.reached(one.task, one.target(seed)) if one.peers else np.nan for seed, run in runs.items()],
            [run.memory for run in runs.values()],
        ]

    rows = [[ROWS[row].title, *map(over_seeds, columns(runs), HEADS.values())] for row, runs in one.rows.items()]
    table = lines(["", *(head.format(score=score) for head in HEADS)], rows)
    errors = [f"{ROWS[row].title}: {line}" for row, line in one.errors.items()]
    seeds = f"Median (minimum to maximum) of {len(one.seeds)} seeds." if len(one.seeds) > 1 else "One seed."
    shown = [seeds, table] if rows else []
    return "\n\n".join(filter(None, [f"### {one.task.title}", *shown, *errors, beside(one)]))


def against(task: Task, ours: results.Run, more: results.Run, its: results.Run) -> tuple[float, float, float, float]:
    """Return shares of its wall time and of its time to its best score; then our and its best score in the same time.

    ``more`` has twice the trials of ``ours``, so that we go on while the other search does.
    """
    end, best = min(more.seconds, its.seconds), its.best
    reached = more.reached(task, best) / its.reached(task, best)
    return ours.seconds / its.seconds, reached, more.best_at(task, end), its.best_at(task, end)


def beside(one: Compared) -> str:
    """Return how ours compares with each other row of a task, over the seeds in which both ran on the same machine.

    It is empty where there are none.
    """
    ours, more, rows = one.rows.get("ours", {}), one.rows.get("ours-more", {}), []
    for row, runs in one.rows.items():
        common = sorted(ours.keys() & more.keys() & runs.keys())
        seeds = [seed for seed in common if ours[seed].machine == more[seed].machine == runs[seed].machine]
        if ROWS[row].search and seeds:
            found = [against(one.task, ours[seed], more[seed], runs[seed]) for seed in seeds]
            wall, reached, *scores = zip(*found, strict=True)
            means = "{:.4f} / {:.4f}".format(*np.mean(scores, axis=1))
            rows.append([ROWS[row].title, over_seeds(wall, 2), over_seeds(reached, 2), means])
    heads = ["Snakeras beside", "wall time, as a share of its own"]
    heads += ["time to its best score, as a share of its own", "mean best score in the same time, Snakeras / it"]
    return lines(heads, rows) if rows else ""


def shares(phased: list[tuple[Compared, list[results.Run]]]) -> str:
    """Return the table of the phases of our own searches, in seconds and as shares of the wall time."""

    def cell(runs: list[results.Run], name: str) -> str:
        seconds = [run.phases[name] for run in runs]
        share = np.median([value / run.seconds for value, run in zip(seconds, runs, strict=True)])
        return f"{np.median(seconds):.0f} s, {share:.2f}"

    heads = ["median over seeds", *(one.task.title for one, _ in phased)]
    return lines(heads, ([name, *(cell(runs, name) for _, runs in phased)] for name in PHASES))


def asked(documents: dict[tuple[str, str], dict]) -> str:
    """Return the table of what happens to a search that is killed, run in parallel, or raised; by question and row."""

    def answer(question: str, row: str) -> list[str]:
        known = documents.get((question, row), {"error": ""})
        if "error" in known:
            return [known["error"], ""][: 2 if question == "killed" else 1]
        if question == "killed":
            return [f"{known['lost']} of {known['ended_before']}", yes(known["same"])]
        if question == "parallel":
            return [yes(known["same"])]
        return [f"{known['run']}, with {known['before']} done"]

    def yes(same: bool | None) -> str:
        return {True: "yes", False: "no", None: "not without a server"}[same]

    rows = [row for row in ROWS if any(row == other for _, other in documents)]
    heads = ["", "killed half way: trials lost", "same trials", "two at a time, twice: same trials"]
    heads += ["50 % more trials: how many ran"]
    return lines(heads, ([ROWS[row].title, *sum((answer(one, row) for one in QUESTIONS), [])] for row in rows))


def provenance(command: str, documents: list[dict]) -> str:
    """Return where, with what, and how the figures were made."""
    versions = dict(sorted({name: version for one in documents for name, version in one["versions"].items()}.items()))
    machines = "; on ".join(sorted({one["machine"] for one in documents}))
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"`{command}`, on {machines}; with {packages}."


def main(output: Path, command: str, paths: list[Path]) -> None:
    """Write all tables."""
    documents = {path: json.loads(path.read_text()) for path in paths}
    compared = results.read([path for path in paths if path.parts[-4:-3] == ("runs",)])
    answers = {path.with_suffix("").parts[-2:]: known for path, known in documents.items() if "asked" in path.parts}
    parts = [provenance(command, list(documents.values())), *map(of_task, compared)]
    if phased := [(one, runs) for one in compared if (runs := list(one.rows.get("ours", {}).values()))]:
        parts += ["### Where the time of Snakeras goes", shares(phased)]
    if answers:
        parts += ["### Killed, in parallel, raised", asked(answers)]
    output.write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], list(map(Path, sys.argv[3:])))
