"""The optimizers of Keras 1 and 2: ``lr``, ``decay``, and a rate that can be set."""

import inspect
from contextlib import ExitStack

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.tables import OPTIMIZER, OPTIMIZERS
from snakeras.model_file.keras_legacy.translation import keras_module, renamed, replace, warn, wrap


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

    def get_lr(self):
        warn("optimizer.lr is optimizer.learning_rate today")
        return self.learning_rate if settable(self) is None else settable(self)

    def set_lr(self, value):
        warn("optimizer.lr is optimizer.learning_rate today")
        self.learning_rate = value

    def get_value(before, x):
        return x.numpy() if isinstance(x, keras.Variable) else before(x)

    def set_value(before, x, value):
        return x.assign(value) if isinstance(x, keras.Variable) else before(x, value)

    learning_rate = vars(BaseOptimizer)["learning_rate"]
    for name in OPTIMIZERS:
        wrap(undo, getattr(keras.optimizers, name), "__init__", init)
    put(undo, BaseOptimizer, "learning_rate", property(learning_rate.fget, set_rate))
    put(undo, BaseOptimizer, "lr", property(get_lr, set_lr))
    for wrapper in (get_value, set_value):
        replace(undo, vars(keras_module("backend"))[wrapper.__name__], wrapper)
