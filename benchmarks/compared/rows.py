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
    threads: int | None = None  # of ours: of one trial; None: all
    parallel: bool = False  # whether it can run several trials at a time on one machine, without a server of its own
    full: bool = False  # whether the long task runs it

    @property
    def version(self) -> str | None:
        """Return the installed version; None where there is none."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


ROWS = {
    "tutorial": Row("the tutorial's way (Hyperas)", "hyperas", libraries.tutorial, full=True),
    "ours": Row("Snakeras", "snakemake", settings={}, parallel=True, full=True),
    "ours-unpruned": Row("Snakeras, unpruned", "snakemake", settings={"pruner": "none"}, parallel=True),
    "ours-two": Row(
        "Snakeras, 2 trials at a time", "snakemake", settings={"parallelism": 2}, threads=1, parallel=True, full=True
    ),
    "optuna-median": Row(
        "Optuna, TPE and MedianPruner", "optuna", partial(libraries.optuna, pruner="MedianPruner"), parallel=True, full=True
    ),
    "optuna-default": Row("Optuna, defaults", "optuna", libraries.optuna, parallel=True, full=True),
    "optuna-halving": Row(
        "Optuna, SuccessiveHalving", "optuna", partial(libraries.optuna, pruner="SuccessiveHalvingPruner"), parallel=True
    ),
    "keras-tuner-hyperband": Row(
        "KerasTuner, Hyperband", "keras-tuner", partial(libraries.keras_tuner, tuner="Hyperband"), full=True
    ),
    "keras-tuner-bayesian": Row(
        "KerasTuner, BayesianOptimization", "keras-tuner", partial(libraries.keras_tuner, tuner="BayesianOptimization")
    ),
    "keras-tuner-random": Row(
        "KerasTuner, RandomSearch", "keras-tuner", partial(libraries.keras_tuner, tuner="RandomSearch")
    ),
    "nevergrad": Row("Nevergrad, NGOpt", "nevergrad", libraries.nevergrad, parallel=True),
    "sklearn-random": Row("scikit-learn, ParameterSampler", "scikit-learn", libraries.sklearn_random),
    "sklearn-halving": Row(
        "scikit-learn, HalvingRandomSearchCV", "scikeras", libraries.sklearn_halving, parallel=True
    ),
    "talos": Row("Talos", "talos", libraries.talos),
    "sherpa": Row("SHERPA, GPyOpt", "parameter-sherpa", libraries.sherpa),
}
OURS = [name for name, row in ROWS.items() if row.search is None]
