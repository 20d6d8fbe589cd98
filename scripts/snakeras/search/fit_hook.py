"""The hook on ``Model.fit``: learning curves by epoch, pruning, ``search.epochs``."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np

from snakeras.core.patching import put
from snakeras.model_file.keras_legacy import models
from snakeras.process import run_record
from snakeras.search import pruners, trial_records

# With small batches, starting a step costs as much as the step: TensorFlow then runs several at once. The larger graph
# takes a moment to build, which pays off only over many steps.
STEPS_AT_ONCE = 8
SMALL_BATCH = 16
MANY_STEPS = 2000

# The methods of a model that take data outside of training.
USES = ("evaluate", "test_on_batch", "predict", "predict_on_batch")


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


@dataclass(frozen=True)
class Use:
    """Data that a model was given outside of training."""

    model: object
    x: object
    y: object | None  # None in predict, and where x has the targets too


@dataclass
class Fits:
    """All calls of ``fit`` in one run of a model function, and the model of the last of them."""

    calls: list[Fit] = field(default_factory=list)
    model: object | None = None
    x: object | None = None  # of the last of them, as y and validation_data
    y: object | None = None
    validation_data: object | None = None
    uses: list[Use] = field(default_factory=list)  # in their order, if they are kept
    weights: list[np.ndarray] | None = None  # at the end of the last finished one, if they are kept
    pruned: pruners.Stop | None = None

    def begin(self, call: Fit, model: object, arguments: dict, keep_uses: bool) -> None:
        """Note one more fit, its model and its data."""
        self.calls.append(call)
        self.model = model
        self.x, self.y, validation = map(arguments.get, ("x", "y", "validation_data"))
        self.validation_data = validation
        if keep_uses and validation is not None:
            is_pair = isinstance(validation, list | tuple)
            self.uses.append(Use(model, *validation[:2]) if is_pair else Use(model, validation, None))

    @property
    def ended(self) -> list[list[str]]:
        """When each epoch of each fit ended."""
        return [call.ended for call in self.calls]

    def as_json(self) -> dict:
        """Return what a trial's record says of its fits."""
        calls = [{"epochs": call.trained, "metrics": call.metrics} for call in self.calls]
        return {
            "val_accuracy": trial_records.encode(last_accuracy(calls)),
            "epochs": sum(call.trained for call in self.calls),
            "fits": trial_records.encode(calls),
        }

    def reason(self, text: str) -> str:
        """Return an error's text, with advice if a fit trained another number of epochs than the script asks for."""
        for call in self.calls:
            if call.epochs != call.script_epochs:
                return (
                    f"{text} (the script asks for {call.script_epochs} epochs and was told to train {call.epochs}; if "
                    "it cannot live with another number than its own, set search.epochs and final.epochs to null)"
                )
        return text


@contextmanager
def recorded(
    epochs: int | None = None, pruner: pruners.TrialPruner | None = None, is_final: bool = False
) -> Iterator[Fits]:
    """Record every ``keras.Model.fit`` inside the block; there is none where Keras is not imported.

    With ``is_final`` also the weights at the last one's end, and what models are evaluated and used on. Each fit trains
    ``epochs`` epochs; None leaves it to the script. The pruner is asked at the end of every epoch of the first fit but
    its last.

    Raises:
        Pruned: From inside a fit, when the pruner says so; and from every later one, should the script go on.
    """
    fits, keras = Fits(), sys.modules.get("keras")
    if keras is None:
        yield fits
        return
    inherited = keras.Model.fit
    signature = inspect.signature(inherited)

    @functools.wraps(inherited)  # MLflow reads the arguments from the signature
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
        fits.begin(call, self, bound.arguments, keep_uses=is_final)
        is_first = call is fits.calls[0]

        def on_epoch_end(epoch: int, logs: dict | None) -> None:
            call.add(logs or {})
            if pruner and is_first and call.trained < call.epochs:
                fits.pruned = pruner.stop(call.metrics)
                if fits.pruned:
                    raise Pruned(fits.pruned)

        if _gains_from_steps_at_once(self, bound.arguments, call.epochs):
            self.steps_per_execution = STEPS_AT_ONCE
        curve = keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)
        with _with(bound.arguments.get("callbacks"), curve) as bound.arguments["callbacks"]:
            history = inherited(*bound.args, **bound.kwargs)
        call.finished = True
        if pruner and is_first:
            pruner.check(call.metrics)
        if is_final:
            fits.weights = [np.copy(weight) for weight in self.get_weights()]
        return history

    # Model inherits fit: the hook is set on Model itself and deleted when the block ends.
    with ExitStack() as undo:
        put(undo, keras.Model, "fit", fit)
        for name in USES if is_final else ():
            put(undo, keras.Model, name, _noting(getattr(keras.Model, name), fits.uses))
        yield fits


def _noting(inherited: Callable, uses: list[Use]) -> Callable:
    """Return a method of ``keras.Model`` that adds to ``uses`` what it is called with."""
    signature = inspect.signature(inherited)

    @functools.wraps(inherited)
    def method(self: object, *args: object, **kwargs: object) -> object:
        # Keras evaluates in fit, too, and says so.
        if "_use_cached_eval_dataset" not in kwargs:
            given = signature.bind(self, *args, **models.translated_fit_arguments(kwargs)).arguments
            uses.append(Use(self, given.get("x"), given.get("y")))
        return inherited(self, *args, **kwargs)

    return method


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
    """Yield the caller's callbacks (None, one, a list or a CallbackList) and one more; the caller's do not change."""
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
