"""The names and arguments of Keras 1 and 2, given to scripts that still use them while Keras 3 runs them.

What Keras keeps for ``tensorflow.keras`` (its backend functions, ImageDataGenerator, Tokenizer and more) stands in
``keras._tf_keras.keras`` and is used from there. The rest is ``legacy_tables``, and here what tables cannot say.
"""

import functools
import importlib
import importlib.util
import inspect
import itertools
import math
import os
import re
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, GeneratorType, ModuleType

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.tables import (
    ADVICE,
    CALLBACKS,
    CHECKPOINT,
    COMPILE,
    DATA_FORMATS,
    FIT,
    HANDLED,
    KERNEL,
    LAYER,
    LOSSES,
    MERGE,
    METRICS,
    MODEL,
    MODULES,
    NAMES,
    NUMPY,
    OPTIMIZER,
    OPTIMIZERS,
    SAVE,
    SEQUENCE_LAYERS,
    SPELLINGS,
)

TWIN = "keras._tf_keras.keras"
ROOTS = ("tensorflow.python.keras", "tensorflow.keras", TWIN, "keras")  # the longer ones first

# Texts of Keras and Python that name an argument or a value without naming what it belongs to.
NAMED = r"identifier: (\w+)|no (merge) mode"

_LIBRARIES = ("<frozen", sysconfig.get_paths()["stdlib"])
_OWN = ("snakeras.", "importlib", "contextlib", "functools")
_warned: set[str] = set()


class OldName(UserWarning):
    """A script uses a name or an argument that Keras, TensorFlow or NumPy no longer has."""


@contextmanager
def old_names() -> Iterator[None]:
    """Give Keras, inside the block, the names and arguments of Keras 1 and 2 that it no longer has.

    Each of them warns with an `OldName` the first time that a script uses it.
    """
    with ExitStack() as undo:
        _alias_modules(undo)
        _alias_numpy_and_tensorflow(undo)
        _alias_layers(undo)
        _alias_models(undo)
        _alias_files(undo)
        _alias_callbacks(undo)
        _alias_optimizers(undo)
        yield


def translated_fit_arguments(kwargs: dict, model: object | None = None) -> dict:
    """Give the keyword arguments of ``Model.fit``, ``evaluate`` or ``predict`` under today's names.

    Parameters
    ----------
    kwargs
        As the script gave them; stays as it is.
    model
        The model that is fitted: one compiled without metrics reports its accuracy where ``show_accuracy`` asks for it.
    """
    if kwargs.get("show_accuracy") and getattr(model, "_compile_metrics", True) is None:
        model.compile(optimizer=model.optimizer, loss=model.loss, metrics=["accuracy"])
    return _renamed(kwargs, FIT)


def advice(error: BaseException) -> str | None:
    """What to write today instead of a name or argument that cannot be helped; None where nothing is known."""
    text, name, owner = str(error), getattr(error, "name", None) or "", "keras"
    if isinstance(error, NameError):
        names = [name]
    elif isinstance(error, ImportError | AttributeError):
        names = re.findall(r"\w+", " ".join([name, *re.findall(r"'([\w.]+)'", text)]))
        owner = name
        if isinstance(error, AttributeError):
            owner = error.obj.__name__ if isinstance(error.obj, ModuleType) else type(error.obj).__module__
    else:
        names = [part for found in re.findall(NAMED, text) for part in found]
    if owner.split(".")[0] not in ("keras", "tensorflow", "numpy"):
        return None
    return next((ADVICE[word] for word in names if word in ADVICE), None)


# Warnings, and what is undone when the block ends


def _caller() -> tuple[FrameType, bool]:
    """The frame of the script that called, and whether it called through a library."""
    frame, library = sys._getframe(1), None
    while frame.f_back:
        name, path = frame.f_globals.get("__name__") or "", frame.f_code.co_filename
        if not name.startswith(_OWN):
            outside = "site-packages" in path or path.startswith(_LIBRARIES)
            library = outside if library is None else library
            if not outside:
                break
        frame = frame.f_back
    return frame, bool(library)


def _warn(text: str, always: bool = False) -> None:
    """Warn once per process, at the line of the script; a library's own use is silent unless it serves a script's."""
    if text in _warned:
        return
    frame, library = _caller()
    if library and not always:
        return
    _warned.add(text)
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(text, OldName, frame.f_code.co_filename, frame.f_lineno, registry=registry)


