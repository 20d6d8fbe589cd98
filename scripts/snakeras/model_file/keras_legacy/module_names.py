"""Old module names: Keras 1 and 2 modules that are gone, names gone from modules, NumPy 1, TensorFlow 1."""

import functools
import importlib
import re
import sys
from contextlib import ExitStack
from importlib.machinery import ModuleSpec
from types import ModuleType

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.models import classes
from snakeras.model_file.keras_legacy.tables import DATA_FORMATS, MERGE, MODULES, NAMES, NUMPY
from snakeras.model_file.keras_legacy.translation import (
    TWIN,
    GoneModule,
    caller,
    keras_module,
    no_attribute,
    public_modules,
    split_name,
    warn,
)


def _time_distributed_dense(*args, **kwargs):
    layers = keras_module("layers")
    shape = {key: kwargs.pop(key) for key in ("input_shape", "batch_input_shape", "name") if key in kwargs}
    if dim := kwargs.pop("input_dim", None):
        shape["input_shape"] = (kwargs.pop("input_length", None), dim)
    return layers.TimeDistributed(layers.Dense(*args, **kwargs), **shape)


def _gpus():
    return [device.name for device in sys.modules["tensorflow"].config.list_logical_devices("GPU")]


def _dim_ordering():
    return "th" if keras_module("config").image_data_format() == "channels_first" else "tf"


# In place of names that no single name of today replaces, by the name in the table NAMES: what a warning says of the
# old name, and the function.
_STAND_INS = {
    "_time_distributed_dense": (
        "is keras.layers.TimeDistributed(keras.layers.Dense(...)) today",
        _time_distributed_dense,
    ),
    "_same_model": (
        "gives the model as it is: for several GPUs there is tensorflow.distribute.MirroredStrategy",
        lambda model, *_args, **_kwargs: model,
    ),
    "_print_summary": ("is Model.summary today", lambda model, *args, **kwargs: model.summary(*args, **kwargs)),
    "_classes": ("is numpy.argmax(values, axis=-1) today", classes),
    "_learning_phase": ("is the training argument of Layer.call today, and here 0", lambda: 0),
    "_nothing": ("does nothing today: there are no sessions and no learning phase", lambda *_args, **_kwargs: None),
    "_session": (
        "gives a session that Keras does not use: it has none",
        lambda: sys.modules["tensorflow"].compat.v1.Session(),
    ),
    "_dim_ordering": ("is keras.config.image_data_format today", _dim_ordering),
    "_set_dim_ordering": (
        "is keras.config.set_image_data_format today",
        lambda value: keras_module("config").set_image_data_format(DATA_FORMATS.get(value, value)),
    ),
    "_gpus": ("is tensorflow.config.list_logical_devices('GPU') today", _gpus),
}


def _source(root: str, rest: str) -> str | None:
    """Return the module of today with what a dropped module held; None if it was not dropped, or is unknown."""
    if root == "tensorflow.python.keras" and keras_module(rest):
        return rest
    return next((source for pattern, source in MODULES.items() if re.fullmatch(pattern, rest)), None)


def _old(module: ModuleType, source: str, name: str) -> object:
    """Return what ``name`` in ``module`` is today, with a warning: from ``source``, or a dropped module."""
    root, rest = split_name(module.__name__)
    shown = ".".join([module.__name__.replace(TWIN, "tensorflow.keras"), name])
    if new := NAMES.get(source, {}).get(name):
        if new.startswith("_"):
            text, function = _STAND_INS[new]
            warn(f"{shown} {text}")
            return function
        warn(f"{shown} is keras.{new} today")
        return functools.reduce(getattr, new.split("."), sys.modules["keras"])
    if _source(root, f"{rest}.{name}".lstrip(".")) is not None:
        return importlib.import_module(f"{module.__name__}.{name}")
    current = keras_module(source)
    if current not in (None, module) and name in vars(current):
        plain = vars(sys.modules.get(f"keras.{source}".rstrip("."), current))
        if name not in plain and source == "backend" and name in vars(keras_module("ops")):
            source = "ops"
        root = "keras" if name in plain or source == "ops" else "tensorflow.keras"
        warn(f"{shown} is {'.'.join(filter(None, [root, source, name]))} today")
        return vars(current)[name]
    raise no_attribute(module, name)


class _OldModule(GoneModule):
    """A dropped module. TensorFlow still has some of them; its own code goes on with that one, ``real``."""

    def __init__(self, name: str, source: str, real: ModuleType | None = None) -> None:
        super().__init__(name)
        self.__path__ = getattr(real, "__path__", [])
        self._source, self._real = source, real

    def __getattr__(self, name: str) -> object:
        if self._real is not None and caller()[1]:
            return getattr(self._real, name)
        if name == "__all__":
            names = [name for name in vars(keras_module(self._source)) if not name.startswith("_")]
            vars(self).update({name: vars(keras_module(self._source))[name] for name in names})
            warn(f"{self.__name__.replace(TWIN, 'tensorflow.keras')}.* is keras.{self._source}.* today")
            return names
        if name.startswith("__"):
            raise no_attribute(self, name)
        return _old(self, self._source, name)

    def __call__(self, inputs, mode="sum", concat_axis=-1, dot_axes=-1, output_shape=None, name=None):
        """Do what the function ``keras.layers.merge`` did: this module has its name."""
        if not self.__name__.endswith(".merge") or mode not in MERGE:
            raise ValueError(f"Keras 3 has no merge mode {mode!r}")
        warn(f"keras.layers.merge(mode={mode!r}) is keras.layers.{MERGE[mode]} today")
        own = {"concat": {"axis": concat_axis}, "dot": {"axes": dot_axes}, "cos": {"axes": dot_axes, "normalize": True}}
        return getattr(keras_module("layers"), MERGE[mode])(name=name, **own.get(mode, {}))(inputs)


