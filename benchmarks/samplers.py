"""How fast samplers find good points: many cheap searches, their normalized regrets, wins against TPE, and costs.

From the top of the repository, with the packages of .venv:

python benchmarks/samplers.py run runs.jsonl --samplers tpe,rand,optuna-tpe --parallelism 1,4 --seeds 20 --trials 50
python benchmarks/samplers.py table runs.jsonl
python benchmarks/samplers.py picture runs.jsonl docs/searchers.svg

A run is one line of the file; what is there already is not run again.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
from compared import table  # noqa: E402
from hyperopt.base import JOB_STATE_DONE, Domain, trials_from_docs  # noqa: E402
from objectives import OBJECTIVES, noise, objective  # noqa: E402
from snakeras.core.settings import TrialSettings  # noqa: E402
from snakeras.search import earlier_trials  # noqa: E402
from snakeras.search.samplers import algorithms, pending  # noqa: E402

# Beside every name of search.algo: variants that a default was chosen from.
VARIANTS = {
    "tpe 20 random": {"algo": "tpe", "startup_trials": 20},
    "tpe 10 random": {"algo": "tpe", "startup_trials": 10},
    "tpe gamma 0.5": {"algo": "tpe", "algo_options": {"gamma": 0.5}},
    "optuna-tpe sobol": {"algo": "optuna-tpe", "startup": "sobol"},
    "optuna-tpe 10 random": {"algo": "optuna-tpe", "startup_trials": 10},
    "optuna-tpe independent": {"algo": "optuna-tpe", "algo_options": {"multivariate": False}},
    "gp sobol": {"algo": "gp", "startup": "sobol"},
    "gp 10 random": {"algo": "gp", "startup_trials": 10},
}
# A name with this is told of pending trials, or with the other not told; without, as the workflow does it.
PENDING, ALONE = "+pending", "-pending"
AFTER = (12, 25, 50, 100)
AS_THEY_ARE = dict(algorithms.SAMPLERS)


def settings(name: str, seed: int, parallelism: int) -> TrialSettings:
    """Return the settings of a search by a sampler; whether it is told of pending trials is set for the process."""
    plain = name.removesuffix(PENDING).removesuffix(ALONE)
    given = {"algo": plain} | VARIANTS.get(plain, {})
    algorithms.SAMPLERS.update(AS_THEY_ARE)
    if plain != name:
        told = replace(AS_THEY_ARE[given["algo"]], told_of_pending=name.endswith(PENDING))
        algorithms.SAMPLERS[given["algo"]] = told
    return TrialSettings(seed=seed, parallelism=parallelism, **given)


def run(name: str, function: str, seed: int, parallelism: int, trials: int) -> dict:
    """Return a search's regret after each of its trials, and its seconds a proposal."""
    goal, search = objective(function), settings(name, seed, parallelism)
    domain, draws = Domain(lambda point: 0.0, goal.space), pending.generator(seed, 0)
    suggest, documents, losses, regrets, spent = algorithms.configured(search), [], [], [], 0.0
    for trial in range(trials):
        drawn = int(draws.integers(pending.PROPOSAL_SEEDS))
        seen = documents[: len(earlier_trials.visible(trial, parallelism))]
        started = time.perf_counter()
        (document,) = suggest([trial], domain, trials_from_docs(seen, validate=False), drawn)
        spent += time.perf_counter() - started
        values = {label: value[0] for label, value in document["misc"]["vals"].items() if len(value)}
        loss, true = goal.observe(values, noise(function, seed, trial))
        documents.append(document | {"state": JOB_STATE_DONE, "result": {"status": "ok", "loss": loss}})
        losses.append((loss, goal.regret(true)))
        regrets.append(round(min(losses)[1], 5))
    search = {"sampler": name, "function": function, "seed": seed, "parallelism": parallelism, "trials": trials}
    return search | {"regrets": regrets, "seconds": round(spent / trials, 5)}


def key(line: dict) -> tuple:
    """Return what tells runs apart."""
    return tuple(line[part] for part in ("sampler", "function", "seed", "parallelism"))


def run_all(given: argparse.Namespace) -> None:
    """Run what the file lacks, seed after seed, so that what is there can be compared at any time."""
    done = {key(line) for line in lines(given.file) if line["trials"] >= given.trials}
    wanted = [
        (sampler, function, seed, parallelism)
        for seed in range(given.seeds)
        for parallelism in map(int, given.parallelism.split(","))
        for function in given.functions.split(",")
        for sampler in given.samplers.split(",")
    ]
    for one in wanted:
        if one not in done:
            result = run(*one, given.trials)
            with given.file.open("a") as file:
                file.write(json.dumps(result) + "\n")


def lines(path: Path) -> list[dict]:
    """Return the runs in a file, the longest of each."""
    found = map(json.loads, path.read_text().splitlines()) if path.exists() else []
    return list({key(line): line for line in sorted(found, key=lambda line: line["trials"])}.values())


