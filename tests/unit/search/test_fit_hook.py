import contextlib

import numpy as np
import pytest
from snakeras.model_file.keras_legacy import old_names
from snakeras.search import fit_hook

pytestmark = pytest.mark.slow


@pytest.fixture
def network() -> object:
    import keras

    network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", metrics=["mae"])
    return network


X, Y = np.ones((8, 2)), np.zeros((8, 1))


def test_curves_are_recorded_per_fit_and_epoch(network: object) -> None:
    with fit_hook.recorded() as fits:
        first = network.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
        second = network.fit(X, Y, 4, 2, verbose=0)
    assert [call.metrics for call in fits.calls] == [first.history, second.history]
    assert [call.trained for call in fits.calls] == [3, 2]
    assert fits.model is network
    assert fits.reason("an error") == "an error"


@pytest.mark.parametrize("arguments", [{}, {"epochs": 5}, {"epochs": 9, "initial_epoch": 7}])
def test_epochs_are_overridden_in_every_fit(network: object, arguments: dict) -> None:
    with fit_hook.recorded(epochs=2) as fits:
        history = network.fit(X, Y, verbose=0, **arguments)
    assert len(history.history["loss"]) == fits.calls[0].trained == 2


def test_the_callers_callbacks_still_run_and_are_left_alone(network: object) -> None:
    import keras

    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    for callbacks in ([callback], callback, keras.callbacks.CallbackList([callback], model=network)):
        epochs.clear()
        with fit_hook.recorded() as fits:
            network.fit(X, Y, epochs=2, callbacks=callbacks, verbose=0)
        assert epochs == [0, 1]
        assert fits.calls[0].trained == 2
        if isinstance(callbacks, list):
            assert callbacks == [callback]


def test_the_hook_is_gone_after_the_block(network: object) -> None:
    import keras

    before = keras.Model.fit
    with pytest.raises(KeyError), fit_hook.recorded():
        assert keras.Model.fit is not before
        raise KeyError
    assert keras.Model.fit is before


def test_the_arguments_keep_their_names_for_whoever_reads_them() -> None:
    import inspect

    import keras

    names = ("fit", "evaluate", "predict")
    before = [inspect.signature(getattr(keras.Model, name)) for name in names]
    for within in (contextlib.nullcontext(), old_names.old_names()):
        with within, fit_hook.recorded(is_final=True):
            assert [inspect.signature(getattr(keras.Model, name)) for name in names] == before


def test_what_a_final_model_is_used_on_is_noted_but_not_what_keras_does_in_a_fit(network: object) -> None:
    other = X * 2
    with fit_hook.recorded(is_final=True) as fits:
        network.fit(X, Y, validation_data=(other, Y), verbose=0)
        network.fit(X, Y, validation_split=0.5, verbose=0)
        network.evaluate(other, Y, verbose=0)
        network.predict(X, verbose=0)
        network.test_on_batch(x=X, y=Y)
    assert [id(use.x) for use in fits.uses] == list(map(id, [other, other, X, X]))
    assert [use.y is None for use in fits.uses] == [False, False, True, False]
    assert (fits.x is X, fits.y is Y, fits.validation_data) == (True, True, None)
    with fit_hook.recorded() as fits:
        network.evaluate(other, Y, verbose=0)
    assert fits.uses == []


def test_the_weights_kept_are_those_at_the_end_of_the_last_fit(network: object) -> None:
    with fit_hook.recorded(is_final=True) as fits:
        network.fit(X, Y, verbose=0)
        network.fit(X, Y, verbose=0)
        trained = network.get_weights()
        network.set_weights([np.zeros_like(weight) for weight in trained])
    assert all(map(np.array_equal, fits.weights, trained))
    with fit_hook.recorded() as fits:
        network.fit(X, Y, verbose=0)
    assert fits.weights is None


