"""Params and resources of the rules, from the settings: a rule runs again when one of its params changes."""

from snakeras.core import seeds
from snakeras.core.settings import JobSettings, Settings
from snakeras.data import mnist
from snakeras.process import gpus
from snakeras.search import trial_records


class RuleParams:
    """What the rules take from the settings, as JSON-able values: a rule runs again when one of its params changes.

    Args:
        in_job: Whether this Snakemake is that of one job on a cluster.
        in_module: Whether another workflow uses this one as a module, perhaps for one search of several.
    """

    def __init__(self, settings: Settings, in_job: bool = False, in_module: bool = False) -> None:
        search, data = settings.search, settings.data
        self._settings = settings
        self._label = settings.name if in_module else None
        self.name = settings.name
        self.mnist_sha256 = mnist.SHA256
        self.threads = search.threads
        self.gpu = gpus.declared(search.gpu)
        # A job on a cluster is tried again as another job, with more memory and time, and never within itself.
        self.retries = 0 if in_job else search.retries

        # What decides whether a trial runs; then what decides a trial, and its data.
        self.stop_rule = search.stop_rule()
        self.search = search.trial_settings().model_dump()
        self.data = data.model_dump(
            include={"dataset"} if data.dataset == "model" else {"dataset", "validation_fraction"}
        )
        # What decides the prepared arrays, and their folder, which searches with the same data share.
        seed = seeds.of_split(search.seed)
        self.prepared = {"dataset": data.dataset, "fraction": data.validation_fraction, "seed": seed}
        self.arrays = f"resources/prepared/{data.dataset}_{data.validation_fraction}_{search.seed}"

        self.points = list(search.points)
        self.final = settings.final.model_dump(include={"epochs", "train_on"})
        ensemble = settings.final.ensemble
        self.ensemble = ensemble.trials * ensemble.seeds > 1
        self.candidates = settings.final.candidates if settings.final.has_finalists else ensemble.trials
        # How the finalists are compared; None without them.
        compared = {"epochs": settings.final.epochs, "monitor": search.monitor, "mode": search.mode}
        self.finalists = compared if settings.final.has_finalists else None
        # An ensemble alone compares nothing by it.
        self.compared_by = search.monitor if settings.final.has_finalists else "auto"
        self.test_function = data.test_function
        # Where the token lies decides nothing.
        self.tracking = settings.tracking.model_dump(exclude={"mflux_token_file"})

    def point(self, wildcards: object) -> dict | None:
        """Return the values that the user gives for a trial; None for none. It decides this trial alone."""
        return trial_records.given(self.points, int(wildcards.trial))

    def job(self, _wildcards: object, resources: object) -> dict:
        """Return what a job needs that decides nothing about its result, as ``JobSettings`` takes it.

        Snakemake does not compare params that depend on resources: hence that argument.
        """
        return JobSettings.of(self._settings, self._label).model_dump()

    def configuration(self, _wildcards: object, resources: object) -> dict:
        """Return the whole configuration, to be kept beside the results; not compared, as ``job``."""
        return self._settings.model_dump()

    def mem_mb(self, _wildcards: object, attempt: int) -> int:
        """Return the memory of a job that trains, in MB: more at each attempt."""
        return attempt * self._settings.resources.mem_mb

    def runtime(self, _wildcards: object, attempt: int) -> int:
        """Return the time of a job that trains, in minutes: more at each attempt."""
        return attempt * self._settings.resources.runtime

    def attempt(self, _wildcards: object, attempt: int) -> int:
        """Return how many times the job has been started, this time included: Snakemake tells only its resources."""
        return attempt
