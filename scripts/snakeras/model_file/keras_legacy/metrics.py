"""Metrics as Keras 1 and 2 had them: named as their functions, each for every output, of targets like the outputs."""

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FunctionType

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy.tables import OF_TWO, SPELLINGS
from snakeras.model_file.keras_legacy.translation import keras_module, replace, warn, wrap


def spellings(name: object) -> Iterator[str]:
    """Yield the other names of a metric, with the same prefix (``val_``)."""
    for pair in SPELLINGS.items() if isinstance(name, str) else ():
        for one, other in (pair, pair[::-1]):
            if name == one or name.endswith("_" + one):
                yield name[: -len(one)] + other


def _letters(name: object) -> str:
    return re.sub(r"[\W_]", "", str(name)).lower()


class Metrics(dict):
    """Values by metric, which are also found under the metric's other names: ``acc``, and Keras 3's ``my_metric``."""

    def _known(self, name: object) -> str | None:
        """Return the name that a metric has here; None if it is not here."""
        for other in (name, *spellings(name)):
            if super().__contains__(other):
                return other
        return next((other for other in self.keys() if _letters(other) == _letters(name)), None)

    def __missing__(self, name: str) -> object:
        """Return the value under another name, with a warning."""
        other = self._known(name)
        if other is None:
            raise KeyError(name)
        warn(f"the metric {name!r} is {other!r} here", always=True)
        return self[other]

    def __contains__(self, name: object) -> bool:
        """Return whether the metric is here, under any of its names."""
        return self._known(name) is not None

    def get(self, name: str, default: object = None) -> object:
        """Return the value under any of the metric's names, or the default."""
        try:
            return self[name]
        except KeyError:
            return default


def _names(model: object) -> list[str]:
    """Return the names of a model's metrics in the order of Keras 2: the losses, then the metrics of each output."""
    compiled, losses = model._compile_metrics, getattr(model._compile_loss, "metrics", [])
    names = [metric.name for metric in model.metrics if metric is not compiled]
    end = 1 + len(losses)
    return [*names[:end], *(compiled.result() if compiled is not None and compiled.built else []), *names[end:]]


def for_each_output(metrics: object, count: int) -> object:
    """Return ``metrics`` of ``compile`` for a model of ``count`` outputs: a list without lists in it is for all."""
    import keras

    if not isinstance(metrics, list | tuple) or count < 2 or any(isinstance(item, list | tuple) for item in metrics):
        return metrics

    def copied(metric: object) -> object:
        return metric.from_config(metric.get_config()) if isinstance(metric, keras.metrics.Metric) else metric

    return [list(metrics), *(list(map(copied, metrics)) for _ in range(count - 1))] if metrics else metrics


def losses_with_weights(loss: object, weights: object, names: list[str]) -> tuple[object, object]:
    """Return ``loss`` and ``loss_weights`` of ``compile``, which are given, as lists in the order of the outputs.

    Keras 3 takes weights by name in the order of the alphabet where the losses are a list.
    """
    if isinstance(weights, dict):
        weights = [weights.get(name, 1.0) for name in names]
    if isinstance(loss, dict):
        loss = [loss.get(name) for name in names]
    return loss if isinstance(loss, list | tuple) else [loss] * len(names), weights


def _is_keras(one: object) -> bool:
    return (getattr(one, "__module__", None) or "").startswith("keras.")


def _uses_backend(function: object) -> bool:
    """Return whether a function was written for Keras 2: by ``keras.backend``, which has few functions today."""
    if not isinstance(function, FunctionType):
        return False
    names = inspect.getclosurevars(function)
    used = {getattr(value, "__name__", "") for value in (names.globals | names.nonlocals).values()}
    return any(name.endswith("backend") for name in used | names.unbound)


def _with_targets_of_keras_2(metric: object) -> Callable[..., None]:
    """Return ``update_state`` of a metric, with targets of the shape (n, 1) in place of (n,).

    Keras 3 hands over targets as they are: ``y_true - y_pred`` of the shapes (n,) and (n, 1) has the shape (n, n).
    Functions of the script get targets of the type of the outputs.
    """
    from keras import ops

    update, function = metric.update_state, getattr(metric, "_fn", None)
    is_own = not _is_keras(function or type(metric))
    # Class numbers, which today's functions expect in the shape (n,).
    with_classes = _uses_backend(function) if is_own else not type(metric).__name__.startswith("Sparse")

    @functools.wraps(update)
    def update_state(y_true, y_pred, *args, **kwargs):
        if [len(y_true.shape), len(y_pred.shape)] == [1, 2] and (with_classes if y_pred.shape[1] != 1 else is_own):
            y_true = ops.expand_dims(y_true, -1)
        if is_own and function:
            # Some functions take whole numbers alone.
            with contextlib.suppress(TypeError, ValueError):
                return update(ops.cast(y_true, y_pred.dtype), y_pred, *args, **kwargs)
        return update(y_true, y_pred, *args, **kwargs)

    return update_state


def translate_metrics(undo: ExitStack) -> None:
    """Let metrics have the names, the targets and the order of Keras 2 until ``undo`` closes."""
    import keras
    from keras.src.trainers import compile_utils
    from keras.src.trainers.trainer import Trainer
    from keras.src.utils import naming

    def get_metric(identifier, y_true, y_pred):
        metric = metric_before(identifier, y_true, y_pred)
        if isinstance(identifier, str):
            if identifier == type(metric).__name__:
                metric.name = naming.to_snake_case(identifier)
        elif isinstance(identifier, FunctionType):
            metric.name = identifier.__name__
        metric.update_state = _with_targets_of_keras_2(metric)
        return metric

    def build(before, self, metrics, count, *args, **kwargs):
        return before(self, for_each_output(metrics, count), count, *args, **kwargs)

    def flatten(_before, self, logs):
        names = [name for name in _names(self) if name in set(logs)]
        values = [logs[name] for name in [*names, *sorted(set(logs) - set(names))]]
        return values[0] if len(values) == 1 else values

    def of_two(operation, _before, x, y):
        return operation(x, y)

    for name in OF_TWO:
        replace(undo, getattr(keras_module("backend"), name), functools.partial(of_two, getattr(keras.ops, name)))
    metric_before = compile_utils.get_metric
    put(undo, compile_utils, "get_metric", get_metric)
    wrap(undo, compile_utils.CompileMetrics, "_build_metrics_set", build)
    wrap(undo, Trainer, "_flatten_metrics_in_order", flatten)
    put(undo, Trainer, "metrics_names", property(_names))
