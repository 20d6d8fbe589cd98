"""What a search on Slurm costs beside its trials.

From the top of the repository, with the packages of .venv and of envs/requirements-cluster.txt, on a machine with a
Slurm of its own:

    tests/cluster/start-slurm
    python benchmarks/cluster.py cost     # of one job, beyond the trial, and how it grows with the trial's number
    python benchmarks/cluster.py wall     # a search with trials of a minute, on Slurm against locally
    python benchmarks/cluster.py steer    # 1,000 jobs that do nothing: what steering them costs the login node
    tests/cluster/stop-slurm
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
SCRIPT = """
import time
from hyperas.distributions import uniform

def data():
    nothing = 0
    return nothing

def model(nothing):
    x = {{uniform(0, 1)}}
    time.sleep(SECONDS)
    return {"loss": x, "status": "ok"}
"""
CONFIG = """
name: nothing
data: {dataset: model}
search: {model: nothing.py, max_evals: TRIALS, parallelism: PARALLELISM, threads: 1}
tracking: {uri: null}
resources: {mem_mb: 1000, runtime: 10}
"""
# In place of what Snakemake submits: empty results of the trial that the job is for. Slurm still schedules and runs it.
NOTHING = """#!/bin/sh
cd results/nothing && mkdir -p trials/$1 benchmarks/trials && touch benchmarks/trials/$1.tsv
echo '{}' > trials/$1.run.json && echo '{}' > trials/$1.json
"""
SBATCH = """#!/bin/sh
for word do
  case $word in rule_trial_wildcards_*) trial=${word##*_} ;; esac
done
for word do
  shift
  case $word in --wrap=*) word="--wrap=sh nothing.sh $trial" ;; esac
  set -- "$@" "$word"
done
exec REAL "$@"
"""
QUICK = ("--slurm-no-account", "--slurm-status-command", "squeue")


def set_up(folder: Path, seconds: float, trials: int, parallelism: int) -> None:
    """Put a script that sleeps and its configuration into ``folder``."""
    (folder / "nothing.py").write_text(SCRIPT.replace("SECONDS", str(seconds)))
    text = CONFIG.replace("TRIALS", str(trials)).replace("PARALLELISM", str(parallelism))
    (folder / "config.yaml").write_text(text)


def snakemake(folder: Path, *arguments: str, path: str | None = None) -> float:
    """Seconds that a call of Snakemake took, with another ``PATH`` if given."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--configfile", folder / "config.yaml", *arguments]
    started = time.monotonic()
    run = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PATH": path or os.environ["PATH"]},
    )
    if run.returncode:
        sys.exit(run.stdout[-5000:])
    return time.monotonic() - started


def on_slurm(folder: Path, *arguments: str, look: int = 20, path: str | None = None) -> float:
    """Seconds that a search on Slurm took, with so many seconds at least between two looks at the queue."""
    profile = ["--profile", ROOT / "profiles" / "slurm", *QUICK]
    return snakemake(folder, *profile, "--slurm-init-seconds-before-status-checks", str(look), *arguments, path=path)


def trials(count: int) -> list[str]:
    """Return the JSON files of so many trials."""
    return [f"results/nothing/trials/{number:04d}.json" for number in range(count)]


def seconds_in_slurm(folder: Path) -> list[float]:
    """How long each job of a folder ran, by Slurm."""
    command = ["squeue", "--noheader", "--states", "completed", "--format", "%A|%Z"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = []
    for number in sorted(int(line.split("|")[0]) for line in lines if line.endswith(f"|{folder}")):
        said = subprocess.run(
            ["scontrol", "show", "job", str(number)], check=True, capture_output=True, text=True
        ).stdout
        words = dict(word.split("=", 1) for word in said.split() if "=" in word)
        ends = [time.mktime(time.strptime(words[key], "%Y-%m-%dT%H:%M:%S")) for key in ("StartTime", "EndTime")]
        found.append(ends[1] - ends[0])
    return found


def cost(folder: Path) -> None:
    """Print what a job costs beyond the trial's own script, and what reading the workflow costs a late trial's job."""
    set_up(folder, 0, 6, 1)
    on_slurm(folder, "--", *trials(6), look=2)
    tables = (folder / "results/nothing/benchmarks/trials" / f"{number:04d}.tsv" for number in range(6))
    own = [float(table.read_text().split("\n")[1].split("\t")[0]) for table in tables]
    whole = seconds_in_slurm(folder)
    print(
        f"{len(whole)} jobs, one at a time: {median(whole):.1f} s each by Slurm, {median(own):.1f} s the trial itself",
        flush=True,
    )
    print(f"beyond the trial: {median(whole) - median(own):.1f} s", flush=True)

    set_up(folder, 0, 1001, 4)
    for path in map(folder.joinpath, trials(1000)):
        path.write_text("{}")
        path.with_suffix(".run.json").write_text("{}")
        path.with_suffix("").mkdir(exist_ok=True)
    job = ["--cores", "1", "--dry-run", "--nolock", "--rerun-triggers", "mtime", "--allowed-rules", "trial"]
    for what, mode in ("as the job does it", "remote"), ("planning all trials before", "default"):
        for trial in "0000", "1000":
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            snakemake(folder, *job, "--mode", mode, "--target-jobs", f"trial:name=nothing,trial={trial}")
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            print(
                f"reading the workflow for trial {trial}, {what}: {after.ru_utime - before.ru_utime:.1f} s of CPU time"
            )


def wall(folder: Path, count: int = 8) -> None:
    """Print how long a search with trials of a minute takes on Slurm and locally, two trials at a time."""
    taken = {}
    for where in "local", "slurm":
        own = folder / where
        own.mkdir()
        set_up(own, 60, count, 4)
        target = ["--", "results/nothing/best.json"]
        taken[where] = on_slurm(own, *target) if where == "slurm" else snakemake(own, "--cores", "2", *target)
        print(f"{count} trials of a minute, {where}: {taken[where]:.0f} s", flush=True)
    print(f"ratio {taken['slurm'] / taken['local']:.2f}")


def steer(folder: Path, count: int = 1000, parallelism: int = 100) -> None:
    """Print what the login node spends on so many jobs, each of which writes empty results and ends."""
    set_up(folder, 0, count, parallelism)
    (folder / "nothing.sh").write_text(NOTHING)
    submit = folder / "bin" / "sbatch"
    submit.parent.mkdir()
    submit.write_text(SBATCH.replace("REAL", shutil.which("sbatch")))
    submit.chmod(0o755)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = on_slurm(folder, "--", *trials(count), look=2, path=f"{submit.parent}:{os.environ['PATH']}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{count} jobs that do nothing, at most {parallelism} in the queue: {taken:.0f} s, {taken / count:.2f} s a job"
    )
    print(f"of Snakemake, sbatch and squeue: {used / count:.2f} s of CPU time a job, {after.ru_maxrss / 1024:.0f} MiB")


def main() -> None:
    """Print the figures that the command line names."""
    what = {"cost": cost, "wall": wall, "steer": steer}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as temporary:
        what(Path(temporary).resolve(), *map(int, sys.argv[2:]))


if __name__ == "__main__":
    main()
