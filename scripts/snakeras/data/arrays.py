"""Prepared arrays as .npy files with a manifest: written whole, verified before use, mapped read-only."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

import numpy as np

from snakeras.core import files
from snakeras.core.errors import UserError

Arrays = dict[str, np.ndarray]


def largest_remainder(sizes: np.ndarray, total: int) -> np.ndarray:
    """Share ``total`` among groups of ``sizes`` in proportion (Hamilton's method); ties go to the first groups."""
    exact = sizes * total / sizes.sum()
    shares = np.floor(exact).astype(int)
    order = np.argsort(-(exact - shares), kind="stable")
    shares[order[: total - shares.sum()]] += 1
    return shares


def stratified_choice(labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Choose ``n`` rows at random with each class in proportion.

    scikit-learn's splitters refuse a choice that leaves fewer rows than there are classes; this one does not.

    Args:
        labels: Class of each row, shape (rows,), any dtype that can be sorted.
        n: How many rows, 0 to rows.
        seed: Seeds NumPy's default generator.

    Returns:
        numpy.ndarray: Indices of the chosen rows, int64, shape (n,), ascending.
    """
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:share]
        for label, share in zip(classes, largest_remainder(counts, n), strict=True)
    ]
    return np.sort(np.concatenate(chosen))


def labels_of(y: np.ndarray) -> np.ndarray | None:
    """Return the class per row of whole, boolean or text labels (n,), (n, 1) or one-hot rows; None for others."""
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 1 and (y.dtype.kind in "iubUS" or (y.dtype.kind == "f" and np.all(y == np.round(y)))):
        return y
    if y.ndim == 2 and y.dtype.kind in "iubf" and len(y) and np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1):
        return y.argmax(axis=1)
    return None


def write(folder: Path, arrays: Arrays) -> dict[str, dict]:
    """Write each array as ``folder/<name>.npy``, whole or not at all; return the manifest's entry per name."""
    entries = {}
    for name, array in arrays.items():
        path = folder / f"{name}.npy"
        with files.whole(path, unless_same=True) as temporary:
            np.save(temporary, array, allow_pickle=False)
        entries[name] = {
            "file": path.name,
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "bytes": path.stat().st_size,
            "sha256": files.sha256_of_file(path),
        }
    return entries


def _complaints(folder: Path, entries: dict[str, dict]) -> dict[str, str]:
    """Return what is wrong with the array files in ``folder`` by their manifest entries, for each broken one."""
    complaints = {}
    for name, entry in entries.items():
        path = folder / entry["file"]
        if not path.is_file():
            complaints[name] = f"{path} is missing"
        elif (size := path.stat().st_size) != entry["bytes"]:
            complaints[name] = f"{path} has {size} bytes, expected {entry['bytes']}"
        elif files.sha256_of_file(path) != entry["sha256"]:
            complaints[name] = f"{path} was altered (its SHA-256 is not the manifest's)"
    return complaints


def read(
    manifest: Path, names: Iterable[str], remake: Callable[[], dict[str, Arrays]], terminal: TextIO
) -> tuple[Arrays, dict]:
    """Map the named arrays read-only, each verified first and made again in place if it is broken.

    Args:
        manifest: Path of the manifest, which names the folder of the arrays by a path relative to its own.
        remake: Makes all arrays again from their source, as a dict of name to array; called at most once.
        terminal: Where a line about each array that had to be made again goes.

    Returns:
        arrays, manifest: Memory maps by name (``mmap_mode="r"``: parallel jobs share one copy in the page cache), and
            the manifest.

    Raises:
        UserError: When the manifest is unreadable or what ``remake`` gives is not what it says.
    """
    from filelock import FileLock

    document = files.read_json(manifest)
    folder = manifest.parent / document["folder"]
    entries = {name: document["arrays"][name] for name in names}

    if _complaints(folder, entries):
        # One job makes them again; the others wait for it and then find nothing broken.
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if broken := _complaints(folder, entries):
                for complaint in broken.values():
                    print(f"{complaint}; making it again", file=terminal, flush=True)
                fresh = remake()
                write(folder, {name: fresh[name] for name in broken})
                if broken := _complaints(folder, entries):
                    raise UserError(f"{next(iter(broken.values()))}, also after making it again")
    mapped = {name: np.load(folder / entry["file"], mmap_mode="r") for name, entry in entries.items()}
    return mapped, document
