"""What Hyperas 0.4.1 needs to run on Keras 3 and today's hyperopt."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType

from snakeras.core.patching import postponed, put


class Recorder:
    """Replaces ``hyperopt.fmin`` in Hyperas: records the objective and its search space, and searches nothing."""

    function: Callable | None = None
    space: dict | None = None

    def __call__(self, function: Callable, space: dict, **_arguments: object) -> dict:
        """Record both, and return an empty best point."""
        self.function, self.space = function, space
        return {}


def import_hyperas(keras: bool = True) -> ModuleType:
    """Return the module ``hyperas.optim``; without ``keras`` it does not import Keras.

    Its ensembles import ``keras.models.model_from_yaml``, which Keras dropped: the substitute raises when it is called.
    Its README has scripts wrap some choices in ``conditional``, which 0.4.1 lacks: the substitute returns its argument.
    """
    import_hyperopt()
    import hyperas.distributions

    def model_from_yaml(*_args: object, **_kwargs: object) -> None:
        raise NotImplementedError("Keras no longer reads models from YAML; use keras.models.model_from_json")

    if not hasattr(hyperas.distributions, "conditional"):
        hyperas.distributions.conditional = lambda choice: choice
    if keras:
        importlib.import_module("keras.models")
    # Hyperas needs the first two for notebooks alone, which our parser reads, and they cost a quarter of TensorFlow's
    # import.
    with postponed("nbformat", "nbconvert", "keras", "keras.models"):
        if not hasattr(sys.modules["keras.models"], "model_from_yaml"):
            sys.modules["keras.models"].model_from_yaml = model_from_yaml
        if not hasattr(sys.modules["nbconvert"], "PythonExporter"):
            sys.modules["nbconvert"].PythonExporter = None
        import hyperas.optim
    return hyperas.optim


def import_hyperopt() -> ModuleType:
    """Return the module ``hyperopt``, without SciPy's statistics, which only some of its algorithms use, later."""
    with postponed("scipy.stats"):
        import hyperopt
    return hyperopt


@contextmanager
def recording_hyperas(folder: Path, keras: bool = True) -> Iterator[tuple[Callable, Recorder]]:
    """Yield ``hyperas.optim.minimize`` and the recorder of its call of ``fmin``; its temporary module is in ``folder``.

    Hyperas writes ``temp_model.py`` into the working directory, where parallel jobs would overwrite each other's. The
    directory itself cannot change: scripts read relative paths. Hyperas also calls ``fmin`` with ``rseed`` or a
    RandomState, where today's hyperopt wants a ``numpy.random.Generator``. ``keras`` is as for ``import_hyperas``.
    """
    optim = import_hyperas(keras)
    write_temp_files, recorder = optim.write_temp_files, Recorder()

    def write_there(text: str, _path: str) -> None:
        write_temp_files(text, str(folder / "temp_model.py"))
        # Python may have listed the folder within the same tick of its clock.
        importlib.invalidate_caches()

    with ExitStack() as undo:
        put(undo, optim, "write_temp_files", write_there)
        put(undo, optim, "fmin", recorder)
        sys.path.insert(0, str(folder))
        undo.callback(sys.path.remove, str(folder))
        sys.modules.pop("temp_model", None)
        undo.callback(sys.modules.pop, "temp_model", None)
        yield optim.minimize, recorder
