"""Training in Keras 1 and 2: callbacks and optimizers."""

import importlib.util
import inspect
import os
import string
from contextlib import ExitStack

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.metrics import Metrics, spellings
from snakeras.model_file.keras_legacy.tables import CALLBACKS, CHECKPOINT, OPTIMIZER, OPTIMIZERS, RATES
from snakeras.model_file.keras_legacy.translation import keras_module, renamed, renaming, replace, warn, warning, wrap


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
        # Keras only checks the ending; `translate_saving` writes to any path.
        before(self, "any.weights.h5" if bound.arguments.get("save_weights_only") else "any.keras", *args, **kwargs)
        self.filepath = os.fspath(filepath)

    def save_model(before, self, epoch, batch, logs):
        if batch is not None or (epoch + 1) % self._old_period == 0:
            before(self, epoch, batch, logs)

    def file_path(before, self, epoch, batch, logs):
        logs = Metrics(logs)
        asked = [field for _, field, _, _ in string.Formatter().parse(self.filepath) if field in logs]
        return before(self, epoch, batch, dict(logs) | {field: logs[field] for field in asked})

    wrap(undo, keras.callbacks.History, "__init__", history)
    wrap(undo, MonitorCallback, "_set_monitor_op", set_monitor_op)
    wrap(undo, keras.callbacks.ModelCheckpoint, "__init__", checkpoint)
    wrap(undo, keras.callbacks.ModelCheckpoint, "_save_model", save_model)
    wrap(undo, keras.callbacks.ModelCheckpoint, "_get_file_path", file_path)
    for name, table in CALLBACKS.items():
        wrap(undo, getattr(keras.callbacks, name), "__init__", renaming(table))
    if importlib.util.find_spec("tensorboard") is None:

        class TensorBoard(keras.callbacks.Callback):
            def __init__(self, *_args: object, **_kwargs: object) -> None:
                super().__init__()
                warn("keras.callbacks.TensorBoard is left out: the package tensorboard is not installed")

        for callbacks in (keras.callbacks, keras_module("callbacks")):
            put(undo, callbacks, "TensorBoard", TensorBoard)
    pythonify = python_utils.pythonify_logs
    put(undo, python_utils, "pythonify_logs", lambda logs: Metrics(pythonify(logs)))


def _decayed(rate, decay):
    """Return a schedule whose learning rate can still be set, as in Keras 2."""
    import keras

    schedule = keras.optimizers.schedules.InverseTimeDecay(float(rate), decay_steps=1, decay_rate=float(decay))
    config = schedule.get_config()
    schedule.initial_learning_rate = variable = keras.Variable(float(rate), trainable=False)
    schedule.get_config = lambda: config | {"initial_learning_rate": float(variable.numpy())}
    return schedule


def translate_optimizers(undo: ExitStack) -> None:
    """Let optimizers take old arguments until ``undo`` closes."""
    import keras
    from keras.src.optimizers.base_optimizer import BaseOptimizer

    def init(before, self, *args, **kwargs):
        kwargs = renamed(kwargs, OPTIMIZER)
        if kwargs.get("epsilon", 0) is None:
            warn("epsilon=None is epsilon=1e-7 today")
            kwargs["epsilon"] = 1e-7
        name = type(self).__name__
        if name in RATES and not args and "learning_rate" not in kwargs:
            warn(f"the learning rate of {name}() was {RATES[name]} in Keras 2 without TensorFlow", always=True)
        decay = kwargs.pop("decay", None)
        if decay:
            warn("decay is keras.optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay) today")
            bound = inspect.signature(before).bind(self, *args, **kwargs)
            rate = bound.arguments.get("learning_rate", bound.signature.parameters["learning_rate"].default)
            bound.arguments["learning_rate"] = _decayed(rate, decay) if isinstance(rate, int | float) else rate
            args, kwargs = bound.args[1:], bound.kwargs
        elif decay is not None:
            warn("decay=0 is no argument today and is left out")
        before(self, *args, **kwargs)

    def settable(self):
        variable = getattr(self._learning_rate, "initial_learning_rate", None)
        return variable if isinstance(variable, keras.Variable) else None

    def set_rate(self, value):
        if settable(self) is None or callable(value):
            learning_rate.fset(self, value)
        else:
            settable(self).assign(value)

    def get_rate(self):
        return self.learning_rate if settable(self) is None else settable(self)

    def get_value(before, x):
        return x.numpy() if isinstance(x, keras.Variable) else before(x)

    def set_value(before, x, value):
        return x.assign(value) if isinstance(x, keras.Variable) else before(x, value)

    learning_rate = vars(BaseOptimizer)["learning_rate"]
    for name in OPTIMIZERS:
        wrap(undo, getattr(keras.optimizers, name), "__init__", init)
    put(undo, BaseOptimizer, "learning_rate", property(learning_rate.fget, set_rate))
    lr = "optimizer.lr is optimizer.learning_rate today"
    put(undo, BaseOptimizer, "lr", property(warning(lr, get_rate), warning(lr, set_rate)))
    for wrapper in (get_value, set_value):
        replace(undo, vars(keras_module("backend"))[wrapper.__name__], wrapper)
