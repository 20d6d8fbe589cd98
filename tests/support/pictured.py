"""Searches as ``search_data.describe`` gives them, made up: for tests of the pictures."""

import datetime

import numpy as np

START = datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC)
SPACE = {
    "f1": {"kind": "quniform", "arguments": [8, 64, 4]},
    "k1": {"kind": "quniform", "arguments": [3, 10, 1]},
    "d1": {"kind": "uniform", "arguments": [0, 1]},
    "f2": {"kind": "quniform", "arguments": [8, 128, 4]},
    "optimizer": {"kind": "choice", "arguments": ["adam", "rmsprop", "sgd"]},
    "learning_rate": {"kind": "loguniform", "arguments": [-9.21, -2.3]},
    "dense": {"kind": "quniform", "arguments": [8, 128, 4.0]},
    "a_rather_long_name_of_a_dropout": {"kind": "uniform", "arguments": [0.0, 1.0]},
    "batch_size": {"kind": "choice", "arguments": [16, 32, 64, 128]},
}


def search(
    trials: int = 100, hyperparameters: int = 9, failed: float = 0.05, pruned: float = 0.4, seed: int = 1
) -> dict:
    """A search of so many trials, 4 at a time, of which about these shares failed and were pruned."""
    rng = np.random.default_rng(seed)
    space = dict(list(SPACE.items())[:hyperparameters])
    found = [_trial(number, space, failed, pruned, rng) for number in range(trials)]
    completed = [trial for trial in found if trial["status"] == "completed"]
    best = max(completed, key=lambda trial: trial["value"], default=None)
    return {
        "name": "made_up",
        "search": {
            "algo": "tpe",
            "startup_trials": 5,
            "parallelism": 4,
            "seed": seed,
            "epochs": 9,
            "threads": 2,
            "pruner": {"type": "halving", "monitor": "auto", "mode": "auto", "min_epochs": 1, "reduction": 4},
        },
        "data": {"dataset": "mnist-5k", "validation_fraction": 0.1667},
        "objective": {
            "key": "val_accuracy",
            "label": "Validation accuracy",
            "better": "higher",
            "curve_label": "Validation accuracy",
        },
        "space": space,
        "best": best and best["trial"],
        "trials": found,
    }


def without_accuracy(found: dict) -> dict:
    """The same search, had its model function given only a loss."""
    trials = [trial | {"val_accuracy": None, "value": trial["loss"], "curve": []} for trial in found["trials"]]
    return found | {
        "objective": {"key": "loss", "label": "Loss", "better": "lower", "curve_label": "Validation loss"},
        "trials": trials,
    }


def _value(distribution: dict, rng: np.random.Generator) -> object:
    arguments = distribution["arguments"]
    match distribution["kind"]:
        case "uniform":
            return float(rng.uniform(*arguments))
        case "quniform":
            low, high, step = arguments
            return float(np.round(rng.uniform(low, high) / step) * step)
        case "loguniform":
            return float(np.exp(rng.uniform(*arguments)))
        case _:
            return arguments[rng.integers(len(arguments))]


def _trial(number: int, space: dict, failed: float, pruned: float, rng: np.random.Generator) -> dict:
    values = {name: _value(distribution, rng) for name, distribution in space.items()}
    quality = 0.99 - 0.3 * (values.get("d1", 0) - 0.3) ** 2 - 0.1 * abs(values.get("f1", 36) - 48) / 48
    curve = [float(quality * (1 - 0.5 * np.exp(-epoch)) + 0.01 * rng.normal()) for epoch in range(1, 10)]
    curve = [min(value, 0.9985) for value in curve]
    luck = rng.uniform()
    status = "failed" if luck < failed else "pruned" if luck < failed + pruned else "completed"
    stopped = None
    if status == "failed":
        curve = []
    elif status == "pruned":
        curve = curve[: int(rng.choice([1, 4]))]
        stopped = {"epoch": len(curve), "monitor": "val_accuracy", "value": curve[-1]}
    start = START + datetime.timedelta(seconds=70 * (number // 2) + 3 * (number % 2) + (400 if number > 12 else 0))
    seconds = 5.0 + 6.5 * len(curve)
    return {
        "trial": number,
        "status": status,
        "failure": "ValueError: the kernel is larger than its input" if status == "failed" else None,
        "failed_at": "model.py, line 12" if status == "failed" else None,
        "pruned": stopped,
        "epochs": len(curve),
        "loss": -curve[-1] if curve else None,
        "val_accuracy": curve[-1] if curve else None,
        "hyperparameters": values,
        "value": curve[-1] if curve else None,
        "curve": curve,
        "started": start.isoformat(timespec="milliseconds"),
        "finished": (start + datetime.timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
        "seconds": seconds,
        "host": "node1",
        "device": "NVIDIA H100",
        "gpu": str(number % 2),
        "peak_memory_mb": 900.0,
    }