def _renamed(kwargs: dict, table: dict[str, str | None]) -> dict:
    """Keyword arguments under today's names; None in the table leaves one out."""
    for name in kwargs.keys() & table.keys():
        _warn(f"{name} is {table[name]} today" if table[name] else f"{name} is no argument today and is left out")
    return {table.get(name, name): value for name, value in kwargs.items() if table.get(name, name)}


def _wrap(undo: ExitStack, cls: type, name: str, wrapper: Callable[..., object]) -> None:
    """Replace a method where it is defined by one that gets the former as its first argument."""
    owner = next(base for base in cls.__mro__ if name in vars(base))
    before = vars(owner)[name]

    @functools.wraps(before)
    def method(*args, **kwargs):
        return wrapper(before, *args, **kwargs)

    # Keras compares signatures without looking behind wrappers.
    method.__signature__ = inspect.signature(before)
    put(undo, owner, name, method)


def _wrap_arguments(undo: ExitStack, cls: type, name: str, table: dict[str, str | None]) -> None:
    _wrap(undo, cls, name, lambda before, *args, **kwargs: before(*args, **_renamed(kwargs, table)))


def _replace(
    undo: ExitStack, function: Callable[..., object], wrapper: Callable[..., object], *more: ModuleType
) -> None:
    """Replace a function in every module of Keras that gives it to scripts."""
    new = functools.wraps(function)(functools.partial(wrapper, function))
    for module in (*_api(), *more):
        if vars(module).get(function.__name__) is function:
            put(undo, module, function.__name__, new)


# Modules and names


def _split(name: str) -> tuple[str, str] | None:
    """The root of Keras that a module's name begins with, and the rest."""
    root = next((root for root in ROOTS if name == root or name.startswith(root + ".")), None)
    return root and (root, name[len(root) + 1 :])


def _api() -> list[ModuleType]:
    """The modules of Keras that scripts import from."""
    names = [name for name in sys.modules if name.startswith("keras.") and not name.startswith("keras.src")]
    modules = [sys.modules[name] for name in ["keras", *names] if name != "keras._tf_keras"]
    return [module for module in modules if not isinstance(module, _OldModule)]


def _today(rest: str) -> ModuleType | None:
    """Today's module; in the flavour of ``tensorflow.keras``, which has more."""
    for module in (sys.modules[TWIN], sys.modules["keras"]):
        for part in filter(None, rest.split(".")):
            module = vars(module).get(part) if isinstance(module, ModuleType) else None
        if isinstance(module, ModuleType) and not isinstance(module, _OldModule):
            return module
    return None


def _source(root: str, rest: str) -> str | None:
    """Where today's Keras has what a module held that is gone; None where it is not gone, or unknown."""
    if root == "tensorflow.python.keras" and _today(rest):
        return rest
    return next((source for pattern, source in MODULES.items() if re.fullmatch(pattern, rest)), None)


def _old(module: ModuleType, source: str, name: str) -> object:
    """A name that ``module`` no longer has and that ``source`` has; warns. Else a module that is gone."""
    root, rest = _split(module.__name__)
    shown = ".".join([module.__name__.replace(TWIN, "tensorflow.keras"), name])
    if new := NAMES.get(source, {}).get(name):
        if new.startswith("_"):
            _warn(f"{shown} {globals()[new].__doc__.rstrip('.')}")
            return globals()[new]
        _warn(f"{shown} is keras.{new} today")
        return functools.reduce(getattr, new.split("."), sys.modules["keras"])
    today = _today(source)
    gone = _source(root, f"{rest}.{name}".lstrip("."))
    if gone is None and today is not None and today is not module and name in vars(today):
        plain = vars(sys.modules.get(f"keras.{source}".rstrip("."), today))
        if name not in plain and source == "backend" and name in vars(_today("ops")):
            source = "ops"
        root = "keras" if name in plain or source == "ops" else "tensorflow.keras"
        _warn(f"{shown} is {'.'.join(filter(None, [root, source, name]))} today")
        return vars(today)[name]
    if gone is not None:
        return importlib.import_module(f"{module.__name__}.{name}")
    raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module)


