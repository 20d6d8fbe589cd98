"""``keras.datasets`` inside a script: MNIST from the verified files, others from a folder that the user names."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from snakeras.data import mnist
from snakeras.model_file.keras_legacy.translation import replace


@contextmanager
def environment(keras_home: str | None) -> Iterator[dict[str, str]]:
    """Yield the environment variables by which Keras finds downloaded files in a folder of the user's.

    The folder is a Keras home, with ``datasets/`` in it, or has these files itself. Pretrained weights are in
    ``models/`` or with the files. None stands for Keras's default.
    """
    if keras_home is None:
        yield {}
        return
    folder = Path(keras_home).resolve()
    if (folder / "datasets").is_dir():
        yield {"KERAS_HOME": str(folder)}
        return
    with tempfile.TemporaryDirectory(prefix="snakeras-") as home:
        found = {"datasets": folder, "models": folder} | {path.name: path for path in folder.iterdir()}
        for name, path in found.items():
            (Path(home) / name).symlink_to(path)
        yield {"KERAS_HOME": home}


@contextmanager
def verified_mnist(mnist_folder: str | None) -> Iterator[None]:
    """Let ``keras.datasets.mnist.load_data`` return, inside the block, the digits that rule ``fetch`` verified.

    Should these files be lost, MNIST comes from ``mnist_folder``, a folder of the user's.
    """
    from keras.src.datasets import mnist as keras_mnist

    # A script may change the working directory.
    folder = Path(mnist.FOLDER).absolute()

    def load_data(_before: object, path: str = "mnist.npz") -> tuple:
        arrays = mnist.read_or_fetch(folder, mnist_folder, sys.stdout)
        # Copies: scripts may write into them.
        return tuple((arrays[f"x_{part}"].copy(), arrays[f"y_{part}"].copy()) for part in ("train", "test"))

    with ExitStack() as undo:
        replace(undo, keras_mnist.load_data, load_data, keras_mnist)
        yield
