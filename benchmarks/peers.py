"""Compare Snakeras with what people would pick instead: same machine, model, space, split and threads.

From the top of the repository, with the packages of .venv (all of them: make setup EXTRA=benchmarks):

python benchmarks/peers.py --quick                            a few small searches by each library, in minutes
python benchmarks/peers.py                                    everything, in many hours
python benchmarks/peers.py --tasks table --libraries ours,optuna-median --seeds 3

A library that is missing or fails has a line that says so. Searches that have ended are kept, those that failed run
again: call again to go on. The tables are comparison.md in the folder of the results, the picture comparison.svg.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "benchmarks"), str(ROOT / "scripts")]
from compared.behaviour import QUESTIONS  # noqa: E402
from compared.rows import ROWS  # noqa: E402
from compared.tasks import TASKS  # noqa: E402
from snakeras.process import lifetime  # noqa: E402

# Between these lines of a page stand the figures.
FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


def listed(known: dict, or_none: bool = False) -> object:
    """Return an argparse type: some of the known names, with commas between them."""

    def names(text: str) -> list[str]:
        found = text.split(",") if text or not or_none else []
        if unknown := set(found) - set(known):
            shown = ", ".join(sorted(unknown)) or "none"
            raise argparse.ArgumentTypeError(f"found {shown}, expected some of {', '.join(known)}")
        return found

    return names


def count(text: str) -> int:
    """Return a whole number from 1, as an argparse type."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected a whole number from 1")
    return int(text)


def settings_of_a_search(text: str) -> dict:
    """Return a mapping written in YAML, as an argparse type."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"found {text}, expected a mapping such as {{threads: 2}}")
    return found


def page(text: str) -> Path:
    """Return the path of a page that has a place for the tables, as an argparse type."""
    path = Path(text)
    try:
        with path.open("r+") as file:
            if FIGURES.search(file.read()):
                return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error.strerror}") from error
    raise argparse.ArgumentTypeError(f"found no lines <!-- figures --> and <!-- end of figures --> in {path}")


def arguments() -> argparse.Namespace:
    """Return what the command was told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, 4 trials of 2 epochs, 500 samples, one task")
    parser.add_argument("--tasks", type=listed(TASKS), help=f"of {','.join(TASKS)}")
    parser.add_argument("--libraries", type=listed(ROWS), help=f"of {','.join(ROWS)}")
    parser.add_argument(
        "--asked", type=listed(ROWS, or_none=True), help="whose searches are killed, run in parallel, and raised"
    )
    parser.add_argument("--seeds", type=count, help="how many; each task has its own number")
    parser.add_argument("--trials", type=count, help="the budget of each search: so many trials (12)")
    parser.add_argument("--epochs", type=count, help="of so many epochs; each task has its own number")
    parser.add_argument("--samples", type=count, help="train, validate and test on at most so many; all")
    parser.add_argument("--threads", type=count, default=2, help="cores that each search uses (%(default)s)")
    ours = "settings of Snakeras's search that differ from config.yaml, as in '{threads: 2}'"
    parser.add_argument("--ours", type=settings_of_a_search, default={}, help=ours)
    parser.add_argument("--results", type=Path, help="folder (results-peers, or results-peers-quick)")
    parser.add_argument("--page", type=page, help="a page for the tables, with the picture beside it")
    parser.add_argument("--so-far", action="store_true", help="run nothing: tables and picture of what has run")
    parser.add_argument("--dry-run", action="store_true", help="say what would run")
    return parser.parse_args()


def settings(given: argparse.Namespace) -> dict:
    """Return the configuration of peers.smk."""
    quick = {"tasks": ["digits"], "asked": ["ours"], "seeds": 1, "trials": 4, "epochs": 2}
    defaults = quick | {"samples": 500} if given.quick else {"trials": 12}
    chosen = {name: value for name, value in vars(given).items() if value is not None}
    told = argparse.Namespace(**{name: defaults.get(name) for name in vars(given)} | chosen)
    rows, tasks = told.libraries or list(ROWS), told.tasks or list(TASKS)
    runs = [
        f"runs/{task}/{row}/{seed}.json"
        for task in tasks
        for seed in range(1, (told.seeds or TASKS[task].seeds) + 1)
        for row in rows
        if ROWS[row].full or not TASKS[task].full
    ]
    by_default = defaults.get("asked", [name for name, row in ROWS.items() if row.asked])
    asked = [row for row in rows if row in by_default] if given.asked is None else given.asked
    return {
        "runs": runs,
        "answers": [f"asked/{question}/{row}.json" for question in QUESTIONS for row in asked],
        "epochs": {task: told.epochs or TASKS[task].epochs for task in tasks},
        "trials": told.trials,
        "samples": told.samples,
        "threads": told.threads,
        "ours": told.ours,
        "command": shlex.join(["python", "benchmarks/peers.py", *sys.argv[1:]]),
    }


def main() -> int:
    """Run what is missing of the comparison, and return Snakemake's exit code."""
    given = arguments()
    results = (given.results or Path("results-peers-quick" if given.quick else "results-peers")).resolve()
    told = settings(given)
    known = {path for path in told["runs"] + told["answers"] if (results / path).exists()}
    if given.so_far:
        told |= {name: [path for path in told[name] if path in known] for name in ("runs", "answers")}
        if not told["runs"]:
            sys.exit(f"--so-far: found none of these searches in {results / 'runs'}, expected one or more")
    try:
        results.mkdir(parents=True, exist_ok=True)
        (results / "settings.yaml").write_text(yaml.safe_dump(told))
    except OSError as error:
        sys.exit(f"--results {results}: {error.strerror}")
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
    elif failed := [path for path in known if "error" in json.loads((results / path).read_text())]:
        command += ["--forcerun", *failed]
    if given.dry_run:
        command.append("--dry-run")
    end = partial(lifetime.die_with_parent, os.getpid())
    try:
        ended = subprocess.run(command, env=environment, check=False, preexec_fn=end).returncode
    except KeyboardInterrupt:
        return 130
    if ended == 0 and given.page and not given.dry_run:
        tables = (results / "comparison.md").read_text()
        given.page.write_text(FIGURES.sub(lambda _: f"\n{tables}\n", given.page.read_text()))
        shutil.copy(results / "comparison.svg", given.page.with_suffix(".svg"))
    return ended


if __name__ == "__main__":
    sys.exit(main())
