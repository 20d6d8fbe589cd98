"""Data as Keras 1 and 2 took them: lists of numbers, tables of several types, generators and sequences of lists."""

import contextlib
import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import GeneratorType

import numpy as np

from snakeras.model_file.keras_legacy.translation import keras_module, wrap


def as_arrays(data: object, parts: int = 1) -> object:
    """Return data with lists of numbers as arrays, and tables and arrays of several types of numbers as floats.

    ``parts`` says how many inputs or outputs of a model a list of so many items is for.
    """
    if isinstance(data, dict):
        return {name: as_arrays(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        first = data
        while isinstance(first, list | tuple) and first:
            first = first[0]
        is_numbers = isinstance(first, int | float | str | np.generic)
        if is_numbers and not 1 < parts == len(data):
            return np.asarray(data)
        return type(data)(map(as_arrays, data)) if type(data) in (list, tuple) else data
    if hasattr(data, "dtypes") or getattr(data, "dtype", None) == np.dtype(object):
        values = np.asarray(data)
        # Keras says what is wrong with others.
        with contextlib.suppress(TypeError, ValueError):
            return values.astype(keras_module("config").floatx()) if values.dtype == np.dtype(object) else data
    return data


def with_arrays(method: Callable, model: object, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """Return the arguments of a method of a model (``fit``, ``predict``, ...) as today's Keras takes them."""
    bound = inspect.signature(method).bind(model, *args, **kwargs)
    several = {"x": "inputs", "y": "outputs", "sample_weight": "outputs"}
    parts = {name: len(getattr(model, ends, None) or [0]) for name, ends in several.items()}
    for name, value in bound.arguments.items():
        if isinstance(value, GeneratorType):
            bound.arguments[name], _ = batches_of(value)
        elif name in parts:
            bound.arguments[name] = as_arrays(value, parts[name])
        elif name == "validation_data" and isinstance(value, list | tuple):
            bound.arguments[name] = tuple(map(as_arrays, value, parts.values()))
    return bound.args, bound.kwargs


def batches_of(data: object, samples: int | None = None) -> tuple[object, int | None]:
    """Return a generator whose batches Keras takes, and how many steps ``samples`` are; None if that is unknown."""
    import keras

    size = getattr(data, "batch_size", None)
    if isinstance(data, Iterator) and size is None:
        first = next(data, None)
        x = keras.tree.flatten(first)[0]
        size = None if x is None else len(x)
        batches = itertools.chain([] if first is None else [first], data)
        # Keras takes only a real generator.
        data = (_batch(batch) for batch in batches)
    return data, math.ceil(samples / size) if samples and size else None


def _batch(batch: object) -> object:
    """Return a batch, of inputs or of inputs and targets, as Keras takes it: with tuples of arrays, none of float64.

    Keras converts other arrays to its float type, but not those of a generator or a sequence.
    """
    import keras

    if not isinstance(batch, list | tuple):
        return keras.tree.map_structure(_single, as_arrays(batch))
    x, *more = batch
    x = as_arrays(x)
    rows = len(keras.tree.flatten(x)[0])
    parts = [len(item) if isinstance(item, list | tuple) and len(item) != rows else 1 for item in more]
    whole = (x, *map(as_arrays, more, parts))
    return keras.tree.map_structure(_single, keras.tree.lists_to_tuples(whole))


def _single(array: object) -> object:
    if str(getattr(array, "dtype", "")) == "float64" and hasattr(array, "astype"):
        return array.astype(keras_module("config").floatx())
    return array


def translate_inputs(undo: ExitStack) -> None:
    """Let a ``Sequence`` give lists until ``undo`` closes."""
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    wrap(undo, PyDatasetAdapter, "_standardize_batch", lambda before, self, batch: before(self, _batch(batch)))
