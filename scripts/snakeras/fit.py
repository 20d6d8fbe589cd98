"""The hook on ``Model.fit``: any Hyperas file yields its curves per epoch without a line changed."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from snakeras.errors import one_line


@dataclass
class Fit:
    """One call of ``fit``: what the script asked for and what came of it."""

    script_epochs: int  # the epochs that the script named
    epochs: int  # the epochs that it was told to train
    metrics: dict[str, list[float]] = field(default_factory=dict)  # a value per finished epoch
    finished: bool = False  # fit came back, and did not raise

    @property
    def trained(self) -> int:
        """How many epochs were finished."""
        return max(map(len, self.metrics.values()), default=0)

    def as_json(self) -> dict:
        """As it stands in a trial's JSON file."""
        return {"epochs": self.trained, "metrics": self.metrics}


@dataclass
class Fits:
    """All calls of ``fit`` in one run of a model function, and the model of the last of them."""

    calls: list[Fit] = field(default_factory=list)
    model: object | None = None
    validation_data: object | None = None  # what the last of them was given

    @property
    def overridden(self) -> Fit | None:
        """The first call whose epochs were not the script's own."""
        return next((call for call in self.calls if call.epochs != call.script_epochs), None)

    def reason(self, error: BaseException) -> str:
        """One line on why the model function failed."""
        text = one_line(error)
        if call := self.overridden:
            text += (
                f" (the script asks for {call.script_epochs} epochs and was told to train {call.epochs}; if it cannot "
                "live with another number than its own, set search.epochs and final.epochs to null)"
            )
        return text


@contextmanager
def recorded(epochs: int | None = None, after: Callable[[object], None] = lambda model: None) -> Iterator[Fits]:
    """Record every ``keras.Model.fit`` inside the block.

    Parameters
    ----------
    epochs
        How many epochs each fit trains; None leaves it to the script.
    after
        Called with the model after each fit.
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
            for name, value in (logs or {}).items():
                self.call.metrics.setdefault(name, []).append(float(value))

    def fit(self: object, *args: object, **kwargs: object) -> object:
        bound = signature.bind(self, *args, **kwargs)
        start = bound.arguments.get("initial_epoch", 0)
        # Keras counts epochs from the first ever; what is meant is how many this call trains.
        asked = bound.arguments.get("epochs", 1)
        if epochs is not None:
            bound.arguments["epochs"] = start + epochs
        # A line per epoch: what it prints goes to a file, where a moving bar is unreadable.
        bound.arguments.setdefault("verbose", 2)
        call = Fit(script_epochs=asked - start, epochs=bound.arguments.get("epochs", 1) - start)
        fits.calls.append(call)
        fits.model, fits.validation_data = self, bound.arguments.get("validation_data")
        with _with(bound.arguments.get("callbacks"), Curve(call)) as bound.arguments["callbacks"]:
            history = inherited(*bound.args, **bound.kwargs)
        call.finished = True
        after(self)
        return history

    # Model inherits fit: the hook stands in Model itself and goes when the block ends.
    keras.Model.fit = fit
    try:
        yield fits
    finally:
        del keras.Model.fit


@contextmanager
def _with(callbacks: object, extra: object) -> Iterator[object]:
    """The caller's callbacks (None, one, a list or a CallbackList) and one more; the caller's stay as they are."""
    import keras

    if not isinstance(callbacks, keras.callbacks.CallbackList):
        given = callbacks if isinstance(callbacks, list | tuple) else [callbacks] if callbacks else []
        yield [*given, extra]
        return
    # Keras takes such a list as it is, and no other can be made of it without running each callback's set-up again.
    callbacks.callbacks.append(extra)
    try:
        yield callbacks
    finally:
        callbacks.callbacks.remove(extra)


def last_accuracy(fits: list[dict]) -> float | None:
    """Validation accuracy after the last epoch of the last fit; None where the model reports none.

    Parameters
    ----------
    fits
        As in a trial's JSON file: dicts with ``metrics``.
    """
    for call in reversed(fits):
        for name, values in call["metrics"].items():
            if name.startswith("val_") and name.endswith(("accuracy", "_acc")) and values:
                return values[-1]
    return None