def test_a_callback_that_keeps_the_best_epoch_decides_what_is_kept(network: object) -> None:
    import keras

    weights = {}

    class Spoiled(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict) -> None:
            logs["val_mae"] = [3.0, 1.0, 2.0][epoch]
            weights[epoch] = self.model.get_weights()

    keep = keras.callbacks.EarlyStopping("val_mae", mode="min", patience=9, restore_best_weights=True)
    with fit_hook.recorded(is_final=True) as fits:
        network.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[Spoiled(), keep])
    assert fits.calls[0].trained == 3
    assert all(map(np.array_equal, fits.weights, weights[1]))
    assert all(map(np.array_equal, fits.model.get_weights(), weights[1]))
    assert not all(map(np.array_equal, weights[1], weights[2]))


def test_a_failure_under_foreign_epochs_says_what_to_do() -> None:
    own, foreign = fit_hook.Fits([fit_hook.Fit(2, 2)]), fit_hook.Fits([fit_hook.Fit(2, 1)])
    error = "IndexError: list index out of range"
    assert own.reason(error) == error
    assert "asks for 2 epochs and was told to train 1" in foreign.reason(error)
    assert "set search.epochs" in foreign.reason(error)


def trained(batch_size: int, callbacks: list = (), epochs: int = 24) -> tuple[int, list]:
    """Steps in one call of TensorFlow, and all that a training, an evaluation and a prediction give."""
    import keras

    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    x, y = rng.random((205, 4)), rng.random((205, 1))
    network = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dropout(0.3), keras.layers.Dense(1)])
    network.compile("adam", "mse", metrics=["mae"])
    with fit_hook.recorded() as fits:
        network.fit(x, y, batch_size=batch_size, epochs=epochs, validation_split=0.2, callbacks=[*callbacks], verbose=0)
    outcome = [fits.calls[0].metrics, network.evaluate(x, y, verbose=0), network.predict(x, verbose=0).tolist()]
    return network.steps_per_execution, [*outcome, [weight.tolist() for weight in network.get_weights()]]


def test_steps_at_once_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, outcome = trained(batch_size=2)
    assert steps == fit_hook.STEPS_AT_ONCE
    monkeypatch.setattr(fit_hook, "MANY_STEPS", 10**9)
    assert trained(batch_size=2) == (1, outcome)


def test_steps_stay_apart_where_a_callback_acts_between_them_or_it_does_not_pay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import keras

    monkeypatch.setattr(fit_hook, "MANY_STEPS", 300)

    class BetweenSteps(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            pass

    assert trained(2, [BetweenSteps()], epochs=3)[0] == 1
    assert trained(32, epochs=50)[0] == 1
    assert trained(2, epochs=2)[0] == 1
    assert trained(2, [keras.callbacks.EarlyStopping(patience=99)], epochs=3)[0] == fit_hook.STEPS_AT_ONCE


def test_a_metric_of_some_epochs_keeps_its_places() -> None:
    call = fit_hook.Fit(4, 4)
    for logs in ({"loss": 4.0}, {"loss": 3.0, "val_loss": 3.5}, {"loss": 2.0}, {"loss": 1.0, "val_loss": 1.5}):
        call.add(logs)
    assert fit_hook.Fits([call]).as_json()["fits"] == [
        {"epochs": 4, "metrics": {"loss": [4.0, 3.0, 2.0, 1.0], "val_loss": [None, 3.5, None, 1.5]}}
    ]


def test_the_pruner_is_asked_after_each_epoch_of_the_first_fit_but_its_last(network: object) -> None:
    asked = []

    class Pruner:
        def stop(self, metrics: dict) -> None:
            asked.append(len(metrics["loss"]))

        def check(self, metrics: dict) -> None:
            asked.append("end")

    with fit_hook.recorded(pruner=Pruner()):
        network.fit(X, Y, epochs=3, verbose=0)
        network.fit(X, Y, epochs=3, verbose=0)
    assert asked == [1, 2, "end"]


@pytest.mark.parametrize(
    ("metrics", "accuracy"),
    [
        ({"val_accuracy": [0.1, 0.2]}, 0.2),
        ({"acc": [0.9], "val_acc": [0.3]}, 0.3),
        ({"val_sparse_categorical_accuracy": [0.4]}, 0.4),
        ({"loss": [1.0], "val_loss": [1.0], "accuracy": [0.5]}, None),
        ({}, None),
    ],
)
def test_last_accuracy(metrics: dict, accuracy: float | None) -> None:
    assert fit_hook.last_accuracy([{"metrics": metrics}]) == accuracy
