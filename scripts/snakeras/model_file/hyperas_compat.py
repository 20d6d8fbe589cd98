"""What Hyperas 0.4.1 needs to run on Keras 3 and today's hyperopt."""

import importlib
import linecache
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from snakeras.core.patching import postponed, put
from snakeras.model_file import templates

# The module that Hyperas writes.
TEMPORARY = "temp_model"


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


class TemporaryModule(SourceFileLoader):
    """Finds and loads Hyperas's temporary module as if it lay in another folder, which ``inspect.getfile`` tells."""

    def __init__(self, folder: Path, shown_in: Path) -> None:
        super().__init__(TEMPORARY, str(folder / f"{TEMPORARY}.py"))
        self._shown = str(shown_in / f"{TEMPORARY}.py")

    def find_spec(self, name: str, *_arguments: object) -> ModuleSpec | None:
        """Return how to load the module, if it is this one."""
        return spec_from_file_location(name, self.path, loader=self) if name == TEMPORARY else None

    def source_to_code(self, data: bytes, *_arguments: object, **_options: object) -> CodeType:
        """Return the module's code; tracebacks and ``inspect`` find its text."""
        linecache.cache[self._shown] = (len(data), None, data.decode().splitlines(keepends=True), self._shown)
        return super().source_to_code(data, self._shown)


@contextmanager
def recording_hyperas(
    folder: Path, shown_in: Path | None = None, keras: bool = True
) -> Iterator[tuple[Callable, Recorder]]:
    """Yield ``hyperas.optim.minimize`` and the recorder of its call of ``fmin``; its temporary module is in ``folder``.

    Hyperas writes ``temp_model.py`` into the working directory, where parallel jobs would overwrite each other's. The
    directory itself cannot change: scripts read relative paths. Hyperas also calls ``fmin`` with ``rseed`` or a
    RandomState, where today's hyperopt wants a ``numpy.random.Generator``.

    ``shown_in`` is the folder that functions of that module seem to stand in; ``keras`` is as for ``import_hyperas``.
    """
    optim = import_hyperas(keras)
    write_temp_files, recorder = optim.write_temp_files, Recorder()

    def write_there(text: str, _path: str) -> None:
        write_temp_files(text, str(folder / f"{TEMPORARY}.py"))

    hyperparameter_names = optim.hyperparameter_names

    def labels(source: str) -> list[str]:
        try:
            return hyperparameter_names(source)
        except IndexError:  # it finds no name for the first template
            return [name.label for name in templates.names(source)]

    with ExitStack() as undo:
        put(undo, optim, "write_temp_files", write_there)
        put(undo, optim, "hyperparameter_names", labels)
        put(undo, optim, "fmin", recorder)
        finder = TemporaryModule(folder, shown_in or folder)
        sys.meta_path.insert(0, finder)
        undo.callback(sys.meta_path.remove, finder)
        sys.modules.pop(TEMPORARY, None)
        undo.callback(sys.modules.pop, TEMPORARY, None)
        yield optim.minimize, recorder
