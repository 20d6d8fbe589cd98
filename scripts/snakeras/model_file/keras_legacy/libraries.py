"""The names of NumPy 1 and TensorFlow 1."""

from contextlib import ExitStack

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.tables import NUMPY
from snakeras.model_file.keras_legacy.translation import caller, warn


def translate_libraries(undo: ExitStack) -> None:
    """Give NumPy and TensorFlow their old names until ``undo`` closes."""
    import numpy
    import tensorflow

    def of_numpy(name: str) -> object:
        if name not in NUMPY:
            return before(name)
        new = NUMPY[name]
        warn(f"numpy.{name} is {new.__name__ if isinstance(new, type) else f'numpy.{new}'} today")
        return new if isinstance(new, type) else getattr(numpy, new)

    def of_tensorflow(name: str) -> object:
        # Libraries look for names of TensorFlow 1 to find out which version they have.
        if not name.startswith("_") and not caller()[1]:
            if name == "set_random_seed":
                warn("tensorflow.set_random_seed is tensorflow.random.set_seed today")
                return tensorflow.random.set_seed
            if hasattr(tensorflow.compat.v1, name):
                warn(f"tensorflow.{name} is tensorflow.compat.v1.{name} today")
                return getattr(tensorflow.compat.v1, name)
        raise AttributeError(f"module 'tensorflow' has no attribute {name!r}", name=name, obj=tensorflow)

    before = numpy.__getattr__
    put(undo, numpy, "__getattr__", of_numpy)
    put(undo, tensorflow, "__getattr__", of_tensorflow)
