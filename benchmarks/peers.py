"""Compare Snakeras with what people would pick instead: same machine, model, space, split and threads.

From the top of the repository, with the packages of .venv (all of them: make setup EXTRA=benchmarks):

python benchmarks/peers.py --quick                            a few small searches by each library, in minutes
python benchmarks/peers.py                                    everything, in many hours
python benchmarks/peers.py --tasks table --libraries ours,optuna-median --seeds 3

A library that is missing has a line that says so. Searches that have ended are kept: call again to go on. The tables
are comparison.md in the folder of the results, the picture comparison.svg.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))
from compared.rows import ROWS  # noqa: E402
from compared.tasks import TASKS  # noqa: E402

# Between these lines of a page stand the figures.
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


def listed(known: dict) -> object:
    """Return a type of argument: names among the known ones, with commas between them."""

    def names(text: str) -> list[str]:
        found = text.split(",") if text else []
        if unknown := set(found) - set(known):
            raise argparse.ArgumentTypeError(f"found {', '.join(sorted(unknown))}, expected some of {', '.join(known)}")
        return found

    return names


def arguments() -> argparse.Namespace:
    """Return what the command was told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, 4 trials of 2 epochs, 500 samples, one task")
    parser.add_argument("--tasks", type=listed(TASKS), help=f"of {','.join(TASKS)}")
    parser.add_argument("--libraries", type=listed(ROWS), help=f"of {','.join(ROWS)}")
    parser.add_argument("--asked", type=listed(ROWS), help="whose searches are killed, run in parallel, and raised")
    parser.add_argument("--seeds", type=int, help="how many; each task has its own number")
    parser.add_argument("--trials", type=int, help="the budget of each search: so many trials (12)")
    parser.add_argument("--epochs", type=int, help="of so many epochs; each task has its own number")
    parser.add_argument("--samples", type=int, help="train, validate and test on at most so many; all")
    parser.add_argument("--threads", type=int, default=2, help="cores that each search uses (%(default)s)")
    ours = "settings of Snakeras's search that differ from config.yaml, as in '{threads: 2}'"
    parser.add_argument("--ours", type=yaml.safe_load, default={}, help=ours)
    parser.add_argument("--results", type=Path, help="folder (results-peers, or results-peers-quick)")
    parser.add_argument("--page", type=Path, help="a page for the tables, with the picture beside it")
    parser.add_argument("--so-far", action="store_true", help="run nothing: tables and picture of what has run")
    parser.add_argument("--dry-run", action="store_true", help="say what would run")
    return parser.parse_args()


def settings(given: argparse.Namespace) -> dict:
    """Return the configuration of peers.smk."""
    quick = {"tasks": ["digits"], "asked": ["ours", "optuna-median"], "seeds": 1, "trials": 4, "epochs": 2}
    defaults = quick | {"samples": 500} if given.quick else {"trials": 12}
    chosen = {name: value for name, value in vars(given).items() if value is not None}
    told = argparse.Namespace(**{name: defaults.get(name) for name in vars(given)} | chosen)
    rows = told.libraries or list(ROWS)
    tasks = {
        name: {
            "epochs": told.epochs or TASKS[name].epochs,
            "seeds": told.seeds or TASKS[name].seeds,
            "rows": [row for row in rows if ROWS[row].full or not TASKS[name].full],
        }
        for name in (told.tasks or TASKS)
    }
    asked = [name for name, row in ROWS.items() if row.asked] if told.asked is None else told.asked
    return {
        "tasks": tasks,
        "asked": {"rows": [row for row in asked if row in rows], "trials": min(told.trials, 6), "epochs": 2},
        "trials": told.trials,
        "samples": told.samples,
        "threads": told.threads,
        "ours": told.ours,
        "so_far": told.so_far,
        "command": shlex.join(["python", "benchmarks/peers.py", *sys.argv[1:]]),
    }


def main() -> int:
    """Run what is missing of the comparison, and return Snakemake's exit code."""
    given = arguments()
    results = (given.results or Path("results-peers-quick" if given.quick else "results-peers")).resolve()
    results.mkdir(parents=True, exist_ok=True)
    (results / "settings.yaml").write_text(yaml.safe_dump(settings(given)))
    # One core: one job after the other, whatever each of them uses.
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "benchmarks" / "peers.smk"), "--cores", "1"]
    command += ["--directory", str(results), "--configfile", str(results / "settings.yaml"), "--keep-going"]
    # A run that was killed leaves a lock behind.
    command += ["--nolock", "--rerun-incomplete", "--workflow-profile", "none"]
    command += ["--rerun-triggers", "params", "input", "mtime"]
    paths = os.pathsep.join([str(ROOT / "benchmarks"), str(ROOT / "scripts")])
    environment = {**os.environ, "PYTHONPATH": paths}
    # A search whose library has a newer version would run again.
    if given.so_far:
        command += ["--allowed-rules", "all", "table", "picture"]
    if given.dry_run:
        command.append("--dry-run")
    ended = subprocess.run(command, env=environment, check=False).returncode
    if ended == 0 and given.page and not given.dry_run:
        tables = (results / "comparison.md").read_text()
        given.page.write_text(FIGURES.sub(lambda _: f"\n{tables}\n", given.page.read_text()))
        shutil.copy(results / "comparison.svg", given.page.with_suffix(".svg"))
    return ended


if __name__ == "__main__":
    sys.exit(main())
