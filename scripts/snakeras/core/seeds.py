"""Random seeds, each derived from ``search.seed`` and its purpose; hyperopt's generator is in ``samplers.pending``."""

import hashlib
import random
import sys

import numpy as np


def derive(seed: int, *purpose: str | int) -> int:
    """Return a 32-bit seed for a purpose, such as ``derive(1337, "trial", 3)``: the first bytes of a SHA-256."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def of_trial(seed: int, trial: int) -> int:
    """Return the seed that a trial sets before its model function runs."""
    return derive(seed, "trial", trial)


def of_finalist(seed: int, trial: int, number: int) -> int:
    """Return the seed that a trial is trained again from as a finalist: number 0 is the trial's own."""
    return derive(seed, "finalist", trial, number) if number else of_trial(seed, trial)


def of_data(seed: int) -> int:
    """Return the seed set before the model file's own data function runs: the same in every trial."""
    return derive(seed, "data")


def of_subset(seed: int) -> int:
    """Return the seed that chooses ``search.train_samples`` rows: the same in every trial."""
    return derive(seed, "subset")


def of_split(seed: int) -> int:
    """Return the seed that splits training images from validation images."""
    return derive(seed, "split")


def seed_everything(seed: int) -> None:
    """Seed Python's ``random``, NumPy's global generator and, where Keras is imported, TensorFlow and Keras."""
    random.seed(seed)
    np.random.seed(seed)
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(seed)
