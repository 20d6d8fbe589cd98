"""Where the rungs of halving should be: curves of random trials, trained to their end once, then pruned many times.

From the top of the repository, with the packages of .venv:

python benchmarks/rungs.py train digits 9 40 curves/digits-9.json      40 random trials of 9 epochs
python benchmarks/rungs.py replay curves/*.json                        a table of shares and losses for each
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "benchmarks"), str(ROOT / "scripts")]
from compared import data, tasks  # noqa: E402
from snakeras.search import earlier_trials, pruners  # noqa: E402

TRIALS, PARALLELISM, ORDERS = 12, 4, 2000  # of a search of config.yaml, and how many of them are replayed


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
        os.environ["PEERS_TRACE"] = f"{folder}/trace.jsonl"
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
    path.write_text(json.dumps(curves))


def searched(curves: list[list[float]], rule: object) -> tuple[int, float]:
    """Return the epochs that a search of these trials trains, and the best loss of those that end."""
    seen: list[list[float]] = []
    for number, curve in enumerate(curves):
        earlier = [seen[place] for place in earlier_trials.visible(number, PARALLELISM)]
        ended = next((n for n in range(1, len(curve)) if not rule(curve[:n], earlier, len(curve))), len(curve))
        seen.append(curve[:ended])
    whole = [curve[-1] for curve in seen if len(curve) == len(curves[0])]
    return sum(map(len, seen)), min(whole, default=float("nan"))


def halving(first: int, reduction: int) -> object:
    """Return the rule with these rungs."""
    return lambda curve, earlier, _epochs: pruners.halving_goes_on(curve, earlier, first, reduction)


def median(curve: list[float], earlier: list[list[float]], epochs: int) -> bool:
    """Go on by Optuna's rule, which looks at what is complete."""
    return pruners.median_goes_on(curve, [one for one in earlier if len(one) == epochs], 5, 0)


def replay(path: Path) -> None:
    """Print for each rule the share of epochs, and how much worse the best loss is, as a mean over random orders."""
    curves = [[value if np.isfinite(value) else float("inf") for value in one] for one in json.loads(path.read_text())]
    epochs, draws = len(curves[0]), np.random.default_rng(0)
    orders = [[curves[place] for place in draws.permutation(len(curves))[:TRIALS]] for _ in range(ORDERS)]
    firsts = sorted({1, 2, 3, max(1, epochs // 16), max(1, epochs // 8), max(1, epochs // 4)} & set(range(1, epochs)))
    rules = {f"rungs {first} x {factor}": halving(first, factor) for factor in (2, 3, 4) for first in firsts}
    print(f"{path.stem}: {len(curves)} trials; rule, share of epochs, regret (mean, standard error), the best is lost")
    for name, rule in {**rules, "median": median}.items():
        found = [searched(order, rule) for order in orders]
        regrets = [best - min(curve[-1] for curve in order) for (_, best), order in zip(found, orders, strict=True)]
        share = statistics.fmean(count for count, _ in found) / (TRIALS * epochs)
        error = statistics.stdev(regrets) / len(regrets) ** 0.5
        lost = sum(regret > 0 for regret in regrets) / len(regrets)
        print(f"  {name:14} {share:.2f}  {statistics.fmean(regrets):.5f} ({error:.5f})  {lost:.2f}")


def main() -> None:
    """Do what the command says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("task", choices=tasks.TASKS)
    training.add_argument("epochs", type=int)
    training.add_argument("trials", type=int)
    training.add_argument("path", type=Path)
    commands.add_parser("replay").add_argument("paths", type=Path, nargs="+")
    given = parser.parse_args()
    if given.command == "train":
        train(given.task, given.epochs, given.trials, given.path)
    else:
        for path in given.paths:
            replay(path)


if __name__ == "__main__":
    main()