def regrets(runs: list[dict], parallelism: int) -> dict[str, dict[tuple, list[float]]]:
    """Return each sampler's regrets by function and seed."""
    found = defaultdict(dict)
    for line in runs:
        if line["parallelism"] == parallelism:
            found[line["sampler"]][line["function"], line["seed"]] = line["regrets"]
    return found


def tables(given: argparse.Namespace) -> None:
    """Print a table for each parallelism, on the functions and seeds that all its samplers ran."""
    runs = lines(given.file)
    for parallelism in sorted({line["parallelism"] for line in runs}):
        found = regrets(runs, parallelism)
        shared = sorted(set.intersection(*(set(one) for one in found.values())))
        trials = min(len(one[place]) for one in found.values() for place in shared)
        after = [count for count in AFTER if count <= trials]
        regret = {name: np.array([one[place][:trials] for place in shared]) for name, one in found.items()}
        ranks = ranked(regret, [count - 1 for count in after])
        heads = ["sampler", f"regret after {' / '.join(map(str, after))} trials", "mean rank", "wins", "s a proposal"]
        rows = []
        for name, values in sorted(regret.items(), key=lambda item: item[1][:, after[-1] - 1].mean()):
            mean = " / ".join(with_error(values[:, count - 1]) for count in after)
            rank = " / ".join(f"{value:.1f}" for value in ranks[name])
            spent = np.mean(
                [line["seconds"] for line in runs if (line["sampler"], line["parallelism"]) == (name, parallelism)]
            )
            rows.append([name, mean, rank, wins(values, regret.get("tpe"), after), f"{spent:.3f}"])
        print(f"\nparallelism {parallelism}: {len(shared)} runs a row, {len({seed for _, seed in shared})} seeds\n")
        print(table.lines(heads, rows))


def ranked(regret: dict[str, np.ndarray], places: list[int]) -> dict[str, np.ndarray]:
    """Return each sampler's mean rank after so many trials."""
    from scipy.stats import rankdata

    ranks = rankdata(np.array([values[:, places] for values in regret.values()]), axis=0).mean(axis=1)
    return dict(zip(regret, ranks, strict=True))


def with_error(values: np.ndarray) -> str:
    """Return a mean with its standard error."""
    return (
        f"{values.mean():.3f} ±{values.std(ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else f"{values[0]:.3f}"
    )


def wins(values: np.ndarray, other: np.ndarray | None, after: list[int]) -> str:
    """Return the share of runs that were better than another sampler's, equal ones half."""
    if other is None:
        return ""
    better = [np.mean((values < other)[:, count - 1] + 0.5 * (values == other)[:, count - 1]) for count in after]
    return " / ".join(f"{share:.0%}" for share in better)


def picture(given: argparse.Namespace) -> None:
    """Draw the mean regret by the number of trials, a panel for each parallelism."""
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "samplers"}
    runs = lines(given.file)
    panels = sorted({line["parallelism"] for line in runs})
    figure, axes = plt.subplots(1, len(panels), figsize=(4.5 * len(panels), 4), sharey=True, squeeze=False)
    for axis, parallelism in zip(axes[0], panels, strict=True):
        found = regrets(runs, parallelism)
        shared = sorted(set.intersection(*(set(one) for one in found.values())))
        for name in filter(found.__contains__, given.samplers.split(",")):
            mean = np.mean([found[name][place] for place in shared], axis=0)
            axis.plot(range(1, len(mean) + 1), mean, label=name)
        axis.set(title=f"parallelism {parallelism}", xlabel="trials", yscale="log")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("normalized regret")
    axes[0][-1].legend()
    figure.tight_layout()
    figure.savefig(given.picture, metadata={"Date": None})


def imports(given: argparse.Namespace) -> None:
    """Print how long the import of each sampler's library takes, the least of three."""
    for statement in given.statements:
        code = f"import time; s = time.perf_counter(); {statement}; print(time.perf_counter() - s)"
        seconds = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
        print(f"{min(seconds):.2f} s: {statement}")


def main() -> None:
    """Run, or show what has been run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, function in {"run": run_all, "table": tables, "picture": picture}.items():
        command = commands.add_parser(name)
        command.set_defaults(function=function)
        command.add_argument("file", type=Path)
        if name == "run":
            command.add_argument("--functions", default=",".join(OBJECTIVES))
            command.add_argument("--parallelism", default="1,4,16")
            command.add_argument("--seeds", type=int, default=20)
            command.add_argument("--trials", type=int, default=50)
        if name == "picture":
            command.add_argument("picture", type=Path)
        if name != "table":
            command.add_argument("--samplers", default=",".join(algorithms.NAMES))
    command = commands.add_parser("imports")
    command.set_defaults(function=imports)
    command.add_argument("statements", nargs="+")
    given = parser.parse_args()
    given.function(given)


if __name__ == "__main__":
    main()
