"""The params and resources of rules: of the settings, the part that each rule's result depends on."""

from snakeras.core import seeds
from snakeras.core.settings import JobSettings, Settings
from snakeras.data import mnist
from snakeras.process import gpus


class RuleParams:
    """The params that rules share, as plain dicts: Snakemake runs a job again when one has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        data = settings.data
        self.mnist_sha256 = mnist.SHA256
        self.search = settings.search.trial_settings().model_dump()
        self.data = data.model_dump(
            include={"dataset"} if data.dataset == "model" else {"dataset", "validation_fraction"}
        )
        self.final = settings.final.model_dump()
        self.tracking = settings.tracking.model_dump(exclude={"mflux_token_file"})
        self.prepared = {
            "dataset": data.dataset,
            "fraction": data.validation_fraction,
            "seed": seeds.of_split(settings.search.seed),
        }

    @property
    def made_with(self) -> dict:
        """The settings that decide what a trial gives."""
        return {"search": self.search, "data": self.data}

    def job(self, _wildcards: object, resources: object) -> dict:
        """Return the settings that a job needs and its result does not depend on (``JobSettings``).

        Snakemake does not compare params that take ``resources``.
        """
        return JobSettings.of(self._settings).model_dump()

    def config(self, _wildcards: object, resources: object) -> dict:
        """Return the whole configuration, to be kept beside the results; not compared, as ``job``."""
        return self._settings.model_dump()


class TrainingResources:
    """What a job that trains asks for.

    Parameters
    ----------
    in_job
        Whether this Snakemake runs one job of another one, on a cluster.
    """

    def __init__(self, settings: Settings, in_job: bool = False) -> None:
        self._first = settings.resources
        self.threads = settings.search.threads
        self.gpu = gpus.declared(settings.search.gpu)
        # A job on a cluster is tried again as another job, with more memory and time, and never within itself.
        self.retries = 0 if in_job else settings.search.retries

    def mem_mb(self, _wildcards: object, attempt: int) -> int:
        """Return the memory in MB: more at each attempt."""
        return attempt * self._first.mem_mb

    def runtime(self, _wildcards: object, attempt: int) -> int:
        """Return the time in minutes: more at each attempt."""
        return attempt * self._first.runtime

    def attempt(self, _wildcards: object, attempt: int) -> int:
        """Return how many times the job has been started, this time included: Snakemake tells only resources."""
        return attempt
