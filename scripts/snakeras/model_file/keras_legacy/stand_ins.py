"""Functions in place of names that Keras dropped and that no single name of today replaces."""

import numpy as np

from snakeras.model_file.keras_legacy.tables import DATA_FORMATS
from snakeras.model_file.keras_legacy.translation import keras_module


def _time_distributed_dense(*args, **kwargs):
    layers = keras_module("layers")
    shape = {key: kwargs.pop(key) for key in ("input_shape", "batch_input_shape", "name") if key in kwargs}
    if dim := kwargs.pop("input_dim", None):
        shape["input_shape"] = (kwargs.pop("input_length", None), dim)
    return layers.TimeDistributed(layers.Dense(*args, **kwargs), **shape)


def classes(values):
    """Return the number of the class, from the probabilities of two or more; shape (rows, classes) or (rows, 1)."""
    values = np.asarray(values)
    return values.argmax(axis=-1) if values.shape[-1] > 1 else (values > 0.5).astype("int32")


def _session():
    import tensorflow

    return tensorflow.compat.v1.Session()


def _dim_ordering():
    return "th" if keras_module("config").image_data_format() == "channels_first" else "tf"


def _set_dim_ordering(value):
    keras_module("config").set_image_data_format(DATA_FORMATS.get(value, value))


def _gpus():
    import tensorflow

    return [device.name for device in tensorflow.config.list_logical_devices("GPU")]


# By the name in the table NAMES: what a warning says of the old name, and the function.
STAND_INS = {
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
    "_session": ("gives a session that Keras does not use: it has none", _session),
    "_dim_ordering": ("is keras.config.image_data_format today", _dim_ordering),
    "_set_dim_ordering": ("is keras.config.set_image_data_format today", _set_dim_ordering),
    "_gpus": ("is tensorflow.config.list_logical_devices('GPU') today", _gpus),
}
