"""What the rules of one configuration need to know: which files, which settings. Knows no rule's work."""

import ast
import os
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path

from snakeras.core import files, seeds
from snakeras.core.settings import JobSettings
from snakeras.data import mnist
from snakeras.model_file import parser
from snakeras.process import gpus
from snakeras.search import pruners, samplers, trial_records

MNIST = f"{mnist.FOLDER}/SHA256SUMS"

# Only these decide what a trial gives: a change of any other key must not run a trial again.
TRIAL_KEYS = (
    "model_function",
    "data_function",
    "algo",
    "startup_trials",
    "parallelism",
    "seed",
    "epochs",
    "train_samples",
    "threads",
    "precision",
)

# What the report calls the final model's pictures.
FINAL_PICTURES = {
    "confusion": "Confusion matrix",
    "mistakes": "Mistakes on the test set",
    "training": "Training of the final model",
}


class Plan:
    """The files and settings that the rules share, for one configuration.

    Paths are relative to the working directory, also those of the workflow's own files: absolute ones would run
    every job again when the folder moves.

    Parameters
    ----------
    in_job
        Whether this Snakemake is that of one job on a cluster.
    shared
        Whether jobs find all files in the working directory; else each finds those that its rule names.
    force
        Called with results that have to be made again for a reason that Snakemake does not see.
    """

    def __init__(
        self,
        config: dict,
        basedir: str,
        in_job: bool = False,
        shared: bool = True,
        force: Callable[[list[str]], None] = lambda paths: None,
    ) -> None:
        self._config = config
        self._in_job = in_job
        self._shared = shared
        self._force = force
        self._basedir = Path(basedir)
        self._scripts = self._basedir / "scripts"
        self.name = config["name"]
        self.results = f"results/{self.name}"
        self.max_evals = config["search"]["max_evals"]
        self.parallelism = config["search"]["parallelism"]
        self.threads = config["search"]["threads"]
        self.final = config["final"]
        self.tracking = {key: value for key, value in config["tracking"].items() if key != "mflux_token_file"}
        self.tracks = bool(self.tracking["uri"] or self.tracking["mflux"])
        self.search = {key: config["search"][key] for key in TRIAL_KEYS} | {"pruner": self._pruner()}
        self.mnist_sha256 = mnist.SHA256
        self.prepares = config["data"]["dataset"] != "model"
        keys = ("dataset", "validation_fraction") if self.prepares else ("dataset",)
        self.data = {key: config["data"][key] for key in keys}
        self.gpu = gpus.declared(config["search"]["gpu"])
        # A job on a cluster is tried again as another job, with more memory and time, and never within itself.
        self.retries = 0 if in_job else config["search"]["retries"]

    def _pruner(self) -> dict:
        """The settings that this kind of pruner goes by; the others decide nothing."""
        given = self._config["search"]
        kind = given["pruner"]["type"]
        if kind == "none":
            return {"type": kind}
        return {
            "type": kind,
            **{key: given["pruner"][key] for key in pruners.SETTINGS[kind]},
            "monitor": given["monitor"],
            "mode": given["mode"],
        }

    def mem_mb(self, _wildcards: object, attempt: int) -> int:
        """Memory of a job that trains, in MB: more at each attempt."""
        return attempt * self._config["resources"]["mem_mb"]

    def runtime(self, _wildcards: object, attempt: int) -> int:
        """Time of a job that trains, in minutes: more at each attempt."""
        return attempt * self._config["resources"]["runtime"]

    def attempt(self, _wildcards: object, attempt: int) -> int:
        """How many times the job has been started, this time included: Snakemake tells only its resources."""
        return attempt

    def job(self, _wildcards: object, resources: object) -> dict:
        """Return the settings that a job needs and that decide nothing about its result (``JobSettings``).

        Snakemake does not compare params that depend on resources: hence that argument.
        """
        flat = self._config["search"] | self._config["data"] | self._config["tracking"]
        return {key: flat[key] for key in JobSettings.model_fields}

    def configuration(self, _wildcards: object, resources: object) -> dict:
        """Return the whole configuration, to be kept beside the results; not compared, as ``job``."""
        return self._config

    @cached_property
    def model(self) -> list[str]:
        """The Hyperas script, then what else of the user's own decides a trial: modules beside it, the algorithm."""
        script = self._config["search"]["model"]
        algorithm = samplers.own_file(self.search["algo"])
        return [script, *map(str, parser.local_modules(Path(script))), *([algorithm] if algorithm else [])]

    def code(self, script: str) -> list[str]:
        """A rule's script and all modules of snakeras that it imports: as inputs, an edit of one reruns the rule."""
        return [os.path.relpath(path) for path in _imported(self._scripts, self._scripts / script)]

    def script(self, script: str) -> str:
        """The path of a rule's script."""
        return os.path.relpath(self._scripts / script)

    def code_digest(self, script: str) -> str:
        """The digest of all that ``code`` gives: as a param, an edit reruns the rule too."""
        return files.sha256_of([files.sha256_of_file(Path(path)) for path in self.code(script)])

    @property
    def raw(self) -> list[str]:
        """What vouches for MNIST's four files, for the dataset that is made from them."""
        return [MNIST] if self.data["dataset"] == "mnist" else []

    @property
    def prepared(self) -> dict:
        """What decides the prepared arrays."""
        data = self._config["data"]
        seed = seeds.of_split(self.search["seed"])
        return {"dataset": data["dataset"], "fraction": data["validation_fraction"], "seed": seed}

    @property
    def arrays(self) -> str:
        """The folder of the prepared arrays, which searches with the same data share."""
        data = self._config["data"]
        return f"resources/prepared/{data['dataset']}_{data['validation_fraction']}_{self.search['seed']}"

    @property
    def manifest(self) -> list[str]:
        """The manifest of the prepared arrays; none where the script has its own data function."""
        return [f"{self.results}/data.json"] if self.prepares else []

    @cached_property
    def script_data(self) -> list[str]:
        """What vouches for MNIST's files, for a script that takes them by ``keras.datasets``."""
        return [MNIST] if not self.prepares and parser.uses_mnist(map(Path, self.model)) else []

    @property
    def trials(self) -> list[str]:
        """The JSON file of every trial of the search."""
        return [self._trial(trial) for trial in range(self.max_evals)]

    def looks_back_on(self, wildcards: object) -> list[str]:
        """The trials that one waits for. It reads the earlier ones too, which these waited for."""
        trial = int(wildcards.trial)
        self._force(self.contradicted(trial))
        if not self._shared:
            return [self._trial(earlier) for earlier in trial_records.visible(trial, self.parallelism)]
        paths = [self._trial(earlier) for earlier in trial_records.waited_for(trial, self.parallelism)]
        # A job on a cluster finds them there. No rule makes absolute paths, so it does not plan them all anew.
        return list(map(os.path.abspath, paths)) if self._in_job else paths

    def contradicted(self, trial: int) -> list[str]:
        """The JSON file of a trial, if it is there and says that it was made with other settings than those of now.

        Snakemake compares settings too, but has no record of a job that ended on a cluster while it was not there.
        """
        path = self._trial(trial)
        if self._in_job or trial_records.made_with(Path(path)) in (None, {"search": self.search, "data": self.data}):
            return []
        return [path]

    def _trial(self, trial: int) -> str:
        return f"{self.trials_folder}/{trial_records.name(trial)}.json"

    @property
    def trials_folder(self) -> str:
        """The folder of all trials."""
        return f"{self.results}/trials"

    @property
    def published(self) -> list[str]:
        """What vouches for all that is to be in the tracker; none without one."""
        if not self.tracks:
            return []
        names = [*map(trial_records.name, range(self.max_evals)), "final"]
        if self.tracking["mflux"] and self.prepares:
            names.append("data")
        return [f"{self.results}/tracking/{name}.json" for name in names]

    @property
    def happened(self) -> list[str]:
        """What happened in every trial of the search."""
        return [f"{self.trials_folder}/{trial_records.name(trial)}.run.json" for trial in range(self.max_evals)]

    @property
    def linked_runs(self) -> list[str]:
        """Where each trial is in the tracker, if people can open it there; none without an address."""
        addressed = self.tracking["mflux"] or str(self.tracking["uri"]).startswith(("http://", "https://"))
        return self.published[: self.max_evals] if addressed else []

    @property
    def linked_search(self) -> list[str]:
        """Likewise for the search."""
        return [f"{self.results}/tracking/search.json"] if self.linked_runs else []

    def report_file(self, name: str) -> str:
        """The path of one of the workflow's files for the report."""
        return os.path.relpath(self._basedir / "report" / name)

    def caption_text(self, picture: str) -> str:
        """The path of a caption that is still to be filled in with a search's figures."""
        return self.report_file(f"{picture}.rst")

    def caption_texts(self, *pictures: str) -> dict[str, str]:
        """The same for several, by names of a rule's input."""
        return {f"{picture}_text": self.caption_text(picture) for picture in pictures}

    def caption(self, picture: str) -> str:
        """The absolute path of a caption that was filled in: Snakemake looks for others beside the rules."""
        return str(Path(f"{self.results}/plots/captions/{picture}.rst").absolute())

    def picture(self, name: str, category: str) -> dict[str, str]:
        """The files of a picture, by names of a rule's output: SVG (for the report), PNG and the caption filled in."""
        from snakemake.io import report

        path = f"results/{{name}}/plots/{name}"
        labels = {"result": FINAL_PICTURES[name]}
        return {
            name: report(f"{path}.svg", caption=self.caption(name), category=category, labels=labels),
            f"{name}_png": f"{path}.png",
            f"{name}_caption": f"results/{{name}}/plots/captions/{name}.rst",
        }

    @property
    def search_pictures(self) -> list[str]:
        """The pictures that need no final model."""
        return [f"{self.results}/plots/search", *self._plots("html", "table")]

    def _plots(self, suffix: str, *names: str) -> list[str]:
        return [f"{self.results}/plots/{name}.{suffix}" for name in names]

    @property
    def targets(self) -> list[str]:
        """What the whole workflow makes."""
        names = ["best.json", "trials.csv", "final/model.keras", "final/metrics.json"]
        pictures = (
            self.search_pictures + self._plots("svg", *FINAL_PICTURES) + self._plots("html", "network", "summary")
        )
        return [f"{self.results}/{name}" for name in names] + pictures + self.published


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
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "snakeras":
                module = scripts / node.module.replace(".", "/")
                candidates = [module, *(module / alias.name for alias in node.names)]
                waiting += [file for path in candidates if (file := path.with_suffix(".py")).is_file()]
    return sorted(found)
