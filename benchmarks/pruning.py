"""How much pruning saves and what it costs: the same searches on mnist-5k, pruned and not, one after the other.

From the top of the repository, with the packages of .venv:  python benchmarks/pruning.py 1 2 3
"""

import csv
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONFIG = """
name: {kind}
data: {{dataset: mnist-5k}}
search:
  max_evals: 24
  epochs: 9
  seed: {seed}
  startup_trials: 20
  threads: 1
  parallelism: 1
  pruner: {{type: {kind}, reduction: 9}}
tracking: {{uri: null}}
"""


def search(folder: Path, kind: str, seed: int) -> tuple[int, float, float]:
    """Epochs, wall time in seconds and best validation accuracy of one search, data prepared before."""
    config = folder / f"{kind}.yaml"
    config.write_text(CONFIG.format(kind=kind, seed=seed))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", "1", "--quiet", "all", "--configfile", config, "--"]
    subprocess.run([*command, f"results/{kind}/data.json"], check=True, capture_output=True)
    started = time.monotonic()
    subprocess.run([*command, f"results/{kind}/best.json"], check=True, capture_output=True)
    seconds = time.monotonic() - started
    with (folder / "results" / kind / "trials.csv").open() as table:
        trials = list(csv.DictReader(table))
    best = max(float(trial["val_accuracy"]) for trial in trials if trial["status"] == "completed")
    return sum(int(trial["epochs"]) for trial in trials), seconds, best


def main() -> None:
    """Print a line a search and the ratios of all; the arguments are the searches' seeds."""
    total = {"none": [0, 0.0], "halving": [0, 0.0]}
    for seed in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            best = {}
            for kind, sums in total.items():
                epochs, seconds, best[kind] = search(Path(folder), kind, seed)
                sums[0] += epochs
                sums[1] += seconds
                print(f"seed {seed}, {kind:7}: {epochs:3} epochs, {seconds:4.0f} s, best {best[kind]:.4f}", flush=True)
            print(f"seed {seed}: accuracy {100 * (best['halving'] - best['none']):+.2f} points", flush=True)
    ratios = [pruned / whole for pruned, whole in zip(total["halving"], total["none"], strict=True)]
    print(f"pruned / unpruned: epochs {ratios[0]:.2f}, wall time {ratios[1]:.2f}")


if __name__ == "__main__":
    main()
