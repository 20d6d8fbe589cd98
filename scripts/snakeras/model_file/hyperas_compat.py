"""What Hyperas 0.4.1 needs to run on Keras 3 and today's hyperopt."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from snakeras.core.patching import postponed


def import_hyperas() -> ModuleType:
    """Import ``hyperas.optim``.

    Its ensembles ask for ``keras.models.model_from_yaml``, which Keras dropped: here it says so when it is called. And
    its README has scripts wrap some choices in ``conditional``, which 0.4.1 lacks: it gives what it is given.
    """
    import_hyperopt()
    import hyperas.distributions
    import keras.models

    def model_from_yaml(*_args: object, **_kwargs: object) -> None:
        raise NotImplementedError("Keras no longer reads models from YAML; use keras.models.model_from_json")

    if not hasattr(keras.models, "model_from_yaml"):
        keras.models.model_from_yaml = model_from_yaml
    if not hasattr(hyperas.distributions, "conditional"):
        hyperas.distributions.conditional = lambda choice: choice
    # It needs them for notebooks alone, which are read elsewhere (template.py), and they cost a quarter of TensorFlow.
    with postponed("nbformat", "nbconvert"):
        if not hasattr(sys.modules["nbconvert"], "PythonExporter"):
            sys.modules["nbconvert"].PythonExporter = None
        import hyperas.optim
    return hyperas.optim


def import_hyperopt() -> ModuleType:
    """Import ``hyperopt``, without the statistics of SciPy that only some of its algorithms use, and then find."""
    with postponed("scipy.stats"):
        import hyperopt
    return hyperopt


@contextmanager
def hyperas_in(folder: Path, fmin: Callable[..., object]) -> Iterator[ModuleType]:
    """Give ``hyperas.optim`` with its temporary module in ``folder`` and its ``fmin`` replaced.

    Hyperas writes ``temp_model.py`` into the working directory, where parallel jobs would overwrite each other's; but
    what a script reads by a relative path it has to read from there. And it calls ``fmin`` with ``rseed`` or a
    RandomState, where hyperopt wants a ``numpy.random.Generator``.
    """
    optim = import_hyperas()
    write_temp_files, original_fmin = optim.write_temp_files, optim.fmin

    def write_there(text: str, _path: str) -> None:
        write_temp_files(text, str(folder / "temp_model.py"))
        # Python may have listed the folder within the same tick of its clock.
        importlib.invalidate_caches()

    optim.write_temp_files, optim.fmin = write_there, fmin
    sys.path.insert(0, str(folder))
    sys.modules.pop("temp_model", None)
    try:
        yield optim
    finally:
        optim.write_temp_files, optim.fmin = write_temp_files, original_fmin
        sys.path.remove(str(folder))
        sys.modules.pop("temp_model", None)