class _Finder:
    """Finds dropped modules, and for ``tensorflow.keras`` the modules of Keras instead of copies."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        root, rest = split_name(name)
        if not root or (root == "tensorflow.python.keras" and caller()[1]):
            return None
        gone = _source(root, rest) is not None or (root == "tensorflow.keras" and keras_module(rest))
        return ModuleSpec(name, self, is_package=True) if gone else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name, _source(*split_name(spec.name)) or "")

    def exec_module(self, module: ModuleType) -> None:
        root, rest = split_name(module.__name__)
        if root == "tensorflow.keras" and keras_module(rest):
            sys.modules[module.__name__] = keras_module(rest)


def _forget_modules() -> None:
    """Remove the modules that only the old names made."""
    # Parents were imported before their children, which are attributes of them.
    for name, module in reversed(list(sys.modules.items())):
        parent, _, child = name.rpartition(".")
        owner = sys.modules.get(parent)
        if isinstance(module, _OldModule) and owner and vars(owner).get(child) is module:
            delattr(owner, child)
        if isinstance(module, _OldModule) or split_name(name)[0] == "tensorflow.keras":
            del sys.modules[name]


def translate_modules(undo: ExitStack) -> None:
    """Make dropped modules and names importable until ``undo`` closes."""
    import keras
    import tensorflow

    # Copies made before the block lack the old names.
    for name in [name for name in sys.modules if split_name(name)[0] == "tensorflow.keras"]:
        undo.callback(sys.modules.__setitem__, name, sys.modules.pop(name))
    sys.modules["tensorflow.keras"] = sys.modules[TWIN]
    undo.callback(_forget_modules)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    undo.callback(sys.meta_path.remove, finder)
    for lazy in (tensorflow, sys.modules.get("tensorflow._api.v2.compat.v1")):
        if lazy is not None:
            put(undo, lazy, "keras", sys.modules[TWIN])
    # TensorFlow has loaded many of these for its own use.
    for name in [name for name in sys.modules if name.startswith("tensorflow.python.keras")]:
        real, source, (parent, _, child) = sys.modules[name], _source(*split_name(name)), name.rpartition(".")
        if source is not None:
            sys.modules[name] = _OldModule(name, source, real)
            undo.callback(sys.modules.__setitem__, name, real)
            if parent == "tensorflow.python":
                put(undo, sys.modules[parent], child, sys.modules[name])
    # Keras has classes of these names that only raise an error.
    legacy = keras.optimizers.legacy
    for name in NAMES["optimizers.legacy"].keys() & vars(legacy).keys():
        undo.callback(setattr, legacy, name, vars(legacy)[name])
        delattr(legacy, name)
    # TensorFlow's lazy modules may copy the hook; the copy has to stop with the block.
    alive = [True]
    undo.callback(alive.clear)
    for module in public_modules():

        def missing(name: str, module: ModuleType = module) -> object:
            if alive and not name.startswith("__"):
                return _old(module, split_name(module.__name__)[1], name)
            raise no_attribute(module, name)

        put(undo, module, "__getattr__", missing)


def translate_numpy(undo: ExitStack) -> None:
    """Give NumPy the names of its version 1 until ``undo`` closes."""
    import numpy

    def of_numpy(name: str) -> object:
        if name not in NUMPY:
            return before(name)
        new = NUMPY[name]
        warn(f"numpy.{name} is {new.__name__ if isinstance(new, type) else f'numpy.{new}'} today")
        return new if isinstance(new, type) else getattr(numpy, new)

    before = numpy.__getattr__
    put(undo, numpy, "__getattr__", of_numpy)


def translate_tensorflow(undo: ExitStack) -> None:
    """Give TensorFlow the names of its version 1 until ``undo`` closes."""
    import tensorflow

    def of_tensorflow(name: str) -> object:
        # Libraries look for names of TensorFlow 1 to find out which version they have.
        if not name.startswith("_") and not caller()[1]:
            if name == "set_random_seed":
                warn("tensorflow.set_random_seed is tensorflow.random.set_seed today")
                return tensorflow.random.set_seed
            if hasattr(tensorflow.compat.v1, name):
                warn(f"tensorflow.{name} is tensorflow.compat.v1.{name} today")
                return getattr(tensorflow.compat.v1, name)
        raise no_attribute(tensorflow, name)

    put(undo, tensorflow, "__getattr__", of_tensorflow)
