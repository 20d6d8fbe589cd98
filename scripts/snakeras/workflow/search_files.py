"""The files of one search: what its rules read and write. Paths are relative to the working directory."""

import os
from functools import cached_property
from pathlib import Path

from snakeras.core.settings import Settings
from snakeras.data import mnist
from snakeras.model_file import parser
from snakeras.search import samplers, trial_records
from snakeras.workflow import report_files

MNIST = f"{mnist.FOLDER}/SHA256SUMS"


class SearchFiles:
    """The paths that rules share.

    Parameters
    ----------
    in_job
        Whether this Snakemake runs one job of another one, on a cluster.
    shared
        Whether jobs find all files in the working directory; else each finds only those that its rule names.
    """

    def __init__(self, settings: Settings, in_job: bool = False, shared: bool = True) -> None:
        self.settings = settings
        self._in_job = in_job
        self._shared = shared
        self._own_data = settings.data.dataset == "model"
        self.results = f"results/{settings.name}"
        self.trials_folder = f"{self.results}/trials"

    @cached_property
    def model(self) -> list[str]:
        """The Hyperas file, then the user's other code that decides a trial: modules beside it, the algorithm's."""
        script = self.settings.search.model
        algorithm = samplers.own_file(self.settings.search.algo)
        return [script, *map(str, parser.local_modules(Path(script))), *([algorithm] if algorithm else [])]

    @property
    def mnist(self) -> list[str]:
        """The checksums of MNIST's four files, for the dataset that is made from them."""
        return [MNIST] if self.settings.data.dataset == "mnist" else []

    @cached_property
    def mnist_for_model(self) -> list[str]:
        """The same checksums, for a model file that reads MNIST by ``keras.datasets``."""
        return [MNIST] if self._own_data and parser.uses_mnist(map(Path, self.model)) else []

    @property
    def arrays(self) -> str:
        """The folder of the prepared arrays, which searches with the same data share."""
        data = self.settings.data
        return f"resources/prepared/{data.dataset}_{data.validation_fraction}_{self.settings.search.seed}"

    @property
    def manifest(self) -> list[str]:
        """The manifest of the prepared arrays; none where the model file has its own data."""
        return [] if self._own_data else [f"{self.results}/data.json"]

    def trial(self, number: int) -> str:
        """Return the record of a trial."""
        return f"{self.trials_folder}/{trial_records.name(number)}.json"

    @property
    def trials(self) -> list[str]:
        """The records of all trials."""
        return list(map(self.trial, range(self.settings.search.max_evals)))

    @property
    def run_records(self) -> list[str]:
        """The run records of all trials."""
        return [path.removesuffix(".json") + ".run.json" for path in self.trials]

    def earlier_trials(self, wildcards: object) -> list[str]:
        """Return the records that a trial waits for. It reads those of earlier trials too, which these waited for."""
        number, parallelism = int(wildcards.trial), self.settings.search.parallelism
        if not self._shared:
            return list(map(self.trial, trial_records.visible(number, parallelism)))
        paths = list(map(self.trial, trial_records.waited_for(number, parallelism)))
        # No rule makes absolute paths: so a job on a cluster, which finds them there, does not plan them all anew.
        return list(map(os.path.abspath, paths)) if self._in_job else paths

    @property
    def published(self) -> list[str]:
        """What the rules of publishing leave when all is in the tracker; none without a tracker."""
        tracking = self.settings.tracking
        if not (tracking.uri or tracking.mflux):
            return []
        names = [*map(trial_records.name, range(self.settings.search.max_evals)), "final"]
        if tracking.mflux and not self._own_data:
            names.append("data")
        return [f"{self.results}/tracking/{name}.json" for name in names]

    @property
    def linked_runs(self) -> list[str]:
        """Where each trial is in the tracker, if a browser can open it there."""
        tracking = self.settings.tracking
        linked = tracking.mflux or str(tracking.uri).startswith(("http://", "https://"))
        return self.published[: self.settings.search.max_evals] if linked else []

    @property
    def linked_search(self) -> list[str]:
        """Where the search is in the tracker, if a browser can open it there."""
        return [f"{self.results}/tracking/search.json"] if self.linked_runs else []

    @property
    def targets(self) -> list[str]:
        """What the whole workflow makes."""
        names = ["best.json", "trials.csv", "final/model.keras", "final/metrics.json"]
        return [f"{self.results}/{name}" for name in names] + report_files.targets(self.results) + self.published
