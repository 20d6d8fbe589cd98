"""Run a search from Python, such as a notebook, and look at what it found."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

# ``import snakeras`` comes with every job: what is imported here has to be light.
from snakeras.core import files
from snakeras.core.errors import UserError

if TYPE_CHECKING:
    import optuna

WORKFLOW = Path(__file__).parents[2]


@dataclass(frozen=True)
class Search:
    """A finished search."""

    results: Path  # its folder

    @cached_property
    def best(self) -> dict:
        """What ``best.json`` holds: the best hyperparameters, their loss, and more."""
        return files.read_json(self.results / "best.json")

    @cached_property
    def study(self) -> "optuna.Study":
        """The search as an Optuna study."""
        from snakeras.report import study

        return study.load(self.results)


def run(model: str | Path, name: str, cores: int | str = "all", gpus: int = 1, **sections: dict | None) -> Search:
    """Run a search in the working directory, or what is missing of it, as ``make run`` does. Return what it found.

    Args:
        model: The model file.
        name: The search's name: its results go to ``results/<name>/``.
        cores: How many cores its jobs may take.
        gpus: How many of its jobs may have a GPU at the same time.
        sections: Sections of the configuration, such as ``search={"max_evals": 20}``. ``data`` is by default
            ``{"dataset": "model"}``: the model file's own data function.

    Raises:
        UserError: When there is a mistake in the configuration or the model file, or when a job failed. What was
            printed before says more.
    """
    search = {"model": str(model)} | (sections.get("search") or {})
    config = {"name": name, "data": {"dataset": "model"}} | sections | {"search": search}
    with tempfile.TemporaryDirectory(prefix="snakeras-") as folder:
        configuration = Path(folder) / "config.yaml"
        # JSON is YAML.
        files.write_json(configuration, config)
        options = ["--snakefile", str(WORKFLOW / "Snakefile"), "--configfile", str(configuration)]
        # The kernel of a notebook may have been killed during an earlier search.
        _call("snakeras.workflow.stale_lock", *options, PYTHONPATH=str(WORKFLOW / "scripts"))
        _call("snakemake", "--cores", str(cores), "--resources", f"gpu={gpus}", *options)
    return Search(Path("results", name).absolute())


def _call(module: str, *arguments: str, **environment: str) -> None:
    """Run a module in a Python of its own, and print what it prints. Raise UserError with its last line if it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    last = ""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PATH": path} | environment,
    ) as process:
        for line in process.stdout:
            print(line, end="")
            last = line.strip() or last
    if process.returncode:
        raise UserError(last)