class _OldModule(ModuleType):
    """A module that is gone. ``real`` is the one that TensorFlow still has and, for itself, keeps."""

    def __init__(self, name: str, source: str, real: ModuleType | None = None) -> None:
        super().__init__(name)
        self.__path__ = getattr(real, "__path__", [])
        self._source, self._real = source, real

    def __getattr__(self, name: str) -> object:
        if self._real is not None and _caller()[1]:
            return getattr(self._real, name)
        if name == "__all__":
            names = [name for name in vars(_today(self._source)) if not name.startswith("_")]
            vars(self).update({name: vars(_today(self._source))[name] for name in names})
            _warn(f"{self.__name__.replace(TWIN, 'tensorflow.keras')}.* is keras.{self._source}.* today")
            return names
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        return _old(self, self._source, name)

    def __call__(self, inputs, mode="sum", concat_axis=-1, dot_axes=-1, output_shape=None, name=None):
        """Do what the function ``keras.layers.merge`` did, whose name the module has."""
        if not self.__name__.endswith(".merge") or mode not in MERGE:
            raise ValueError(f"Keras 3 has no merge mode {mode!r}")
        _warn(f"keras.layers.merge(mode={mode!r}) is keras.layers.{MERGE[mode]} today")
        own = {"concat": {"axis": concat_axis}, "dot": {"axes": dot_axes}, "cos": {"axes": dot_axes, "normalize": True}}
        return getattr(_today("layers"), MERGE[mode])(name=name, **own.get(mode, {}))(inputs)


