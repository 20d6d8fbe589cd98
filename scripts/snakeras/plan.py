"""What the rules of one configuration need to know: which files, which settings. Knows no rule's work."""

import ast
import os
from functools import cache
from pathlib import Path

from snakeras import algorithms, devices, history

MNIST = "resources/mnist/SHA256SUMS"

# Only these decide what a trial gives: a change of any other key must not run a trial again.
TRIAL_KEYS = ("algo", "startup_trials", "parallelism", "seed", "epochs", "train_samples", "threads")


class Plan:
    """The files and settings that the rules share, for one configuration.

    Paths are relative to the working directory, also those of the workflow's own files: absolute ones would run
    every job again when the folder moves.
    """

    def __init__(self, config: dict, basedir: str) -> None:
        self._config = config
        self._scripts = Path(basedir) / "scripts"
        self.name = config["name"]
        self.results = f"results/{self.name}"
        self.max_evals = config["search"]["max_evals"]
        self.parallelism = config["search"]["parallelism"]
        self.threads = config["search"]["threads"]
        self.final = config["final"]
        self.tracking = config["tracking"]
        self.search = {key: config["search"][key] for key in TRIAL_KEYS}
        self.prepares = config["data"]["dataset"] != "model"
        keys = ("dataset", "validation_fraction") if self.prepares else ("dataset",)
        self.data = {key: config["data"][key] for key in keys}
        self.gpu = 1 if devices.gpus() else 0

    @property
    def model(self) -> list[str]:
        """The Hyperas script, and the user's own search algorithm if that is a file here."""
        own = algorithms.own_file(self.search["algo"])
        return [self._config["search"]["model"], *([own] if own else [])]

    def code(self, script: str) -> list[str]:
        """A rule's script and all modules of snakeras that it imports: as inputs, an edit of one reruns the rule."""
        return [os.path.relpath(path) for path in _imported(self._scripts, self._scripts / script)]

    @staticmethod
    def raw(wildcards: object) -> list[str]:
        """What vouches for MNIST's four files, for the dataset that is made from them."""
        return [MNIST] if wildcards.dataset == "mnist" else []

    @property
    def manifest(self) -> list[str]:
        """The manifest of the prepared arrays; none where the script has its own data function."""
        if not self.prepares:
            return []
        parts = (self.data["dataset"], self.data["validation_fraction"], self.search["seed"])
        return [f"resources/prepared/{'_'.join(map(str, parts))}/manifest.json"]

    @property
    def trials(self) -> list[str]:
        """The JSON file of every trial of the search."""
        return [self._trial(trial) for trial in range(self.max_evals)]

    def looks_back_on(self, wildcards: object) -> list[str]:
        """The trials that one waits for. It reads the earlier ones too, which these waited for."""
        return [self._trial(trial) for trial in history.waited_for(int(wildcards.trial), self.parallelism)]

    def _trial(self, trial: int) -> str:
        return f"{self.results}/trials/{history.name(trial)}.json"

    @property
    def targets(self) -> list[str]:
        """What the whole workflow makes."""
        final = [f"{self.results}/{file}" for file in ("best.json", "trials.csv", "final/metrics.json")]
        return final + ([f"{self.results}/final/tracking.json"] if self.tracking["uri"] else [])


@cache
def _imported(scripts: Path, path: Path) -> list[Path]:
    """``path`` and the modules of the package that it imports, directly or through each other, at any depth of code."""
    found, waiting = [], [path]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.append(current)
        for node in ast.walk(ast.parse(current.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "snakeras":
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("snakeras."):
                names = [node.module.removeprefix("snakeras.")]
            else:
                continue
            waiting += [scripts / "snakeras" / f"{name}.py" for name in names]
    return sorted(found)
