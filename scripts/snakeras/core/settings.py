"""The configuration as typed, frozen objects: each key with its type, default and limits; config.yaml explains them."""

from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator, model_validator

Count = Annotated[int, Field(ge=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
Argument = Annotated[str, Field(coerce_numbers_to_str=True)]
NULL = ("null", "~", "")  # as --config hands it over


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    null: ClassVar[dict] = {}  # what null in place of the section stands for: its defaults
    main: ClassVar[str]  # the key that a section is about, for examples in error lines

    @model_validator(mode="before")
    @classmethod
    def _read_null(cls, value: object) -> object:
        return cls.null if value is None or (isinstance(value, str) and value in NULL) else value

    @field_validator("*", mode="before")
    @classmethod
    def _read(cls, value: object, info: ValidationInfo) -> object:
        """Return ``value`` as YAML means it: ``--config`` hands over strings, and true is no number."""
        field = cls.model_fields[info.field_name]
        expected = field.annotation
        if value is None or (isinstance(value, str) and value in NULL):
            if NoneType in get_args(expected):
                return None
            if get_origin(expected) in (list, tuple, dict) and not field.is_required():
                return field.get_default(call_default_factory=True)
        # pydantic alone would take true for 1, and 1 for true.
        if not isinstance(value, str) and isinstance(value, bool) != (expected is bool):
            raise ValueError("a number is no boolean")
        return value


class DataSettings(Section):
    """``data``: what the trials train on."""

    main = "dataset"
    dataset: Literal["mnist", "mnist-5k", "model"] = "mnist"
    validation_fraction: float = Field(0.1667, gt=0, lt=1)
    mnist_folder: str | None = None
    keras_home: str | None = None
    files: tuple[str, ...] = Field((), description="a list of paths or patterns of files")
    test_function: str | None = None


class PrunerSettings(Section):
    """``search.pruner``, with the keys of every type of pruner; the name of a type alone stands for it."""

    main = "type"
    type: Literal["none", "median", "halving"] = "none"
    min_epochs: Count = 1
    reduction: int = Field(4, ge=2)
    n_startup_trials: int = Field(5, ge=0)
    n_warmup_steps: int = Field(0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _read_name(cls, value: object) -> object:
        return {"type": value} if isinstance(value, str) and value not in NULL else value


class NoPruner(Section):
    """Every trial trains to its end."""

    type: Literal["none"] = "none"


class MedianPruner(Section):
    """What the median pruner goes by."""

    type: Literal["median"] = "median"
    n_startup_trials: int
    n_warmup_steps: int
    monitor: str
    mode: str


class HalvingPruner(Section):
    """What successive halving goes by."""

    type: Literal["halving"] = "halving"
    min_epochs: int
    reduction: int
    monitor: str
    mode: str


Pruner = NoPruner | MedianPruner | HalvingPruner


class StopSettings(Section):
    """``search.stop``: when no more trials are run."""

    main = "target"
    target: float | None = None
    patience: Count | None = None
    epochs: Count | None = None


class StopRule(StopSettings):
    """The same, with the metric that the target is about."""

    monitor: str = "auto"
    mode: str = "auto"


class TrialSettings(Section):
    """The settings that decide what a trial gives. A trial's record holds them, and a change of one runs it again."""

    model_function: str | None = None
    data_function: str | None = None
    # Left out where it is empty, so that the records of trials without it stay as they are.
    args: list[Argument] = Field(
        [], description="a list of texts, such as [--size, 3]", exclude_if=lambda arguments: not arguments
    )
    algo: str = "tpe"
    # Left out where it is empty: the records of a search with an algorithm's own defaults do not mention it.
    algo_options: dict[str, Any] = Field({}, exclude_if=lambda options: not options)
    startup_trials: Count = 5
    # Left out where it is random, like ``args``.
    startup: Literal["random", "sobol"] = Field("random", exclude_if=lambda kind: kind == "random")
    parallelism: Count = 4
    seed: int = Field(1337, ge=0, le=2**32 - 1)
    epochs: Count | None = None
    train_samples: Count | None = None
    threads: int = Field(1, ge=1, le=1024)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    pruner: Pruner = NoPruner()


class SearchSettings(TrialSettings):
    """``search``: the search, its trials, and how their jobs run."""

    main = "model"
    pruner: PrunerSettings = PrunerSettings()
    model: str = "models/mnist_cnn.py"
    max_evals: Count = 12
    # The path of a best.json stands for its point, and is replaced by it when the configuration is read.
    points: list[dict[str, Any] | Text] = Field(
        [], description="a list of points such as [{k1: 3}] or of paths of best.json, or one such path"
    )
    warm_start: list[Text] = Field(
        [], description="a list of folders of searches such as [results/other], or one such folder"
    )
    warm_start_defaults: dict[str, Any] = {}
    monitor: Text = "auto"
    mode: Literal["auto", "max", "min"] = "auto"
    stop: StopSettings = StopSettings()
    gpu: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        "auto", description="auto or a whole number at least 0", union_mode="left_to_right"
    )
    trials_per_gpu: Count = 1
    retries: int = Field(1, ge=0)
    trial_timeout: float | None = Field(None, gt=0)

    @field_validator("points", "warm_start", mode="before")
    @classmethod
    def _read_path(cls, value: object) -> object:
        return [value] if isinstance(value, str) and value not in NULL else value

    def trial_settings(self) -> TrialSettings:
        """Return the settings that decide what a trial gives; of the pruner, only the keys that its type goes by."""
        values = {key: getattr(self, key) for key in TrialSettings.model_fields}
        kind = {"none": NoPruner, "median": MedianPruner, "halving": HalvingPruner}[self.pruner.type]
        known = self.pruner.model_dump() | {"monitor": self.monitor, "mode": self.mode}
        return TrialSettings(**values | {"pruner": kind(**{key: known[key] for key in kind.model_fields})})

    def stop_rule(self) -> StopRule:
        """Return when no more trials are run."""
        return StopRule(**self.stop.model_dump(), monitor=self.monitor, mode=self.mode)


class EnsembleSettings(Section):
    """``final.ensemble``: how many models the final one is the average of."""

    main = "trials"
    trials: Count = 1
    seeds: int = Field(1, ge=1, le=100)


class FinalSettings(Section):
    """``final``: the model trained again with the best hyperparameters, and how these are chosen."""

    main = "epochs"
    candidates: Count = 1
    seeds: int = Field(1, ge=1, le=100)
    epochs: Count | None = None
    train_on: Literal["all", "train"] = "all"
    ensemble: EnsembleSettings = EnsembleSettings()

    @property
    def has_finalists(self) -> bool:
        """Whether the best trial is chosen among finalists."""
        return max(self.candidates, self.seeds) > 1


class TrackingSettings(Section):
    """``tracking``: where runs are published, and what of them."""

    null = {"uri": None}
    main = "uri"
    uri: str | None = "sqlite:///mlflow.db"
    experiment: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    models: Literal["all", "best", "none"] = "all"
    registered_model: Annotated[str, StringConstraints(pattern=r"^[^/:\n]{1,256}$")] | None = Field(
        None, description="a text without '/' and ':', or null"
    )
    mflux: bool = False
    mflux_token_file: str | None = None
    mflux_host: str | None = None
    mflux_model_group: str | None = None


class ResourceSettings(Section):
    """``resources``: what a job that trains asks of a cluster at its first attempt."""

    main = "mem_mb"
    mem_mb: Count = 4000  # MB
    runtime: Count = 240  # minutes


class Settings(Section):
    """The whole configuration."""

    name: str = Field(
        "mnist",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="a text of letters, digits, '.', '_' and '-', a letter or digit first",
    )
    data: DataSettings = DataSettings()
    search: SearchSettings = SearchSettings()
    final: FinalSettings = FinalSettings()
    tracking: TrackingSettings = TrackingSettings()
    resources: ResourceSettings = ResourceSettings()


class JobSettings(Section):
    """What a job needs to know that decides nothing about its result: a change of it must run nothing again.

    ``stop`` decides whether a trial runs at all; ``workflow.outdated_trials`` sees what its change runs.
    """

    max_evals: int
    stop: StopRule
    retries: int
    trial_timeout: float | None  # minutes
    trials_per_gpu: int
    seeds: int
    mnist_folder: str | None
    keras_home: str | None
    mflux_token_file: str | None
    points: list[dict[str, Any]] = []
    warm_start_defaults: dict[str, Any] = {}
    label: str | None = None  # the search's name where lines have to say whose they are

    @classmethod
    def of(cls, settings: Settings, label: str | None = None) -> "JobSettings":
        """Return the part of ``settings`` that jobs need, with this ``label``."""
        sections = (settings.search, settings.data, settings.tracking, settings.final)
        flat = {key: value for section in sections for key, value in section.model_dump().items()}
        flat |= {"label": label, "stop": settings.search.stop_rule().model_dump()}
        return cls(**{key: flat[key] for key in cls.model_fields})

    @property
    def whose(self) -> str:
        """The beginning of a line for people: empty unless it has to say whose it is."""
        return f"{self.label}: " if self.label else ""