class _Finder:
    """Finds the modules that are gone, and gives ``tensorflow.keras`` the modules that Keras has and no copies."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        root, rest = _split(name) or (None, "")
        if root is None or (root == "tensorflow.python.keras" and _caller()[1]):
            return None
        gone = _source(root, rest) is not None or (root == "tensorflow.keras" and _today(rest))
        return ModuleSpec(name, self, is_package=True) if gone else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _OldModule(spec.name, _source(*_split(spec.name)) or "")

    def exec_module(self, module: ModuleType) -> None:
        root, rest = _split(module.__name__)
        if root == "tensorflow.keras" and _today(rest):
            sys.modules[module.__name__] = _today(rest)
        self.found.append(module.__name__)

    def forget(self) -> None:
        # Parents were imported before their children, which stand in them as attributes.
        for name in reversed(self.found):
            parent, _, child = name.rpartition(".")
            module, owner = sys.modules.pop(name, None), sys.modules.get(parent)
            if isinstance(module, _OldModule) and owner and vars(owner).get(child) is module:
                delattr(owner, child)


def _alias_modules(undo: ExitStack) -> None:
    import keras
    import tensorflow

    # Copies that were made before the block would not have the names.
    for name in [name for name in sys.modules if (_split(name) or [""])[0] == "tensorflow.keras"]:
        undo.callback(sys.modules.__setitem__, name, sys.modules.pop(name))
    sys.modules["tensorflow.keras"] = sys.modules[TWIN]
    undo.callback(sys.modules.pop, "tensorflow.keras", None)
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    undo.callback(finder.forget)
    undo.callback(sys.meta_path.remove, finder)
    for lazy in (tensorflow, sys.modules.get("tensorflow._api.v2.compat.v1")):
        if lazy is not None:
            put(undo, lazy, "keras", sys.modules[TWIN])
    # TensorFlow has loaded many of these for itself.
    for name in [name for name in sys.modules if name.startswith("tensorflow.python.keras")]:
        real, source, (parent, _, child) = sys.modules[name], _source(*_split(name)), name.rpartition(".")
        if source is not None:
            sys.modules[name] = _OldModule(name, source, real)
            undo.callback(sys.modules.__setitem__, name, real)
            if parent == "tensorflow.python":
                put(undo, sys.modules[parent], child, sys.modules[name])
    # Classes that only raise an error give way to the names of today's.
    legacy = keras.optimizers.legacy
    for name in NAMES["optimizers.legacy"].keys() & vars(legacy).keys():
        undo.callback(setattr, legacy, name, vars(legacy)[name])
        delattr(legacy, name)
    # TensorFlow's lazy modules may keep a hook that they copied: it ends with the block.
    alive = [True]
    undo.callback(alive.clear)
    for module in _api():

        def missing(name: str, module: ModuleType = module) -> object:
            if alive and not name.startswith("__"):
                return _old(module, _split(module.__name__)[1], name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module)

        put(undo, module, "__getattr__", missing)


def _alias_numpy_and_tensorflow(undo: ExitStack) -> None:
    import numpy
    import tensorflow

    def of_numpy(name: str) -> object:
        if name not in NUMPY:
            return before(name)
        new = NUMPY[name]
        _warn(f"numpy.{name} is {new.__name__ if isinstance(new, type) else f'numpy.{new}'} today")
        return new if isinstance(new, type) else getattr(numpy, new)

    def of_tensorflow(name: str) -> object:
        # A library that looks for a name of TensorFlow 1 wants to know which TensorFlow it has.
        if not name.startswith("_") and not _caller()[1]:
            if name == "set_random_seed":
                _warn("tensorflow.set_random_seed is tensorflow.random.set_seed today")
                return tensorflow.random.set_seed
            if hasattr(tensorflow.compat.v1, name):
                _warn(f"tensorflow.{name} is tensorflow.compat.v1.{name} today")
                return getattr(tensorflow.compat.v1, name)
        raise AttributeError(f"module 'tensorflow' has no attribute {name!r}", name=name, obj=tensorflow)

    before = numpy.__getattr__
    put(undo, numpy, "__getattr__", of_numpy)
    put(undo, tensorflow, "__getattr__", of_tensorflow)


# Functions that stand for names; the text of each goes on with the name


def _time_distributed_dense(*args, **kwargs):
    """is keras.layers.TimeDistributed(keras.layers.Dense(...)) today."""
    layers = _today("layers")
    own = {key: kwargs.pop(key) for key in ("input_shape", "batch_input_shape", "name") if key in kwargs}
    if dim := kwargs.pop("input_dim", None):
        own["input_shape"] = (kwargs.pop("input_length", None), dim)
    return layers.TimeDistributed(layers.Dense(*args, **kwargs), **own)


def _same_model(model, *_args, **_kwargs):
    """gives the model as it is: for several GPUs there is tensorflow.distribute.MirroredStrategy."""
    return model


def _print_summary(model, *args, **kwargs):
    """is Model.summary today."""
    model.summary(*args, **kwargs)


def _classes(values):
    """is numpy.argmax(values, axis=-1) today."""
    import numpy

    values = numpy.asarray(values)
    return values.argmax(axis=-1) if values.shape[-1] > 1 else (values > 0.5).astype("int32")


def _learning_phase():
    """is the training argument of Layer.call today, and here 0."""
    return 0


def _nothing(*_args, **_kwargs):
    """does nothing today: there are no sessions and no learning phase."""


def _session():
    """gives a session that Keras does not use: it has none."""
    import tensorflow

    return tensorflow.compat.v1.Session()


def _dim_ordering():
    """is keras.config.image_data_format today."""
    return "th" if _today("config").image_data_format() == "channels_first" else "tf"


def _set_dim_ordering(value):
    """is keras.config.set_image_data_format today."""
    _today("config").set_image_data_format(DATA_FORMATS.get(value, value))


def _gpus():
    """is tensorflow.config.list_logical_devices('GPU') today."""
    import tensorflow

    return [device.name for device in tensorflow.config.list_logical_devices("GPU")]


# Layers


def _accepted(cls: type) -> set[str]:
    inits = [vars(base)["__init__"] for base in cls.__mro__ if base is not object and "__init__" in vars(base)]
    return {name for init in inits for name in inspect.signature(init).parameters}


def _layer_arguments(takes: set[str], sequence: bool, kwargs: dict) -> dict:
    """Keyword arguments of a layer under today's names and values."""
    table = {}
    for name in kwargs.keys() & LAYER.keys() - takes:
        today = next((new for new in LAYER[name].split() if new in takes), None)
        if today or not LAYER[name]:
            table[name] = today
    kwargs = _renamed(kwargs, table)
    if kwargs.get("data_format") in DATA_FORMATS:
        kwargs["data_format"] = DATA_FORMATS[kwargs["data_format"]]
    for names in KERNEL:
        if names[0] in kwargs and "kernel_size" in takes:
            _warn(f"{', '.join(names)} are kernel_size today")
            kwargs["kernel_size"] = tuple(kwargs.pop(name) for name in names)
    if sequence and "input_dim" in kwargs:
        _warn("input_dim and input_length of a sequence are keras.Input((input_length, input_dim)) today")
        kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return kwargs


