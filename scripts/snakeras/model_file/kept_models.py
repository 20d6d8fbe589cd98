"""The trained model of a model function, kept as a file: a Keras model, or an estimator of scikit-learn's kind."""

import importlib.metadata
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError, one_line
from snakeras.model_file import parser

# As mlflow.keras names the first; joblib.load opens the second.
KERAS, ESTIMATOR = "model.keras", "model.joblib"


def is_keras(model: object) -> bool:
    """Return whether this is a Keras model; imports nothing."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


def is_estimator(model: object) -> bool:
    """Return whether this is an estimator as scikit-learn defines it; imports nothing."""
    base = sys.modules.get("sklearn.base")
    return base is not None and isinstance(model, base.BaseEstimator)


def returned(result: dict) -> object | None:
    """Return the model in what a model function returned, as Hyperas takes it; None without one that can be kept."""
    model = result.get("model")
    if is_keras(model) or is_estimator(model):
        return model
    if model is not None:
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        print(f"the returned model is not kept: it is a {kind}, expected a Keras model or a scikit-learn estimator")
    return None


def save(model: object, folder: Path, script: Path) -> str | None:
    """Save a model that ``script`` made in a folder, and return the file's name.

    Of an estimator that cannot be pickled, print why, and return None.
    """
    if is_keras(model):
        with files.whole(folder / KERAS) as temporary:
            model.save(temporary)
        return KERAS
    try:
        with files.whole(folder / ESTIMATOR) as temporary:
            _pickle(model, temporary, parser.local_modules(script))
    # An estimator may hold anything.
    except Exception as error:
        print(f"the model is not kept: {one_line(error)}")
        return None
    return ESTIMATOR


def _pickle(model: object, path: Path, own: Iterable[Path]) -> None:
    """Pickle a model with the classes and functions of its script and the script's ``own`` modules.

    Plain pickles name these, and could be loaded only beside the script.
    """
    import cloudpickle

    own = {module.resolve() for module in own}
    with ExitStack() as undo:
        for module in list(sys.modules.values()):
            if (place := getattr(module, "__file__", None)) and Path(place).resolve() in own:
                cloudpickle.register_pickle_by_value(module)
                undo.callback(cloudpickle.unregister_pickle_by_value, module)
        with path.open("wb") as file:
            cloudpickle.dump(model, file)


def find(folder: Path) -> Path | None:
    """Return the file of the model in a folder; None without one."""
    return next((path for name in (KERAS, ESTIMATOR) if (path := folder / name).exists()), None)


@contextmanager
def known(names: dict[str, object]) -> Iterator[None]:
    """Let Keras find, inside the block, the layers, losses and metrics that a script defines, and load Lambda layers.

    These are code, but the user's own.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        yield
        return
    from keras.src.saving.serialization_lib import SafeModeScope

    own = {name: value for name, value in names.items() if callable(value)}
    with keras.saving.custom_object_scope(own), SafeModeScope(safe_mode=False):
        yield


def load(folder: Path) -> object:
    """Return the model in a folder; one of Keras inside ``known``.

    Raises:
        UserError: When it cannot be loaded.
    """
    path = find(folder)
    try:
        if path.name == ESTIMATOR:
            import joblib

            return joblib.load(path)
        import keras

        return keras.saving.load_model(path, safe_mode=False)
    # Layers of the script's own may raise anything.
    except Exception as error:
        raise UserError(f"{path}: cannot be loaded: {one_line(error)}") from error


def about(model: object) -> dict:
    """Return what a run record says of an estimator, under ``estimator``; nothing of another model.

    That is ``packages``: the versions of those that its parts come from; and ``predicts``: whether it can.
    """
    if not is_estimator(model):
        return {}
    roots = {"cloudpickle", "numpy", "sklearn"}
    roots |= {type(part).__module__.split(".")[0] for part in (model, *model.get_params().values())}
    distributions = importlib.metadata.packages_distributions()
    names = sorted({distributions[root][0] for root in roots - sys.stdlib_module_names if root in distributions})
    packages = {name: importlib.metadata.version(name) for name in names}
    return {"estimator": {"packages": packages, "predicts": hasattr(model, "predict")}}
