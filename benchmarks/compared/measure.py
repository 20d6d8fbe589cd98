"""Start a search as a user would, watch it from outside, and read its trace."""

import importlib.metadata
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from snakeras.process import lifetime

from compared import hyperas_file, phases, trace
from compared.job import Job
from compared.rows import ROWS

ROOT = Path(__file__).parents[2]
EVERY = 0.2  # seconds between two looks at a search
NAME = "peers"


class SearchFailed(Exception):
    """A search ended with an error: its last line."""


@dataclass(frozen=True)
class Watched:
    """How a search ran."""

    started: float  # seconds since the epoch
    seconds: float
    memory: float  # MB at the most, of all its processes together
    killed: bool = False


def environment(job: Job) -> dict[str, str]:
    """Return the variables of a search's process: as many threads for NumPy's libraries as for TensorFlow."""
    threads = {f"{library}_NUM_THREADS": str(job.threads) for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    paths = os.pathsep.join([str(ROOT / "benchmarks"), str(ROOT / "scripts")])
    told = {"PYTHONPATH": paths, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2", "MPLBACKEND": "Agg"}
    return {**os.environ, **threads, **told, trace.VARIABLE: str(job.file(trace.FILE))}


def configuration(job: Job) -> dict:
    """Return config.yaml with the task in place of its own, and what the row changes."""
    import yaml

    row, config = ROWS[job.library], yaml.safe_load((ROOT / "config.yaml").read_text())
    shared = {"threads": job.threads_each} if job.at_once > 1 else {}
    search = {
        "model": "search.py",
        "max_evals": job.trials * row.times,
        "epochs": job.epochs,
        "train_samples": None,
        "seed": job.seed,
    }
    config |= {"name": NAME, "data": {"dataset": "model"}, "tracking": {"uri": None}}
    return config | {"search": config["search"] | search | row.settings | job.ours | shared}


def at_once(job: Job) -> int:
    """Return how many trials a search runs at a time."""
    if ROWS[job.library].search:
        return job.at_once
    return max(1, job.threads // configuration(job)["search"]["threads"])


def command(job: Job) -> list[str]:
    """Write what the search needs into its folder, and return the command that starts it."""
    import yaml

    if ROWS[job.library].search:
        # Not the copy of these modules that a search before may have left in its folder.
        return [sys.executable, "-P", "-m", "compared.search", job.text()]
    hyperas_file.write(job.file("search.py"), job.task, Path(job.data), job.epochs, job.trials, job.seed)
    job.file("peers.yaml").write_text(yaml.safe_dump(configuration(job)))
    snakemake = ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", str(job.threads)]
    snakemake += ["--resources", "gpu=1", "--configfile", "peers.yaml", "--", f"results/{NAME}/best.json"]
    return [sys.executable, *snakemake]


def watched(job: Job, is_time_to_kill: Callable[[], bool] = lambda: False) -> Watched:
    """Run a search to its end, or kill all of it.

    Raises:
        SearchFailed: When it ends with an error.
    """
    import psutil

    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=True)
    if ROWS[job.library].search is None and (folder / ".snakemake").exists():
        unlock = [sys.executable, "-m", "snakeras.workflow.stale_lock", "--snakefile", str(ROOT / "Snakefile")]
        unlock += ["--configfile", "peers.yaml"]
        subprocess.run(unlock, cwd=folder, env=environment(job), check=True, capture_output=True)
    log, memory, started = folder / "log.txt", 0.0, time.time()
    variables = environment(job)
    if ROWS[job.library].search is None:
        # As a user starts it: it finds its own modules, and those beside the model file.
        del variables["PYTHONPATH"]
    with log.open("a") as output:
        told = {"stdout": output, "stderr": output, "stdin": subprocess.DEVNULL, "env": variables}
        end = partial(lifetime.die_with_parent, os.getpid())
        search = subprocess.Popen(command(job), cwd=folder, start_new_session=True, preexec_fn=end, **told)
        top = psutil.Process(search.pid)
        while search.poll() is None:
            memory = max(memory, in_use(top))
            if is_time_to_kill():
                os.killpg(search.pid, signal.SIGKILL)
                search.wait()
                return Watched(started, time.time() - started, memory, killed=True)
            time.sleep(EVERY)
    if search.returncode:
        lines = [line for line in log.read_text().splitlines() if line.strip()]
        raise SearchFailed(lines[-1] if lines else f"exit code {search.returncode}")
    return Watched(started, time.time() - started, memory)


def in_use(top: "psutil.Process") -> float:  # noqa: F821
    """Return the memory of a process and all below it in MB; what they share counts once."""
    import psutil

    total = 0
    try:
        everyone = [top, *top.children(recursive=True)]
    except psutil.Error:
        return 0.0
    for process in everyone:
        try:
            known = process.memory_full_info()
            total += getattr(known, "pss", known.rss)
        # It has just ended.
        except psutil.Error:
            continue
    return total / 2**20


def test_score(job: Job, hp: dict) -> float:
    """Train again with hyperparameters, in a new process, and return the score on the test data."""
    arguments = [job.text(), json.dumps(hp)]
    run = subprocess.run(
        [sys.executable, "-m", "compared.retrain", *arguments],
        env=environment(job),
        preexec_fn=partial(lifetime.die_with_parent, os.getpid()),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SearchFailed(run.stderr.strip().splitlines()[-1])
    return float(run.stdout.strip().splitlines()[-1])


def run(job: Job) -> dict:
    """Return all that one search of the comparison has shown."""
    how = watched(job)
    found = trace.fits(job.folder)
    if not found:
        raise SearchFailed("it trained nothing")
    results = Path(job.folder, "results", NAME)
    # Of equal scores the first.
    winner = min(found, key=lambda fit: (job.about.loss(fit.score), fit.at))
    return {
        "seconds": how.seconds,
        "phases": phases.of(results, found, how.seconds, at_once(job)) if job.library == "ours" else {},
        "memory": how.memory,
        "trials": len(found),
        "epochs": sum(fit.epochs for fit in found),
        "curve": sorted((fit.at - how.started, fit.score) for fit in found),
        "best": winner.score,
        "hyperparameters": winner.hp,
        "test": test_score(job, winner.hp),
    }


def versions(row: str) -> dict[str, str]:
    """Return the versions that a row ran with."""
    packages = (ROWS[row].package, "keras", "tensorflow-cpu", "tensorflow")
    known = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in importlib.metadata.distributions()}
    return {package: known[package] for package in packages if package in known}


def machine() -> str:
    """Return what this machine is, with the vector units by which TensorFlow chooses its kernels, and its Python."""
    import psutil

    about = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.+)", about)
    processor = name[1] if name else platform.processor()
    flags = set(about.split())
    units = [unit for unit in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16") if unit in flags]
    memory = psutil.virtual_memory().total / 2**30
    version = platform.python_version()
    return f"{' '.join([processor, *units])}, {psutil.cpu_count()} cores, {memory:.0f} GiB; Python {version}"
