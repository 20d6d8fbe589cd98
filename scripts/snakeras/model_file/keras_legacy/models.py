"""``Model`` of Keras 1 and 2: arguments of ``compile`` and ``fit``, generators, methods that are gone."""

import inspect
import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import GeneratorType

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.metrics import Metrics
from snakeras.model_file.keras_legacy.stand_ins import classes
from snakeras.model_file.keras_legacy.tables import COMPILE, FIT, LOSSES, METRICS, MODEL
from snakeras.model_file.keras_legacy.translation import keras_module, renamed, warn, wrap, wrap_arguments


def translated_fit_arguments(kwargs: dict, model: object | None = None) -> dict:
    """Return the keyword arguments of ``Model.fit``, ``evaluate`` or ``predict`` under today's names.

    Parameters
    ----------
    kwargs
        As the script gave them; not changed.
    model
        The model, compiled again with its accuracy if ``show_accuracy`` asks for it and it has no metrics.
    """
    if kwargs.get("show_accuracy") and getattr(model, "_compile_metrics", True) is None:
        model.compile(optimizer=model.optimizer, loss=model.loss, metrics=["accuracy"])
    return renamed(kwargs, FIT)


def batches_of(data: object, samples: int | None = None) -> tuple[object, int | None]:
    """Return a generator whose batches Keras takes, and how many steps ``samples`` are; None if that is unknown."""
    size = getattr(data, "batch_size", None)
    if isinstance(data, Iterator) and size is None:
        first = next(data, None)
        x = first[0] if isinstance(first, tuple) else first
        while isinstance(x, list | tuple | dict):
            x = next(iter(x.values() if isinstance(x, dict) else x))
        size = None if x is None else len(x)
        batches = itertools.chain([] if first is None else [first], data)
        # Keras takes only tuples of inputs, and only a real generator.
        data = (
            tuple(map(_as_keras_takes, batch)) if isinstance(batch, tuple) else _as_keras_takes(batch)
            for batch in batches
        )
    return data, math.ceil(samples / size) if samples and size else None


def _as_keras_takes(value: object) -> object:
    if isinstance(value, list) and value and hasattr(value[0], "shape"):
        return tuple(map(_as_keras_takes, value))
    # Keras converts arrays to its float type, but not those of a generator.
    if str(getattr(value, "dtype", "")) == "float64" and hasattr(value, "astype"):
        return value.astype(keras_module("config").floatx())
    return value


def _fit_generator(self, generator, steps_per_epoch=None, epochs=1, *args, **kwargs):
    warn("fit_generator is fit today")
    kwargs |= dict(
        zip(["verbose", "callbacks", "validation_data", "validation_steps", "class_weight"], args, strict=False)
    )
    if "nb_epoch" in kwargs:  # Keras 1: its second argument counts samples
        epochs = kwargs.pop("nb_epoch")
        kwargs.setdefault("samples_per_epoch", steps_per_epoch)
    generator, steps = batches_of(generator, kwargs.pop("samples_per_epoch", None))
    validation, validation_steps = batches_of(kwargs.pop("validation_data", None), kwargs.pop("nb_val_samples", None))
    kwargs |= {"validation_data": validation, "steps_per_epoch": steps or steps_per_epoch, "epochs": epochs}
    if validation_steps:
        kwargs["validation_steps"] = validation_steps
    return self.fit(generator, **kwargs)


def _over_generator(method: str) -> Callable[..., object]:
    def over_generator(self, generator, steps=None, *, val_samples=None, **kwargs):
        warn(f"{method}_generator is {method} today")
        generator, counted = batches_of(generator, val_samples)
        return getattr(self, method)(generator, steps=counted or steps, **{"verbose": 0} | kwargs)

    return over_generator


def _predict_classes(self, *args, **kwargs):
    warn("predict_classes is numpy.argmax(model.predict(x), axis=-1) or model.predict(x) > 0.5 today")
    return classes(self.predict(*args, **kwargs))


def _predict_proba(self, *args, **kwargs):
    warn("predict_proba is predict today")
    return self.predict(*args, **kwargs)


def _reset_states(self):
    warn("Model.reset_states is reset_states of each recurrent layer today")
    for layer in self.layers:
        getattr(layer, "reset_states", lambda: None)()


def _names(names: object, table: dict[str, str]) -> object:
    """Return losses or metrics under today's names, at any depth."""
    if isinstance(names, dict):
        return {key: _names(value, table) for key, value in names.items()}
    if isinstance(names, list | tuple):
        return [_names(value, table) for value in names]
    if isinstance(names, str) and names in table:
        warn(f"{names!r} is {table[names]!r} today")
        return table[names]
    return names


def translate_models(undo: ExitStack) -> None:
    """Give models their old methods and arguments until ``undo`` closes."""
    import keras
    from keras.src.models.functional import Functional

    def compile_(before, self, *args, **kwargs):
        bound = inspect.signature(before).bind(self, *args, **renamed(kwargs, COMPILE))
        for name, table in {"loss": LOSSES, "metrics": METRICS, "weighted_metrics": METRICS}.items():
            value = bound.arguments[name] = _names(bound.arguments.get(name), table)
            if name != "loss" and isinstance(value, str):
                warn(f"{name}={value!r} is {name}=[{value!r}] today")
                bound.arguments[name] = [value]
        return before(*bound.args, **bound.kwargs)

    def run(before, self, *args, **kwargs):
        if args and isinstance(args[0], GeneratorType):
            args = (batches_of(args[0])[0], *args[1:])
        result = before(self, *args, **translated_fit_arguments(kwargs, self))
        return Metrics(result) if type(result) is dict else result

    def new(cls, *args, **kwargs):
        return before(cls, *args, **{MODEL.get(name, name): value for name, value in kwargs.items()})

    before = vars(keras.Model)["__new__"].__func__
    put(undo, keras.Model, "__new__", staticmethod(new))
    for cls in (Functional, keras.Model):
        wrap_arguments(undo, cls, "__init__", MODEL)
    wrap(undo, keras.Model, "compile", compile_)
    for name in ("fit", "evaluate", "predict"):
        wrap(undo, keras.Model, name, run)
    put(undo, keras.Model, "fit_generator", _fit_generator)
    put(undo, keras.Model, "evaluate_generator", _over_generator("evaluate"))
    put(undo, keras.Model, "predict_generator", _over_generator("predict"))
    put(undo, keras.Model, "predict_classes", _predict_classes)
    put(undo, keras.Model, "predict_proba", _predict_proba)
    put(undo, keras.Model, "reset_states", _reset_states)
