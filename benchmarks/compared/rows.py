"""The rows of the comparison."""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from compared import libraries
from compared.job import Job


@dataclass(frozen=True)
class Row:
    """A library, or a way to use it."""

    title: str
    package: str
    search: Callable[[Job], None] | None = None  # None: ours, a workflow
    settings: dict | None = None  # of ours: what differs from config.yaml's section search
    times: int = 1  # of ours: how many times the budget's trials
    parallel: bool = False  # whether it can run several trials at a time on one machine, without a server of its own
    full: bool = False  # whether the long task runs it
    asked: bool = False  # whether it is killed, run twice in parallel, and given more trials

    @property
    def version(self) -> str | None:
        """Return the installed version; None where there is none."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


def optuna(pruner: str) -> Callable[[Job], None]:
    """Return a search by Optuna with this pruner."""
    return partial(libraries.optuna, pruner=pruner)


def keras_tuner(tuner: str) -> Callable[[Job], None]:
    """Return a search by this tuner of KerasTuner."""
    return partial(libraries.keras_tuner, tuner=tuner)


KERAS_TUNER, SKLEARN = "keras-tuner", "scikit-learn"
TWO = {"parallelism": 2}
ROWS = {
    "tutorial": Row("the tutorial's way (Hyperas)", "hyperas", libraries.tutorial, full=True, asked=True),
    "ours": Row("Snakeras", "snakemake", settings={}, parallel=True, full=True, asked=True),
    "ours-unpruned": Row("Snakeras, unpruned", "snakemake", settings={"pruner": "none"}, parallel=True),
    "ours-two": Row("Snakeras, parallelism 2", "snakemake", settings=TWO, parallel=True, full=True),
    "ours-more": Row("Snakeras, twice as many trials", "snakemake", settings={}, times=2, parallel=True, full=True),
    "optuna-median": Row(
        "Optuna, TPE and MedianPruner", "optuna", optuna("MedianPruner"), parallel=True, full=True, asked=True
    ),
    "optuna-default": Row("Optuna, defaults", "optuna", libraries.optuna, parallel=True, full=True),
    "optuna-halving": Row(
        "Optuna, SuccessiveHalving", "optuna", optuna("SuccessiveHalvingPruner"), parallel=True, full=True
    ),
    "keras-tuner-hyperband": Row(
        "KerasTuner, Hyperband", KERAS_TUNER, keras_tuner("Hyperband"), parallel=True, full=True
    ),
    "keras-tuner-bayesian": Row(
        "KerasTuner, BayesianOptimization", KERAS_TUNER, keras_tuner("BayesianOptimization"), parallel=True, asked=True
    ),
    "keras-tuner-random": Row("KerasTuner, RandomSearch", KERAS_TUNER, keras_tuner("RandomSearch"), parallel=True),
    "nevergrad": Row("Nevergrad, NGOpt", "nevergrad", libraries.nevergrad, parallel=True, asked=True),
    "sklearn-random": Row("scikit-learn, ParameterSampler", SKLEARN, libraries.sklearn_random),
    "sklearn-halving": Row(
        "scikit-learn, HalvingRandomSearchCV", "scikeras", libraries.sklearn_halving, parallel=True, asked=True
    ),
    "talos": Row("Talos", "talos", libraries.talos, asked=True),
    "sherpa": Row("SHERPA, GPyOpt", "parameter-sherpa", libraries.sherpa, asked=True),
}
PEERS = [name for name, row in ROWS.items() if row.search and name != "tutorial"]
