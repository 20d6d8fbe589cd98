"""Run scripts written for Keras 1 and 2 on Keras 3: patch all old names in, and give advice where that is impossible.

What Keras keeps for ``tensorflow.keras`` alone (its backend functions, ImageDataGenerator, Tokenizer and more) is in
``keras._tf_keras.keras`` and is used from there. ``tables`` lists most other names; each module here translates what
a table cannot express.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType

from snakeras.model_file.keras_legacy import inputs, layers, metrics, models, module_names, training
from snakeras.model_file.keras_legacy.tables import ADVICE

# Messages of Keras and Python that name an argument or a value, but not what it belongs to.
_NAMED = r"identifier: (\w+)|no (merge) mode"


@contextmanager
def old_names(keras: bool = True) -> Iterator[None]:
    """Give Keras, inside the block, the names and arguments of Keras 1 and 2 that it no longer has.

    Each of them warns with an `OldName` the first time that a script uses it. Without ``keras``, NumPy alone gets the
    names of its version 1.
    """
    with ExitStack() as undo:
        module_names.translate_numpy(undo)
        if not keras:
            yield
            return
        module_names.translate_modules(undo)
        module_names.translate_tensorflow(undo)
        layers.translate_layers(undo)
        models.translate_models(undo)
        models.translate_saving(undo)
        inputs.translate_inputs(undo)
        metrics.translate_metrics(undo)
        training.translate_callbacks(undo)
        training.translate_optimizers(undo)
        yield


def advice(error: BaseException) -> str | None:
    """Return what to write today in place of a name or argument that has no translation; None if that is unknown."""
    text, name, owner = str(error), getattr(error, "name", None) or "", "keras"
    if isinstance(error, NameError):
        words = [name]
    elif isinstance(error, ImportError | AttributeError):
        words = re.findall(r"\w+", " ".join([name, *re.findall(r"'([\w.]+)'", text)]))
        owner = name
        if isinstance(error, AttributeError):
            owner = error.obj.__name__ if isinstance(error.obj, ModuleType) else type(error.obj).__module__
    else:
        words = [part for found in re.findall(_NAMED, text) for part in found]
    if owner.split(".")[0] not in ("keras", "tensorflow", "numpy"):
        return None
    return next((ADVICE[word] for word in words if word in ADVICE), None)
