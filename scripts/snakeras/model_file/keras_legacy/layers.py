"""The layers of Keras 1 and 2: their arguments, and shapes and weights given to the first layer."""

import functools
import inspect
from contextlib import ExitStack

import numpy as np

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.tables import DATA_FORMATS, HANDLED, KERNEL, LAYER, SEQUENCE_LAYERS
from snakeras.model_file.keras_legacy.translation import caller, keras_module, renamed, renaming, replace, warn, wrap


def _accepted(cls: type) -> set[str]:
    inits = [vars(base)["__init__"] for base in cls.__mro__ if base is not object and "__init__" in vars(base)]
    return {name for init in inits for name in inspect.signature(init).parameters}


def _layer_arguments(takes: set[str], sequence: bool, kwargs: dict) -> dict:
    """Return the keyword arguments of a layer under today's names and with today's values."""
    table = {}
    for name in kwargs.keys() & LAYER.keys() - takes:
        today = next((new for new in LAYER[name].split() if new in takes), None)
        if today or not LAYER[name]:
            table[name] = today
    kwargs = renamed(kwargs, table)
    if kwargs.get("data_format") in DATA_FORMATS:
        kwargs["data_format"] = DATA_FORMATS[kwargs["data_format"]]
    for names in KERNEL:
        if names[0] in kwargs and "kernel_size" in takes:
            warn(f"{', '.join(names)} are kernel_size today")
            kwargs["kernel_size"] = tuple(kwargs.pop(name) for name in names)
    if sequence and "input_dim" in kwargs:
        warn("input_dim and input_length of a sequence are keras.Input((input_length, input_dim)) today")
        kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return kwargs


def _whole(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Return the arguments with integer units and filters: Keras 2 took 8.0, which quniform draws."""
    for name in ("units", "filters"):
        value = kwargs.get(name, args[0] if args and next(iter(inspect.signature(cls).parameters)) == name else None)
        if isinstance(value, int) or not hasattr(value, "is_integer") or not value.is_integer():
            continue
        warn(f"{name}={value!r} is {name}={int(value)} today")
        if name in kwargs:
            kwargs = kwargs | {name: int(value)}
        else:
            args = (int(value), *args[1:])
    return args, kwargs


def _init_layer(before, layer, *args, **kwargs):
    args, kwargs = _whole(type(layer), args, kwargs)
    if HANDLED.isdisjoint(kwargs):
        return before(layer, *args, **kwargs)
    for name in ("shape", "input_shape"):
        if isinstance(kwargs.get(name), int | np.integer):
            warn(f"{name}={kwargs[name]} is {name}=({kwargs[name]},) today")
            kwargs[name] = (int(kwargs[name]),)
    length = kwargs.get("input_length") if isinstance(layer, keras_module("layers").Embedding) else None
    takes = _accepted(type(layer))
    sequence = any(base.__name__ in SEQUENCE_LAYERS for base in type(layer).__mro__)
    kwargs = _layer_arguments(takes, sequence, kwargs)
    shape = kwargs.pop("batch_input_shape", None) if "batch_shape" not in takes else None
    weights = kwargs.pop("weights", None) if "weights" not in takes else None
    if shape is not None:
        warn("batch_input_shape is keras.Input(batch_shape=...) today")
        kwargs["input_shape"] = tuple(shape[1:])
    before(layer, *args, **kwargs)
    if shape is not None:
        layer._old_batch_shape = tuple(shape)
    elif length is not None:
        layer._old_batch_shape = (None, *(length if isinstance(length, list | tuple) else [length]))
    if weights is not None:
        warn("weights of a layer are Layer.set_weights today, after Layer.build")
        build = layer.build

        @functools.wraps(build)
        def build_and_set(*args, **kwargs):
            build(*args, **kwargs)
            layer.set_weights(weights)

        layer.build = build_and_set
    return None


def _convolution(before, dimensions, *args, **kwargs):
    """Make a layer of Convolution2D(n, rows, columns): Conv2D would take columns for strides."""
    size, more = args[1 : 1 + dimensions], args[1 + dimensions :]
    if len(size) == dimensions and all(isinstance(number, int) for number in size):
        warn(f"Convolution{dimensions}D(n, {str(size)[1:]} is Conv{dimensions}D(n, {size}) today")
        return before(args[0], size, **dict(zip(["kernel_initializer", "activation"], more, strict=False)), **kwargs)
    return before(*args, **kwargs)


class _Shape:
    """The attribute ``input_shape`` or ``output_shape`` of a layer, unless the layer sets one itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, layer: object, _owner: type) -> object:
        from keras import tree

        # Keras 3 asks whether a layer has it, and expects no.
        if layer is None or caller()[1]:
            raise AttributeError(f"{self.name}_shape")
        warn(f"Layer.{self.name}_shape is Layer.{self.name}.shape today")
        return tree.map_structure(lambda tensor: tuple(tensor.shape), getattr(layer, self.name))


def translate_layers(undo: ExitStack) -> None:
    """Let layers take their old names and arguments until ``undo`` closes."""
    import keras

    for cls in [*vars(keras.layers).values(), *vars(keras.constraints).values()]:
        init = vars(cls).get("__init__") if isinstance(cls, type) else None
        # Some classes have several names.
        if init and issubclass(cls, keras.Layer | keras.constraints.Constraint) and not hasattr(init, "__wrapped__"):
            wrap(undo, cls, "__init__", _init_layer)
    for n in (2, 3):
        conv = getattr(keras.layers, f"Conv{n}D")
        for layers in (keras.layers, keras_module("layers")):
            put(undo, layers, f"Convolution{n}D", functools.partial(_convolution, conv, n))

    def add(before, self, layer, *args, **kwargs):
        shape = getattr(layer, "_old_batch_shape", None)
        if shape is not None and not self._layers:
            before(self, keras.layers.InputLayer(batch_shape=shape))
        return before(self, layer, *args, **kwargs)

    def build(before, self):
        """Build a model that begins with an Embedding at once, as Keras 2 did, unless it needs to know the length."""
        if isinstance(self._layers[0], keras.layers.Embedding):
            self._layers = [keras.layers.InputLayer(batch_shape=(None, None)), *self._layers]
            self._layers[0]._old_guess = True
        try:
            before(self)
        except ValueError:
            if not hasattr(self._layers[0], "_old_guess"):
                raise
            self._layers = self._layers[1:]
            before(self)

    wrap(undo, keras.Sequential, "add", add)
    wrap(undo, keras.Sequential, "_maybe_rebuild", build)
    for name in ("input", "output"):
        put(undo, keras.Layer, f"{name}_shape", _Shape(name))
    replace(undo, keras.utils.to_categorical, renaming({"nb_classes": "num_classes", "y": "x"}))
