"""``keras.datasets`` inside a script: MNIST from the verified files, others from a folder that the user names."""

import contextlib
import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snakeras.core.patching import put
from snakeras.data import mnist

# The same module of Keras in each of its name spaces.
MODULES = ("keras.datasets.mnist", "keras._tf_keras.keras.datasets.mnist", "keras.src.datasets.mnist")


@contextmanager
def environment(keras_home: str | None) -> Iterator[dict[str, str]]:
    """The environment variables by which Keras finds downloaded files in a folder that the user names.

    Parameters
    ----------
    keras_home
        The folder of the files, or Keras's own with ``datasets/`` in it; None leaves Keras to itself.
    """
    if keras_home is None:
        yield {}
        return
    folder = Path(keras_home).resolve()
    if (folder / "datasets").is_dir():
        yield {"KERAS_HOME": str(folder)}
        return
    with tempfile.TemporaryDirectory(prefix="snakeras-") as home:
        (Path(home) / "datasets").symlink_to(folder)
        yield {"KERAS_HOME": home}


@contextmanager
def verified_mnist(named: str | None) -> Iterator[None]:
    """Inside the block, ``keras.datasets.mnist.load_data`` gives the digits that rule fetch has verified.

    Parameters
    ----------
    named
        A folder that the user names to take MNIST from, should the files be lost.
    """

    # A script may change the working directory.
    folder = Path(mnist.FOLDER).absolute()

    def load_data(path: str = "mnist.npz") -> tuple:
        arrays = mnist.read_or_fetch(folder, named, sys.stdout)
        # Copies: scripts may write into them.
        return tuple((arrays[f"x_{part}"].copy(), arrays[f"y_{part}"].copy()) for part in ("train", "test"))

    with contextlib.ExitStack() as undo:
        for name in MODULES:
            put(undo, importlib.import_module(name), "load_data", load_data)
        yield
