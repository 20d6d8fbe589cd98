"""What a trial costs beside its data and its fit, and how that grows with the number of trials.

From the top of the repository, with the packages of .venv:  python benchmarks/bookkeeping.py
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
from snakeras.core import files  # noqa: E402
from snakeras.search import earlier_trials, trial_records  # noqa: E402

SCRIPT = """
from hyperas.distributions import choice, uniform

def data():
    nothing = 0
    return nothing

def model(nothing):
    x = {{uniform(0, 1)}}
    y = {{uniform(0, 2)}}
    kind = {{choice(["a", "b", "c"])}}
    return {"loss": x + y, "status": "ok"}
"""
CONFIG = """
name: nothing
data: {dataset: model}
search: {model: nothing.py, max_evals: 100, parallelism: 2, threads: 1}
tracking: {uri: null}
"""
SUGGEST = """
import json, sys, time
from pathlib import Path
from snakeras.search import trial_records
from hyperopt import fmin, hp, rand, tpe
import numpy as np
folder, count = Path(sys.argv[1]), int(sys.argv[2])
started = time.perf_counter()
documents, _ = trial_records.read_first(folder, count, 2, {})
read = time.perf_counter()
trials = trial_records.to_trials(documents)
rebuilt = time.perf_counter()
space = {"x": hp.uniform("x", 0, 1), "y": hp.uniform("y", 0, 2), "kind": hp.choice("kind", ["a", "b", "c"])}
rng = np.random.default_rng(1)
fmin(lambda p: 0.0, space, tpe.suggest, count + 1, trials=trials, rstate=rng, verbose=False, return_argmin=False)
print(json.dumps([read - started, rebuilt - read, time.perf_counter() - rebuilt]))
"""


def snakemake(folder: Path, *arguments: str) -> float:
    """Seconds that a call of Snakemake took."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    started = time.monotonic()
    subprocess.run([*command, "--cores", "2", "--quiet", "all", *arguments], check=True, capture_output=True)
    return time.monotonic() - started


def one_trial_and_a_hundred(folder: Path) -> dict:
    """Print a trial's cost as a ratio to TensorFlow's import, and what trial 100 costs beside trial 10."""
    (folder / "nothing.py").write_text(SCRIPT)
    (folder / "config.yaml").write_text(CONFIG)
    options = ["--configfile", str(folder / "config.yaml"), "--"]
    imports = []
    for number in range(5):
        started = time.monotonic()
        subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, capture_output=True)
        imports.append(time.monotonic() - started)
        snakemake(folder, *options, f"results/nothing/trials/{number:04d}.json")
    # Snakemake's own measure of each job, from the start of its script to its end.
    tables = [folder / "results/nothing/benchmarks/trials" / f"{number:04d}.tsv" for number in range(5)]
    trials = [float(table.read_text().split("\n")[1].split("\t")[0]) for table in tables]
    print(f"import tensorflow: {median(imports):.2f} s; a trial that does nothing: {median(trials):.2f} s")
    print(f"ratio {median(trials) / median(imports):.2f}", flush=True)

    snakemake(folder, *options, *(f"results/nothing/trials/{number:04d}.json" for number in range(100)))
    runs = [files.read_json(folder / f"results/nothing/trials/{number:04d}.run.json") for number in range(100)]
    for first in (10, 90):
        ten = runs[first : first + 10]
        seconds, memory = (median(run[key] for run in ten) for key in ("cpu_seconds", "peak_memory_mb"))
        print(f"trials {first} to {first + 9}: {seconds:.2f} s of CPU time each, {memory:.0f} MiB at most", flush=True)
    return files.read_json(folder / "results/nothing/trials/0050.json")


def long_histories(folder: Path, document: dict) -> None:
    """Print what a history of so many trials costs the next one: reading and checking, hyperopt's own, proposing."""
    digests = [trial_records.digest_after("", [])]
    (folder / "long").mkdir()
    for trial in range(10_000):
        before = digests[len(earlier_trials.visible(trial, 2))]
        document["trial"] = document["hyperopt"]["tid"] = document["hyperopt"]["misc"]["tid"] = trial
        document["hyperopt"]["misc"]["idxs"] = {label: [trial] for label in document["hyperopt"]["misc"]["idxs"]}
        document["determined_by"] |= {"trial": trial, "history": before}
        sealed = trial_records.sealed(
            {key: value for key, value in document.items() if key not in ("digest", "checksum")}
        )
        files.write_json(folder / "long" / f"{trial_records.name(trial)}.json", sealed)
        digests.append(trial_records.digest_after(digests[-1], [sealed]))
    for count in (10, 100, 1_000, 10_000):
        command = [sys.executable, "-c", SUGGEST, str(folder / "long"), str(count)]
        environment = {"PYTHONPATH": str(ROOT / "scripts")}
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
        read, rebuilt, proposed = json.loads(said.splitlines()[-1])
        print(
            f"{count:6} trials: read {read:.2f} s, hyperopt's trials {rebuilt:.2f} s, proposal {proposed:.2f} s",
            flush=True,
        )


def main() -> None:
    """Print all figures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for count in (1_000, 10_000):
            seconds = snakemake(folder, "--dry-run", "--config", f"search={{max_evals: {count}}}")
            print(f"dry run of {count} trials: {seconds:.1f} s", flush=True)
        long_histories(folder, one_trial_and_a_hundred(folder))


if __name__ == "__main__":
    main()
