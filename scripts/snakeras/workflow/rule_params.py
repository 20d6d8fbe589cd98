"""Params and resources of the rules, from the settings."""

from functools import cached_property

from snakeras.core import seeds
from snakeras.core.settings import JobSettings, Settings
from snakeras.data import mnist
from snakeras.process import gpus


class RuleParams:
    """What the rules take from the settings, as JSON-able values: a rule runs again when one of its params changes.

    Parameters
    ----------
    in_job
        Whether this Snakemake is that of one job on a cluster.
    """

    def __init__(self, settings: Settings, in_job: bool = False) -> None:
        self._settings = settings
        # A job on a cluster is tried again as another job, with more memory and time, and never within itself.
        self.retries = 0 if in_job else settings.search.retries
        self.threads = settings.search.threads
        self.name = settings.name
        self.mnist_sha256 = mnist.SHA256

    @cached_property
    def search(self) -> dict:
        """What decides a trial, as ``TrialSettings`` takes it."""
        return self._settings.search.trial_settings().model_dump()

    @cached_property
    def data(self) -> dict:
        """What decides the data of a trial."""
        data = self._settings.data
        return data.model_dump(include={"dataset"} if data.dataset == "model" else {"dataset", "validation_fraction"})

    @cached_property
    def prepared(self) -> dict:
        """What decides the prepared arrays."""
        data = self._settings.data
        seed = seeds.of_split(self._settings.search.seed)
        return {"dataset": data.dataset, "fraction": data.validation_fraction, "seed": seed}

    @cached_property
    def arrays(self) -> str:
        """The folder of the prepared arrays, which searches with the same data share."""
        data = self._settings.data
        return f"resources/prepared/{data.dataset}_{data.validation_fraction}_{self._settings.search.seed}"

    @cached_property
    def final(self) -> dict:
        """What decides the final model beside the search, as ``FinalSettings`` takes it."""
        return self._settings.final.model_dump()

    @cached_property
    def tracking(self) -> dict:
        """Where and what to publish, as ``TrackingSettings`` takes it; where the token lies decides nothing."""
        return self._settings.tracking.model_dump(exclude={"mflux_token_file"})

    def job(self, _wildcards: object, resources: object) -> dict:
        """Return what a job needs that decides nothing about its result, as ``JobSettings`` takes it.

        Snakemake does not compare params that depend on resources: hence that argument.
        """
        return JobSettings.of(self._settings).model_dump()

    def configuration(self, _wildcards: object, resources: object) -> dict:
        """Return the whole configuration, to be kept beside the results; not compared, as ``job``."""
        return self._settings.model_dump()

    @cached_property
    def gpu(self) -> int:
        """How many GPUs a job that trains declares."""
        return gpus.declared(self._settings.search.gpu)

    def mem_mb(self, _wildcards: object, attempt: int) -> int:
        """Return the memory of a job that trains, in MB: more at each attempt."""
        return attempt * self._settings.resources.mem_mb

    def runtime(self, _wildcards: object, attempt: int) -> int:
        """Return the time of a job that trains, in minutes: more at each attempt."""
        return attempt * self._settings.resources.runtime

    def attempt(self, _wildcards: object, attempt: int) -> int:
        """Return how many times the job has been started, this time included: Snakemake tells only its resources."""
        return attempt
