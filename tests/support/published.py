"""A search's files as its rules leave them, without training: for tests of what only reads them."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from snakeras.core import files, seeds
from snakeras.core.settings import TrackingSettings, TrialSettings
from snakeras.search import earlier_trials, provenance, result_files, run_trial, trial_records

MODEL = """def data():
    return 1


def model(x):
    units = {{quniform(8, 64, 4)}}
    return units
"""
TRACKING = TrackingSettings(experiment="tests")


def tracking(**keys: object) -> TrackingSettings:
    """``TRACKING`` with these keys."""
    return TRACKING.model_copy(update=keys)


ACCURACIES = [0.5, 0.7, 0.3, None, 0.9, 0.6]  # of six trials
START = datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC)
PACKAGES = {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}


@dataclass(frozen=True)
class Search:
    """The files of a search in a folder of its own."""

    folder: Path
    name: str
    settings: dict  # TrialSettings, as params

    @property
    def script(self) -> Path:
        return self.folder / "model.py"

    @property
    def manifest(self) -> Path:
        return self.folder / "data.json"

    @property
    def trials(self) -> Path:
        return self.folder / "trials"

    def arguments(self, trial: int) -> dict:
        """For ``publish_trial``, but for the tracker."""
        number = trial_records.name(trial)
        return {
            "name": self.name,
            "record": self.trials / f"{number}.json",
            "run_record": self.trials / f"{number}.run.json",
            "folder": self.trials / number,
            "manifest": self.manifest,
        }

    def opening(self) -> dict:
        """For ``publish_search``, but for the tracker."""
        return {
            "name": self.name,
            "sources": [self.script],
            "search": TrialSettings(**self.settings),
            "data": {"dataset": "squares"},
            "manifest": self.manifest,
            "config": {"name": self.name},
            "trials": self.trials,
            "began": (START + datetime.timedelta(days=30)).timestamp(),
        }

    def final(self) -> dict:
        """For ``publish_final``, but for the tracker."""
        own = self.folder / "final"
        return {
            "name": self.name,
            "best": self.folder / "best.json",
            "winner": self.folder / "winner.json",
            "table": self.folder / "trials.csv",
            "metrics": own / "metrics.json",
            "folder": own,
            "example": own / "example.json",
            "run_record": own / "run.json",
            "trials": self.trials,
            "manifest": self.manifest,
            "config": {"name": self.name},
        }


def search(folder: Path, settings: dict, accuracies: list[float | None], name: str = "squares") -> Search:
    """Write the files of a search whose trials came to these validation accuracies; None for a failed one.

    Every third trial is pruned after its first epoch.
    """
    found = Search(folder, name, settings)
    found.trials.mkdir(parents=True)
    found.script.write_text(MODEL)
    shape = {"shape": [40, 2], "dtype": "float32"}
    files.write_json(
        found.manifest,
        {
            "dataset": "squares",
            "folder": "prepared",
            "digest": "d" * 64,
            "arrays": {"x_train": shape, "y_train": shape},
        },
    )
    fixed = provenance.determined_by([found.script], settings, {"dataset": "squares"}, found.manifest)
    documents = []
    for trial, accuracy in enumerate(accuracies):
        seen = documents[: len(earlier_trials.visible(trial, settings["parallelism"]))]
        documents.append(_write_trial(found, fixed, trial, accuracy, seen))
    fixed, records = result_files.read(
        folder=found.trials,
        max_evals=len(accuracies),
        sources=[found.script],
        search=TrialSettings(**settings),
        data={"dataset": "squares"},
        manifest=found.manifest,
    )
    result_files.conclude(
        name=name,
        fixed=fixed,
        records=records,
        table=folder / "trials.csv",
        best=folder / "best.json",
        winner=folder / "winner.json",
    )
    write_final(found, 0.9)
    return found


def write_final(found: Search, accuracy: float) -> None:
    """Write a final model and its files."""
    own = found.folder / "final"
    own.mkdir(exist_ok=True)
    best = json.loads((found.folder / "best.json").read_text())
    (own / "model.keras").write_bytes(b"final" * 1000)
    metrics = {
        "model": "model.keras",
        "loss": -accuracy,
        "test_accuracy": accuracy,
        "test_loss": 0.3,
        "test_metrics": {"accuracy": accuracy - 0.1, "auc": 0.75},
        "fits": [{"epochs": 2, "metrics": {"accuracy": [0.5, accuracy], "val_accuracy": [0.4, accuracy]}}],
        "hyperparameters": best["hyperparameters"],
    }
    files.write_json(own / "metrics.json", metrics)
    tensor = {"name": "x", "dtype": "float32", "shape": [None, 2]}
    files.write_json(
        own / "example.json",
        {"inputs": [tensor], "outputs": [tensor], "example": [[[1.0, 2.0]]], "prediction": [[[0.5, 0.5]]]},
    )
    files.write_json(own / "run.json", _happened(1000))


def _happened(minute: int) -> dict:
    start = START + datetime.timedelta(minutes=minute)
    return {
        "started": start.isoformat(),
        "finished": (start + datetime.timedelta(seconds=40)).isoformat(),
        "seconds": 40.0,
        "host": "here",
        "device": "CPU",
        "peak_memory_mb": 700.0,
        "git": None,
        "epochs_ended": [[(start + datetime.timedelta(seconds=second)).isoformat() for second in (15, 30)]],
    }


def _write_trial(found: Search, fixed: dict, trial: int, accuracy: float | None, seen: list[dict]) -> dict:
    document = run_trial.unfinished(trial, found.settings["seed"]) | {"seed": seeds.of_trial(1, trial)}
    document["hyperparameters"] = {"units": 8.0 + trial, "optimizer": "adam"}
    document["determined_by"] = fixed | {
        "trial": trial,
        "history": trial_records.digest_after("", seen),
        "packages": PACKAGES,
    }
    own = found.trials / trial_records.name(trial)
    own.mkdir()
    if accuracy is None:
        document |= {"failure": "ValueError: no", "failed_at": "model.py, line 3"}
    else:
        pruned = trial % 3 == 2
        curve = [accuracy] if pruned else [accuracy / 2, accuracy]
        document |= {
            "status": "pruned" if pruned else "completed",
            "pruned": {"epoch": 1, "monitor": "val_accuracy", "value": accuracy} if pruned else None,
            "loss": -accuracy,
            "val_accuracy": accuracy,
            "epochs": len(curve),
            "fits": [{"epochs": len(curve), "metrics": {"accuracy": curve, "loss": curve, "val_accuracy": curve}}],
        }
        (own / "model.keras").write_bytes(bytes([trial]) * 5000)
    document["hyperopt"]["misc"]["vals"] = {"units": [8.0 + trial], "optimizer": [0]}
    document = trial_records.sealed(document)
    files.write_json(found.trials / f"{trial_records.name(trial)}.json", document)
    files.write_json(found.trials / f"{trial_records.name(trial)}.run.json", _happened(trial))
    return document


def comparable(runs: dict) -> dict:
    """What two trackers hold of the same search, without the ids that each gives by itself."""
    return {
        name: run
        | {
            "info": run["info"][1:],
            "tags": {key: value for key, value in run["tags"].items() if key != "mlflow.parentRunId"},
            "models": len(run["models"]),
        }
        for name, run in runs.items()
    }
