"""``Model`` of Keras 1 and 2: arguments of ``compile`` and ``fit``, generators, dropped methods, saved files."""

import functools
import inspect
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.inputs import batches_of, with_arrays
from snakeras.model_file.keras_legacy.metrics import Metrics, for_each_output, losses_with_weights
from snakeras.model_file.keras_legacy.tables import COMPILE, FIT, LOSSES, METRICS, MODEL, SAVE, SPELLINGS
from snakeras.model_file.keras_legacy.translation import renamed, renaming, replace, warn, warning, wrap


def translated_fit_arguments(kwargs: dict, model: object | None = None) -> dict:
    """Return the keyword arguments of ``Model.fit``, ``evaluate`` or ``predict`` under today's names.

    The model is compiled again with its accuracy if ``show_accuracy`` asks for it and it has no metrics.
    """
    if kwargs.get("show_accuracy") and getattr(model, "_compile_metrics", True) is None:
        model.compile(optimizer=model.optimizer, loss=model.loss, metrics=["accuracy"])
    return renamed(kwargs, FIT)


def _fit_generator(self, generator, steps_per_epoch=None, epochs=1, *args, **kwargs):
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


def _run_generator(method: str, model, generator, steps=None, *, val_samples=None, **kwargs):
    generator, counted = batches_of(generator, val_samples)
    return getattr(model, method)(generator, steps=counted or steps, **{"verbose": 0} | kwargs)


def _reset_states(self):
    for layer in self.layers:
        getattr(layer, "reset_states", lambda: None)()


def classes(values):
    """Return the number of the class, from the probabilities of two or more; shape (rows, classes) or (rows, 1)."""
    values = np.asarray(values)
    return values.argmax(axis=-1) if values.shape[-1] > 1 else (values > 0.5).astype("int32")


# Methods that are gone: what a warning says, and what does the same.
_METHODS = {
    "fit_generator": ("fit_generator is fit today", _fit_generator),
    "evaluate_generator": ("evaluate_generator is evaluate today", functools.partial(_run_generator, "evaluate")),
    "predict_generator": ("predict_generator is predict today", functools.partial(_run_generator, "predict")),
    "predict_classes": (
        "predict_classes is numpy.argmax(model.predict(x), axis=-1) or model.predict(x) > 0.5 today",
        lambda self, *args, **kwargs: classes(self.predict(*args, **kwargs)),
    ),
    "predict_proba": ("predict_proba is predict today", lambda self, *args, **kwargs: self.predict(*args, **kwargs)),
    "reset_states": ("Model.reset_states is reset_states of each recurrent layer today", _reset_states),
}


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
        # Not for outputs in a dict, which Keras 3 alone has.
        if isinstance(getattr(self, "_outputs_struct", None), list | tuple) and len(self.outputs) > 1:
            for name in ("metrics", "weighted_metrics"):
                bound.arguments[name] = for_each_output(bound.arguments[name], len(self.outputs))
            if bound.arguments.get("loss_weights"):
                given = bound.arguments["loss"], bound.arguments["loss_weights"]
                bound.arguments["loss"], bound.arguments["loss_weights"] = losses_with_weights(
                    *given, self.output_names
                )
        return before(*bound.args, **bound.kwargs)

    def run(before, self, *args, **kwargs):
        args, kwargs = with_arrays(before, self, args, translated_fit_arguments(kwargs, self))
        result = before(*args, **kwargs)
        return Metrics(result) if type(result) is dict else result

    def new(cls, *args, **kwargs):
        return before(cls, *args, **{MODEL.get(name, name): value for name, value in kwargs.items()})

    before = vars(keras.Model)["__new__"].__func__
    put(undo, keras.Model, "__new__", staticmethod(new))
    for cls in (Functional, keras.Model):
        wrap(undo, cls, "__init__", renaming(MODEL))
    wrap(undo, keras.Model, "compile", compile_)
    for name in ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"):
        wrap(undo, keras.Model, name, run)
    for name, (text, function) in _METHODS.items():
        put(undo, keras.Model, name, warning(text, function))


def _is_hdf5(path: str) -> bool:
    """Return whether a file has the layout of the HDF5 files of Keras 2, whatever its name."""
    import h5py

    if not Path(path).is_file() or not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return "layer_names" in file.get("model_weights", file).attrs


def translate_saving(undo: ExitStack) -> None:
    """Let Keras save and load under any path until ``undo`` closes; Keras 3 asks for certain endings."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format as hdf5
    from keras.src.saving import saving_api

    # HDF5 files have the short names of these losses, which Keras does not find.
    losses = {name: getattr(keras.losses, new) for name, new in SPELLINGS.items() if hasattr(keras.losses, new)}

    def save_model(before, model, filepath, overwrite=True, zipped=None, **kwargs):
        kwargs, path = renamed(kwargs, SAVE), str(filepath)
        if path.endswith(".keras") or "://" in path or zipped is not None:
            return before(model, filepath, overwrite, zipped, **kwargs)
        compiled = getattr(getattr(model, "_compile_config", None), "config", {})
        as_compiled = dict(compiled)
        if not path.endswith((".h5", ".hdf5")):
            warn("the path of a saved model ends in .keras today", always=True)
        hdf5.save_model_to_hdf5(model, path, overwrite, kwargs.get("include_optimizer", True))
        # Keras has removed the optimizer from it; a .keras file written later needs it.
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
        warn("the path of saved weights ends in .weights.h5 today", always=True)
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
        replace(undo, getattr(saving_api, wrapper.__name__), wrapper, saving_api)
    wrap(undo, keras.Model, "save_weights", renaming(SAVE))