def _whole(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Arguments with units and filters as ints: Keras 2 took 8.0 and NumPy's numbers, such as quniform draws."""
    for name in ("units", "filters"):
        value = kwargs.get(name, args[0] if args and next(iter(inspect.signature(cls).parameters)) == name else None)
        if isinstance(value, int) or not hasattr(value, "is_integer") or not value.is_integer():
            continue
        _warn(f"{name}={value!r} is {name}={int(value)} today")
        if name in kwargs:
            kwargs = kwargs | {name: int(value)}
        else:
            args = (int(value), *args[1:])
    return args, kwargs


def _init_layer(before, layer, *args, **kwargs):
    args, kwargs = _whole(type(layer), args, kwargs)
    if HANDLED.isdisjoint(kwargs):
        return before(layer, *args, **kwargs)
    takes = _accepted(type(layer))
    sequence = any(base.__name__ in SEQUENCE_LAYERS for base in type(layer).__mro__)
    kwargs = _layer_arguments(takes, sequence, kwargs)
    shape = kwargs.pop("batch_input_shape", None) if "batch_shape" not in takes else None
    weights = kwargs.pop("weights", None) if "weights" not in takes else None
    if shape is not None:
        _warn("batch_input_shape is keras.Input(batch_shape=...) today")
        kwargs["input_shape"] = tuple(shape[1:])
    before(layer, *args, **kwargs)
    if shape is not None:
        layer._old_batch_shape = tuple(shape)
    if weights is not None:
        _warn("weights of a layer are Layer.set_weights today, after Layer.build")
        build = layer.build

        @functools.wraps(build)
        def build_and_set(*args, **kwargs):
            build(*args, **kwargs)
            layer.set_weights(weights)

        layer.build = build_and_set
    return None


def _convolution(before, dimensions, *args, **kwargs):
    """Convolution2D(n, rows, columns), where Conv2D would have strides of so many columns."""
    size, more = args[1 : 1 + dimensions], args[1 + dimensions :]
    if len(size) == dimensions and all(isinstance(number, int) for number in size):
        _warn(f"Convolution{dimensions}D(n, {str(size)[1:]} is Conv{dimensions}D(n, {size}) today")
        return before(args[0], size, **dict(zip(["kernel_initializer", "activation"], more, strict=False)), **kwargs)
    return before(*args, **kwargs)


def _alias_layers(undo: ExitStack) -> None:
    import keras

    for cls in [*vars(keras.layers).values(), *vars(keras.constraints).values()]:
        init = vars(cls).get("__init__") if isinstance(cls, type) else None
        # One class may have several names.
        if init and issubclass(cls, keras.Layer | keras.constraints.Constraint) and not hasattr(init, "__wrapped__"):
            _wrap(undo, cls, "__init__", _init_layer)
    for n in (2, 3):
        conv = getattr(keras.layers, f"Conv{n}D")
        for layers in (keras.layers, _today("layers")):
            put(undo, layers, f"Convolution{n}D", functools.partial(_convolution, conv, n))

    def add(before, self, layer, *args, **kwargs):
        shape = getattr(layer, "_old_batch_shape", None)
        if shape is not None and not self._layers:
            before(self, keras.layers.InputLayer(batch_shape=shape))
        return before(self, layer, *args, **kwargs)

    def to_categorical(before, *args, **kwargs):
        return before(*args, **_renamed(kwargs, {"nb_classes": "num_classes", "y": "x"}))

    _wrap(undo, keras.Sequential, "add", add)
    _replace(undo, keras.utils.to_categorical, to_categorical)


# Models


def _batches(data: object, samples: int | None = None) -> tuple[object, int | None]:
    """What a generator gives, as Keras takes it, and how many steps so many samples are."""
    size = getattr(data, "batch_size", None)
    if isinstance(data, Iterator) and size is None:
        first = next(data, None)
        x = first[0] if isinstance(first, tuple) else first
        while isinstance(x, list | tuple | dict):
            x = next(iter(x.values() if isinstance(x, dict) else x))
        size = None if x is None else len(x)
        batches = itertools.chain([] if first is None else [first], data)
        # Keras takes inputs in tuples only, and nothing but a real generator for one.
        data = (
            tuple(map(_as_keras_takes, batch)) if isinstance(batch, tuple) else _as_keras_takes(batch)
            for batch in batches
        )
    return data, math.ceil(samples / size) if samples and size else None


def _as_keras_takes(value: object) -> object:
    if isinstance(value, list) and value and hasattr(value[0], "shape"):
        return tuple(map(_as_keras_takes, value))
    # Keras brings arrays to its own float type, but not those that a generator gives.
    if str(getattr(value, "dtype", "")) == "float64" and hasattr(value, "astype"):
        return value.astype(_today("config").floatx())
    return value


def _fit_generator(self, generator, steps_per_epoch=None, epochs=1, *args, **kwargs):
    _warn("fit_generator is fit today")
    kwargs |= dict(
        zip(["verbose", "callbacks", "validation_data", "validation_steps", "class_weight"], args, strict=False)
    )
    if "nb_epoch" in kwargs:  # Keras 1, where the second argument counts samples
        epochs = kwargs.pop("nb_epoch")
        kwargs.setdefault("samples_per_epoch", steps_per_epoch)
    generator, steps = _batches(generator, kwargs.pop("samples_per_epoch", None))
    validation, validation_steps = _batches(kwargs.pop("validation_data", None), kwargs.pop("nb_val_samples", None))
    kwargs |= {"validation_data": validation, "steps_per_epoch": steps or steps_per_epoch, "epochs": epochs}
    if validation_steps:
        kwargs["validation_steps"] = validation_steps
    return self.fit(generator, **kwargs)


def _over_generator(method: str) -> Callable[..., object]:
    def over_generator(self, generator, steps=None, *, val_samples=None, **kwargs):
        _warn(f"{method}_generator is {method} today")
        generator, counted = _batches(generator, val_samples)
        return getattr(self, method)(generator, steps=counted or steps, **{"verbose": 0} | kwargs)

    return over_generator


def _predict_classes(self, *args, **kwargs):
    _warn("predict_classes is numpy.argmax(model.predict(x), axis=-1) or model.predict(x) > 0.5 today")
    return _classes(self.predict(*args, **kwargs))


def _predict_proba(self, *args, **kwargs):
    _warn("predict_proba is predict today")
    return self.predict(*args, **kwargs)


def _reset_states(self):
    _warn("Model.reset_states is reset_states of each recurrent layer today")
    for layer in self.layers:
        getattr(layer, "reset_states", lambda: None)()


def _names(names: object, table: dict[str, str]) -> object:
    """Losses or metrics under today's names, at any depth."""
    if isinstance(names, dict):
        return {key: _names(value, table) for key, value in names.items()}
    if isinstance(names, list | tuple):
        return [_names(value, table) for value in names]
    if isinstance(names, str) and names in table:
        _warn(f"{names!r} is {table[names]!r} today")
        return table[names]
    return names


def _alias_models(undo: ExitStack) -> None:
    import keras
    from keras.src.models.functional import Functional

    def compile_(before, self, *args, **kwargs):
        bound = inspect.signature(before).bind(self, *args, **_renamed(kwargs, COMPILE))
        for name, table in {"loss": LOSSES, "metrics": METRICS, "weighted_metrics": METRICS}.items():
            value = bound.arguments[name] = _names(bound.arguments.get(name), table)
            if name != "loss" and isinstance(value, str):
                _warn(f"{name}={value!r} is {name}=[{value!r}] today")
                bound.arguments[name] = [value]
        return before(*bound.args, **bound.kwargs)

    def run(before, self, *args, **kwargs):
        if args and isinstance(args[0], GeneratorType):
            args = (_batches(args[0])[0], *args[1:])
        result = before(self, *args, **translated_fit_arguments(kwargs, self))
        return _Metrics(result) if type(result) is dict else result

    def new(cls, *args, **kwargs):
        return before(cls, *args, **{MODEL.get(name, name): value for name, value in kwargs.items()})

    before = vars(keras.Model)["__new__"].__func__
    put(undo, keras.Model, "__new__", staticmethod(new))
    for cls in (Functional, keras.Model):
        _wrap_arguments(undo, cls, "__init__", MODEL)
    _wrap(undo, keras.Model, "compile", compile_)
    for name in ("fit", "evaluate", "predict"):
        _wrap(undo, keras.Model, name, run)
    put(undo, keras.Model, "fit_generator", _fit_generator)
    put(undo, keras.Model, "evaluate_generator", _over_generator("evaluate"))
    put(undo, keras.Model, "predict_generator", _over_generator("predict"))
    put(undo, keras.Model, "predict_classes", _predict_classes)
    put(undo, keras.Model, "predict_proba", _predict_proba)
    put(undo, keras.Model, "reset_states", _reset_states)


# Files: a script finds what it saved under the very path that it named


def _is_hdf5(path: str) -> bool:
    """Whether a file has the layout of HDF5 files that Keras 2 wrote, whatever it is called."""
    import h5py

    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return "layer_names" in file.get("model_weights", file).attrs


def _alias_files(undo: ExitStack) -> None:
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format as hdf5
    from keras.src.saving import saving_api

    # What an HDF5 file has for these, Keras takes for a metric's name and does not find.
    losses = {name: getattr(keras.losses, new) for name, new in SPELLINGS.items() if hasattr(keras.losses, new)}

    def save_model(before, model, filepath, overwrite=True, zipped=None, **kwargs):
        kwargs, path = _renamed(kwargs, SAVE), str(filepath)
        if path.endswith(".keras") or "://" in path or zipped is not None:
            return before(model, filepath, overwrite, zipped, **kwargs)
        compiled = getattr(getattr(model, "_compile_config", None), "config", {})
        as_compiled = dict(compiled)
        if not path.endswith((".h5", ".hdf5")):
            _warn("the path of a saved model ends in .keras today", always=True)
        hdf5.save_model_to_hdf5(model, path, overwrite, kwargs.get("include_optimizer", True))
        # Keras has taken the optimizer out of it, and a later .keras file would lack it.
        compiled.update(as_compiled)
        return None

    def load_model(before, filepath, custom_objects=None, compile=True, **kwargs):
        path = str(filepath)
        if path.endswith(".keras") or not _is_hdf5(path):
            return before(filepath, custom_objects, compile, **kwargs)
        return hdf5.load_model_from_hdf5(path, losses | (custom_objects or {}), compile, **kwargs)

    def save_weights(before, model, filepath, overwrite=True, max_shard_size=None, **kwargs):
        path = str(filepath)
        if path.endswith(".weights.h5") or max_shard_size is not None:
            return before(model, filepath, overwrite, max_shard_size, **kwargs)
        _warn("the path of saved weights ends in .weights.h5 today", always=True)
        if not overwrite and Path(path).exists():
            raise FileExistsError(f"{path} exists")
        with h5py.File(path, "w") as file:
            hdf5.save_weights_to_hdf5_group(file, model)
        return None

    def load_weights(before, model, filepath, skip_mismatch=False, **kwargs):
        path = str(filepath)
        if not _is_hdf5(path):
            return before(model, filepath, skip_mismatch, **kwargs)
        by_name = hdf5.load_weights_from_hdf5_group_by_name
        with h5py.File(path) as file:
            load = by_name if kwargs.get("by_name") else hdf5.load_weights_from_hdf5_group
            return load(file.get("model_weights", file), model, skip_mismatch)

    for wrapper in (save_model, load_model, save_weights, load_weights):
        _replace(undo, getattr(saving_api, wrapper.__name__), wrapper, saving_api)
    _wrap_arguments(undo, keras.Model, "save_weights", SAVE)


# Callbacks and what fit reports


def _spellings(name: object) -> Iterator[str]:
    """The other names of a metric, with what stands before it."""
    for pair in SPELLINGS.items() if isinstance(name, str) else ():
        for one, other in (pair, pair[::-1]):
            if name == one or name.endswith("_" + one):
                yield name[: -len(one)] + other


class _Metrics(dict):
    """Values by name of a metric; one that is missing is looked for under its other names."""

    def __missing__(self, name: str) -> object:
        for other in _spellings(name):
            if other in self.keys():
                _warn(f"the metric {name!r} is {other!r} here", always=True)
                return self[other]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or any(map(super().__contains__, _spellings(name)))

    def get(self, name: str, default: object = None) -> object:
        try:
            return self[name]
        except KeyError:
            return default


def _alias_callbacks(undo: ExitStack) -> None:
    import keras
    from keras.src.callbacks.monitor_callback import MonitorCallback
    from keras.src.utils import python_utils

    def history(before, self):
        before(self)
        self.history = _Metrics()

    def set_monitor_op(before, self):
        asked = self.monitor
        for self.monitor in (asked, *_spellings(asked)):
            try:
                return before(self)
            except ValueError:
                continue
        # As Keras 2 did with a metric that it did not know.
        self.monitor, self.mode = asked, "max" if "acc" in asked else "min"
        _warn(f"monitor={asked!r} needs mode={self.mode!r} today", always=True)
        return before(self)

    def checkpoint(before, self, filepath, *args, **kwargs):
        kwargs = _renamed(kwargs, CHECKPOINT)
        self._old_period = kwargs.pop("period", 1)
        if self._old_period != 1:
            _warn("period is no argument of ModelCheckpoint today; there is save_freq, in batches")
        bound = inspect.signature(before).bind(self, filepath, *args, **kwargs)
        # What Keras checks is the ending; what is saved there, `_alias_files` sees to.
        before(self, "any.weights.h5" if bound.arguments.get("save_weights_only") else "any.keras", *args, **kwargs)
        self.filepath = os.fspath(filepath)

    def save_model(before, self, epoch, batch, logs):
        if batch is not None or (epoch + 1) % self._old_period == 0:
            before(self, epoch, batch, logs)

    def file_path(before, self, epoch, batch, logs):
        others = {other: value for name, value in logs.items() for other in _spellings(name)}
        return before(self, epoch, batch, others | dict(logs))

    _wrap(undo, keras.callbacks.History, "__init__", history)
    _wrap(undo, MonitorCallback, "_set_monitor_op", set_monitor_op)
    _wrap(undo, keras.callbacks.ModelCheckpoint, "__init__", checkpoint)
    _wrap(undo, keras.callbacks.ModelCheckpoint, "_save_model", save_model)
    _wrap(undo, keras.callbacks.ModelCheckpoint, "_get_file_path", file_path)
    for name, table in CALLBACKS.items():
        _wrap_arguments(undo, getattr(keras.callbacks, name), "__init__", table)
    if importlib.util.find_spec("tensorboard") is None:

        class TensorBoard(keras.callbacks.Callback):
            def __init__(self, *_args: object, **_kwargs: object) -> None:
                super().__init__()
                _warn("keras.callbacks.TensorBoard is left out: the package tensorboard is not installed")

        for callbacks in (keras.callbacks, _today("callbacks")):
            put(undo, callbacks, "TensorBoard", TensorBoard)
    pythonify = python_utils.pythonify_logs
    put(undo, python_utils, "pythonify_logs", lambda logs: _Metrics(pythonify(logs)))


# Optimizers


def _alias_optimizers(undo: ExitStack) -> None:
    import keras
    from keras.src.optimizers.base_optimizer import BaseOptimizer

    def init(before, self, *args, **kwargs):
        kwargs = _renamed(kwargs, OPTIMIZER)
        if kwargs.get("epsilon", 0) is None:
            _warn("epsilon=None is epsilon=1e-7 today")
            kwargs["epsilon"] = 1e-7
        decay = kwargs.pop("decay", None)
        if decay:
            _warn("decay is keras.optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay) today")
            bound = inspect.signature(before).bind(self, *args, **kwargs)
            rate = bound.arguments.get("learning_rate", bound.signature.parameters["learning_rate"].default)
            bound.arguments["learning_rate"] = decayed(rate, decay) if isinstance(rate, int | float) else rate
            args, kwargs = bound.args[1:], bound.kwargs
        elif decay is not None:
            _warn("decay=0 is no argument today and is left out")
        before(self, *args, **kwargs)

    def decayed(rate, decay):
        """A schedule whose rate may still be set, as in Keras 2."""
        schedule = keras.optimizers.schedules.InverseTimeDecay(float(rate), decay_steps=1, decay_rate=float(decay))
        config = schedule.get_config()
        schedule.initial_learning_rate = variable = keras.Variable(float(rate), trainable=False)
        schedule.get_config = lambda: config | {"initial_learning_rate": float(variable.numpy())}
        return schedule

    def settable(self):
        variable = getattr(self._learning_rate, "initial_learning_rate", None)
        return variable if isinstance(variable, keras.Variable) else None

    def set_rate(self, value):
        if settable(self) is None or callable(value):
            learning_rate.fset(self, value)
        else:
            settable(self).assign(value)

    def get_lr(self):
        _warn("optimizer.lr is optimizer.learning_rate today")
        return self.learning_rate if settable(self) is None else settable(self)

    def set_lr(self, value):
        _warn("optimizer.lr is optimizer.learning_rate today")
        self.learning_rate = value

    def get_value(before, x):
        return x.numpy() if isinstance(x, keras.Variable) else before(x)

    def set_value(before, x, value):
        return x.assign(value) if isinstance(x, keras.Variable) else before(x, value)

    learning_rate = vars(BaseOptimizer)["learning_rate"]
    for name in OPTIMIZERS:
        _wrap(undo, getattr(keras.optimizers, name), "__init__", init)
    put(undo, BaseOptimizer, "learning_rate", property(learning_rate.fget, set_rate))
    put(undo, BaseOptimizer, "lr", property(get_lr, set_lr))
    for wrapper in (get_value, set_value):
        _replace(undo, vars(_today("backend"))[wrapper.__name__], wrapper)
