"""The callbacks of Keras 1 and 2."""

import importlib.util
import inspect
import os
from contextlib import ExitStack

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.metrics import Metrics, spellings
from snakeras.model_file.keras_legacy.tables import CALLBACKS, CHECKPOINT
from snakeras.model_file.keras_legacy.translation import keras_module, renamed, warn, wrap, wrap_arguments


def translate_callbacks(undo: ExitStack) -> None:
    """Let callbacks take old arguments and names of metrics until ``undo`` closes."""
    import keras
    from keras.src.callbacks.monitor_callback import MonitorCallback
    from keras.src.utils import python_utils

    def history(before, self):
        before(self)
        self.history = Metrics()

    def set_monitor_op(before, self):
        asked = self.monitor
        for self.monitor in (asked, *spellings(asked)):
            try:
                return before(self)
            except ValueError:
                continue
        # As Keras 2 did for a metric that it did not know.
        self.monitor, self.mode = asked, "max" if "acc" in asked else "min"
        warn(f"monitor={asked!r} needs mode={self.mode!r} today", always=True)
        return before(self)

    def checkpoint(before, self, filepath, *args, **kwargs):
        kwargs = renamed(kwargs, CHECKPOINT)
        self._old_period = kwargs.pop("period", 1)
        if self._old_period != 1:
            warn("period is no argument of ModelCheckpoint today; there is save_freq, in batches")
        bound = inspect.signature(before).bind(self, filepath, *args, **kwargs)
        # Keras only checks the ending; `saving` writes to any path.
        before(self, "any.weights.h5" if bound.arguments.get("save_weights_only") else "any.keras", *args, **kwargs)
        self.filepath = os.fspath(filepath)

    def save_model(before, self, epoch, batch, logs):
        if batch is not None or (epoch + 1) % self._old_period == 0:
            before(self, epoch, batch, logs)

    def file_path(before, self, epoch, batch, logs):
        others = {other: value for name, value in logs.items() for other in spellings(name)}
        return before(self, epoch, batch, others | dict(logs))

    wrap(undo, keras.callbacks.History, "__init__", history)
    wrap(undo, MonitorCallback, "_set_monitor_op", set_monitor_op)
    wrap(undo, keras.callbacks.ModelCheckpoint, "__init__", checkpoint)
    wrap(undo, keras.callbacks.ModelCheckpoint, "_save_model", save_model)
    wrap(undo, keras.callbacks.ModelCheckpoint, "_get_file_path", file_path)
    for name, table in CALLBACKS.items():
        wrap_arguments(undo, getattr(keras.callbacks, name), "__init__", table)
    if importlib.util.find_spec("tensorboard") is None:

        class TensorBoard(keras.callbacks.Callback):
            def __init__(self, *_args: object, **_kwargs: object) -> None:
                super().__init__()
                warn("keras.callbacks.TensorBoard is left out: the package tensorboard is not installed")

        for callbacks in (keras.callbacks, keras_module("callbacks")):
            put(undo, callbacks, "TensorBoard", TensorBoard)
    pythonify = python_utils.pythonify_logs
    put(undo, python_utils, "pythonify_logs", lambda logs: Metrics(pythonify(logs)))
