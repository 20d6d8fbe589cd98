"""Where the rungs of halving should be: curves of random trials, trained to their end once, then pruned many times.

From the top of the repository, with the packages of .venv:

python benchmarks/rungs.py train digits 9 32 benchmarks/curves/digits-9.json      32 random trials of 9 epochs
python benchmarks/rungs.py replay 5 9 benchmarks/curves/digits-9.json             what their first 5, and all 9, tell
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "benchmarks"), str(ROOT / "scripts")]
from compared import data, table, tasks, trace  # noqa: E402
from snakeras.search import earlier_trials, pruners  # noqa: E402

TRIALS, ORDERS = 12, 2000  # of a search of config.yaml, and how many of them are replayed
WHOLE = (6, 8, TRIALS)  # budgets, as so many trials that none prunes
# Of a search of TRIALS trials its epochs; then how much worse than the best of all trials is the best that is found.
HEADS = ["rungs", "epochs", f"of {TRIALS} trials", *(f"in the epochs of {whole} whole ones" for whole in WHOLE)]


def drawn(one: tasks.Number | tasks.Choice, draws: np.random.Generator) -> object:
    """Return a random value of a hyperparameter."""
    if isinstance(one, tasks.Choice) or one.step:
        return one.values[draws.integers(len(one.values))]
    if one.log:
        return float(np.exp(draws.uniform(np.log(one.low), np.log(one.high))))
    return float(draws.uniform(one.low, one.high))


def train(name: str, epochs: int, count: int, path: Path) -> None:
    """Train random trials, and write their curves as losses."""
    import keras

    task, draws, curves = tasks.TASKS[name], np.random.default_rng(1), []
    with tempfile.TemporaryDirectory() as folder:
        os.environ[trace.VARIABLE] = str(Path(folder, trace.FILE))
        data.write(name, 1, None, Path(folder), Path(folder, "data"))
        arrays = tasks.arrays(Path(folder, "data"), "train", "validation")
        for number in range(count):
            hp = {key: drawn(one, draws) for key, one in task.space.items()}
            keras.utils.clear_session()
            keras.utils.set_random_seed(number)
            curve = []
            tasks.trained(task, hp, arrays, epochs, lambda _, loss, curve=curve: curve.append(loss))
            curves.append(curve)
            print(f"{number + 1} of {count}: {curve[-1]:.4f}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps([round(loss, 5) for loss in curve]) for curve in curves)
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def searched(curves: list[list[float]], rule: object, parallelism: int) -> list[tuple[int, float]]:
    """Return after each trial how many epochs were trained, and the best loss of the trials that were not pruned."""
    seen, spent, best, found = [], 0, float("inf"), []
    for number, curve in enumerate(curves):
        earlier = [seen[place] for place in earlier_trials.visible(number, parallelism)]
        ended = next((n for n in range(1, len(curve)) if not rule(curve[:n], earlier)), len(curve))
        seen.append(curve[:ended])
        spent += ended
        best = min(best, curve[-1]) if ended == len(curve) else best
        found.append((spent, best))
    return found


def promoted(curves: list[list[float]], reduction: int, parallelism: int) -> list[tuple[int, float]]:
    """Return the same where a trial trains one epoch, or anew to its end an earlier one (ASHA's promotion).

    That one is the best of the earlier ones' best 1/``reduction`` that was not yet chosen.
    """
    trials, chosen, spent, best, found = [], set(), 0, float("inf"), []
    for number in range(len(curves)):
        earlier = {trials[place] for place in earlier_trials.visible(number, parallelism)}
        ranked = sorted(earlier, key=lambda place: curves[place][0])
        again = next((place for place in ranked[: len(ranked) // reduction] if place not in chosen), None)
        trials.append(number - len(chosen) if again is None else again)
        if again is None:
            spent += 1
        else:
            chosen.add(again)
            spent, best = spent + len(curves[again]), min(best, curves[again][-1])
        found.append((spent, best))
    return found


def halving(first: int, reduction: int) -> object:
    """Return the rule with these rungs."""
    return lambda curve, earlier: pruners.halving_goes_on(curve, earlier, first, reduction)


def median(epochs: int) -> object:
    """Return Optuna's rule, which looks at the trials that have trained so many epochs."""
    return lambda curve, earlier: pruners.median_goes_on(curve, [one for one in earlier if len(one) == epochs], 5, 0)


def replay(path: Path, epochs: int, parallelism: int) -> None:
    """Print what each rule saves and costs in searches of so many epochs, as means over random orders of the trials."""
    curves = [[value if np.isfinite(value) else float("inf") for value in one] for one in json.loads(path.read_text())]
    curves, draws = [curve[:epochs] for curve in curves], np.random.default_rng(0)
    orders = [[curves[place] for place in draws.permutation(len(curves))] for _ in range(ORDERS)]
    firsts = sorted({1, 2, 3, max(1, epochs // 16), max(1, epochs // 8), max(1, epochs // 4)} & set(range(1, epochs)))
    rules = {f"{first} x {factor}": halving(first, factor) for factor in (2, 3, 4) for first in firsts}
    rules |= {"median": median(epochs), "none": lambda *_: True}
    ways = {name: partial(searched, rule=rule, parallelism=parallelism) for name, rule in rules.items()}
    ways |= {f"promotion x {factor}": partial(promoted, reduction=factor, parallelism=parallelism) for factor in (3, 4)}
    least, rows = min(curve[-1] for curve in curves), []
    for name, way in ways.items():
        searches = [way(order) for order in orders]
        share = statistics.fmean(one[TRIALS - 1][0] for one in searches) / (TRIALS * epochs)
        columns = [[one[TRIALS - 1][1] - least for one in searches]]
        for whole in WHOLE:
            columns.append([[best for spent, best in one if spent <= whole * epochs][-1] - least for one in searches])
        cells = [f"{statistics.fmean(one):.5f} ({statistics.stdev(one) / len(one) ** 0.5:.5f})" for one in columns]
        rows.append([name, f"{share:.2f}", *cells])
    print(f"\n{path.stem}, {len(curves)} trials of {epochs} epochs, {parallelism} at a time")
    print(table.lines(HEADS, rows))


def main() -> None:
    """Do what the command says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("task", choices=tasks.TASKS)
    training.add_argument("epochs", type=int)
    training.add_argument("trials", type=int)
    training.add_argument("path", type=Path)
    replaying = commands.add_parser("replay")
    replaying.add_argument("epochs", type=int, nargs="+")
    replaying.add_argument("path", type=Path)
    replaying.add_argument("--parallelism", type=int, default=4)
    given = parser.parse_args()
    if given.command == "train":
        train(given.task, given.epochs, given.trials, given.path)
    else:
        for epochs in given.epochs:
            replay(given.path, epochs, given.parallelism)


if __name__ == "__main__":
    main()
