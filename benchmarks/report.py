"""How long pictures and report of a long search take, and how large the report is. The trials are made up.

From the top of the repository, with the packages of .venv:  python benchmarks/report.py [trials]
"""

import datetime
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
from snakeras.core import files  # noqa: E402
from snakeras.core.settings import Settings  # noqa: E402
from snakeras.search import earlier_trials, provenance, run_trial, trial_records  # noqa: E402
from snakeras.workflow import config_validation  # noqa: E402
from snakeras.workflow.rule_params import RuleParams  # noqa: E402
from snakeras.workflow.search_files import SearchFiles  # noqa: E402

START = datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC)
EPOCHS = 9
SETTINGS = {
    "name": "long",
    "data": {"dataset": "mnist-5k"},
    "search": {
        "model": str(ROOT / "models" / "mnist_cnn.py"),
        "parallelism": 4,
        "epochs": EPOCHS,
        "threads": 2,
        "pruner": {"type": "halving"},
    },
    "final": {"epochs": 1},
    "tracking": {"uri": None},
}
# Low, high and step of the hyperparameters of models/mnist_cnn.py.
SPACE = {
    "f1": (8, 64, 4),
    "k1": (3, 10, 1),
    "d1": (0, 1, None),
    "f2": (8, 128, 4),
    "k2": (3, 10, 1),
    "d2": (0, 1, None),
    "dense": (8, 128, 4),
    "d3": (0, 1, None),
    "batch_size": (10, 1000, 10),
}


def snakemake(folder: Path, *arguments: str) -> float:
    """Seconds that a call of Snakemake took."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    started = time.monotonic()
    run = subprocess.run(
        [*command, "--configfile", folder / "config.yaml", "--cores", "2", "--quiet", "all", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if run.returncode:
        sys.exit(run.stdout[-5000:])
    return time.monotonic() - started


def cpu_seconds() -> float:
    """CPU time of all calls so far, with the processes that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def make_up(folder: Path, settings: Settings) -> None:
    """Write the files of all trials as their jobs would have."""
    params, search_files = RuleParams(settings), SearchFiles(settings)
    trials = folder / search_files.trials_folder
    fixed = provenance.determined_by(
        [ROOT / "models" / "mnist_cnn.py"], params.search, params.data, folder / search_files.manifest[0]
    )
    rng = np.random.default_rng(1)
    digests = [trial_records.digest_after("", [])]
    for trial in range(settings.search.max_evals):
        document = _document(trial, settings.search.seed, rng)
        document["determined_by"] = fixed | {
            "trial": trial,
            "history": digests[len(earlier_trials.visible(trial, settings.search.parallelism))],
            "packages": provenance.versions(),
        }
        document = trial_records.sealed(document)
        digests.append(trial_records.digest_after(digests[-1], [document]))
        (trials / trial_records.name(trial)).mkdir(parents=True)
        start = START + datetime.timedelta(seconds=31 * (trial // 2))
        files.write_json(
            trials / f"{trial_records.name(trial)}.run.json",
            {
                "started": start.isoformat(),
                "finished": (start + datetime.timedelta(seconds=3 * document["epochs"] + 2)).isoformat(),
                "seconds": 3.0 * document["epochs"] + 2,
                "host": "node1",
                "device": "CPU",
                "peak_memory_mb": 900.0,
            },
        )
        files.write_json(trials / f"{trial_records.name(trial)}.json", document)


def _document(trial: int, seed: int, rng: np.random.Generator) -> dict:
    values = {}
    for name, (low, high, size) in SPACE.items():
        value = float(rng.uniform(low, high))
        values[name] = value if size is None else round(value / size) * float(size)
    document = run_trial.unfinished(trial, seed)
    document["hyperparameters"] = values
    document["hyperopt"]["misc"]["vals"] = {name: [value] for name, value in values.items()}
    if rng.uniform() < 0.03:
        return document | {"failure": "ValueError: no", "failed_at": "mnist_cnn.py, line 20"}
    quality = 0.99 - 0.3 * (values["d1"] - 0.3) ** 2 - 0.2 * values["d3"] ** 2
    epochs = int(rng.choice([1, 1, 4, EPOCHS]))
    curve = [float(quality * (1 - 0.5 * np.exp(-epoch)) + 0.005 * rng.normal()) for epoch in range(1, epochs + 1)]
    pruned = {"epoch": epochs, "monitor": "val_accuracy", "value": curve[-1]} if epochs < EPOCHS else None
    return document | {
        "status": "pruned" if pruned else "completed",
        "failure": None,
        "pruned": pruned,
        "loss": -curve[-1],
        "val_accuracy": curve[-1],
        "epochs": epochs,
        "fits": [{"epochs": epochs, "metrics": {"accuracy": curve, "val_accuracy": curve}}],
    }


def main() -> None:
    """Print seconds and megabytes."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        settings = SETTINGS | {"search": SETTINGS["search"] | {"max_evals": trials}}
        files.write_json(folder / "config.yaml", settings)
        settings = config_validation.read(settings, ROOT)
        search_files = SearchFiles(settings)
        snakemake(folder, "--", *search_files.manifest)
        make_up(folder, settings)
        snakemake(folder, "--touch", "--", *search_files.trials)
        snakemake(folder, "--", f"{search_files.results}/final/metrics.json")
        before, seconds = cpu_seconds(), snakemake(folder)
        cpu = cpu_seconds() - before
        print(f"{trials} trials: pictures, table and summary {seconds:.1f} s ({cpu:.1f} s of CPU time)", flush=True)
        for line in sorted((folder / search_files.results / "benchmarks" / "plots").glob("*.tsv")):
            print(f"  {line.stem}: {line.read_text().splitlines()[1].split()[0]} s")
        report = folder / "report.html"
        seconds = snakemake(folder, "--report", str(report))
        print(f"snakemake --report: {seconds:.1f} s, {report.stat().st_size / 1e6:.1f} MB", flush=True)
        if len(sys.argv) > 2:
            Path(sys.argv[2]).write_bytes(report.read_bytes())


if __name__ == "__main__":
    main()
