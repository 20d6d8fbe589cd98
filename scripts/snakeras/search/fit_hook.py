"""The hook on ``Model.fit``: records learning curves and stops bad trials, whatever the model file."""

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy import models
from snakeras.process import run_record
from snakeras.search import pruners

# With small batches the start of a step costs as much as the step: TensorFlow then runs several at once. Its larger
# graph takes a moment to build, which pays off only over many steps.
STEPS_AT_ONCE = 8
SMALL_BATCH = 16
MANY_STEPS = 2000


class Pruned(BaseException):
    """Ends a trial that is pruned. No Exception, so that a script's own ``except Exception`` does not catch it."""


@dataclass
class Fit:
    """One call of ``fit``: its epochs and its learning curves."""

    script_epochs: int  # the epochs that the script named
    epochs: int  # the epochs that it trains, after search.epochs or final.epochs
    metrics: dict[str, list[float | None]] = field(default_factory=dict)  # a value per finished epoch
    trained: int = 0  # how many epochs were finished
    ended: list[str] = field(default_factory=list)  # when each of them ended, in ISO 8601
    finished: bool = False  # fit returned, and did not raise

    def add(self, logs: dict[str, float]) -> None:
        """Add the metrics of one more epoch; a metric that is reported every few epochs has None in between."""
        for name, value in logs.items():
            values = self.metrics.setdefault(name, [])
            values += [None] * (self.trained - len(values))
            values.append(float(value))
        self.trained += 1
        self.ended.append(run_record.now().isoformat(timespec="milliseconds"))

    def as_json(self) -> dict:
        """Return the form in a trial's record."""
        return {"epochs": self.trained, "metrics": self.metrics}


@dataclass
class Fits:
    """All calls of ``fit`` in one run of a model function, and the model of the last of them."""

    calls: list[Fit] = field(default_factory=list)
    model: object | None = None
    validation_data: object | None = None  # of the last of them
    weights: list[np.ndarray] | None = None  # at the end of the last finished one, if they are kept
    pruned: pruners.Stop | None = None

    @property
    def ended(self) -> list[list[str]]:
        """When each epoch of each fit ended."""
        return [call.ended for call in self.calls]

    def reason(self, text: str) -> str:
        """Return an error's ``text``, with advice if a fit did not train as many epochs as the script asks for."""
        for call in self.calls:
            if call.epochs != call.script_epochs:
                return (
                    f"{text} (the script asks for {call.script_epochs} epochs and was told to train {call.epochs}; if "
                    "it cannot live with another number than its own, set search.epochs and final.epochs to null)"
                )
        return text


@contextmanager
def recorded(
    epochs: int | None = None, pruner: pruners.TrialPruner | None = None, keep_weights: bool = False
) -> Iterator[Fits]:
    """Record every ``keras.Model.fit`` inside the block; with ``keep_weights`` also the weights at the last one's end.

    Parameters
    ----------
    epochs
        How many epochs each fit trains; None leaves it to the script.
    pruner
        Asked at the end of every epoch of the first fit but its last.

    Raises
    ------
    Pruned
        From inside a fit, when the pruner says so; and from every later one, should the script go on.
    """
    import keras

    fits = Fits()
    inherited = keras.Model.fit
    signature = inspect.signature(inherited)

    class Curve(keras.callbacks.Callback):
        def __init__(self, call: Fit) -> None:
            super().__init__()
            self.call = call

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            self.call.add(logs or {})
            is_first = pruner and self.call is fits.calls[0]
            if is_first and self.call.trained < self.call.epochs:
                fits.pruned = pruner.stop(self.call.metrics)
                if fits.pruned:
                    raise Pruned(fits.pruned)

    def fit(self: object, *args: object, **kwargs: object) -> object:
        if fits.pruned:
            raise Pruned(fits.pruned)
        bound = signature.bind(self, *args, **models.translated_fit_arguments(kwargs, self))
        start = bound.arguments.get("initial_epoch", 0)
        # Keras counts epochs from the first ever; our setting says how many this call trains.
        asked = bound.arguments.get("epochs", 1)
        if epochs is not None:
            bound.arguments["epochs"] = start + epochs
        # A line per epoch: the output goes to a file, where a moving bar is unreadable.
        bound.arguments.setdefault("verbose", 2)
        call = Fit(script_epochs=asked - start, epochs=bound.arguments.get("epochs", 1) - start)
        fits.calls.append(call)
        fits.model, fits.validation_data = self, bound.arguments.get("validation_data")
        if _gains_from_steps_at_once(self, bound.arguments, call.epochs):
            self.steps_per_execution = STEPS_AT_ONCE
        with _with(bound.arguments.get("callbacks"), Curve(call)) as bound.arguments["callbacks"]:
            history = inherited(*bound.args, **bound.kwargs)
        call.finished = True
        if pruner and call is fits.calls[0]:
            pruner.check(call.metrics)
        if keep_weights:
            fits.weights = [np.copy(weight) for weight in self.get_weights()]
        return history

    # Model inherits fit: the hook is set on Model itself and deleted when the block ends.
    with ExitStack() as undo:
        put(undo, keras.Model, "fit", fit)
        yield fits


def _gains_from_steps_at_once(model: object, arguments: dict, epochs: int) -> bool:
    """Return whether several steps in one call of TensorFlow are faster and give the same weights and curves.

    Not so with callbacks that act between two steps, nor with data that are no array and may end anywhere.
    """
    shape = getattr(arguments.get("x"), "shape", None)
    batch_size = arguments.get("batch_size") or 32
    return (
        getattr(model, "steps_per_execution", None) == 1
        and not model.run_eagerly
        and model.train_function is None
        and bool(shape)
        and batch_size <= SMALL_BATCH
        and arguments.get("steps_per_epoch") is None
        and epochs * shape[0] // batch_size >= MANY_STEPS
        and not any(map(_acts_on_batches, _listed(arguments.get("callbacks"))))
    )


def _acts_on_batches(callback: object) -> bool:
    import keras

    names = ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end")
    return any(getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name) for name in names)


def _listed(callbacks: object) -> list:
    given = getattr(callbacks, "callbacks", callbacks)
    return list(given) if isinstance(given, list | tuple) else [given] if given else []


@contextmanager
def _with(callbacks: object, extra: object) -> Iterator[object]:
    """Yield the caller's callbacks (None, one, a list or a CallbackList) and one more; the caller's are left as is."""
    import keras

    if not isinstance(callbacks, keras.callbacks.CallbackList):
        yield [*_listed(callbacks), extra]
        return
    # Keras takes a CallbackList as it is, and a copy would run each callback's set-up again.
    callbacks.callbacks.append(extra)
    try:
        yield callbacks
    finally:
        callbacks.callbacks.remove(extra)


def last_accuracy(fits: list[dict]) -> float | None:
    """Return the validation accuracy after the last epoch of the last of a record's fits; None without one."""
    for call in reversed(fits):
        if name := pruners.validation_accuracy(call["metrics"]):
            return call["metrics"][name][-1]
    return None
