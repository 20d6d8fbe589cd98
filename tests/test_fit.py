import numpy as np
import pytest
from snakeras import fit

pytestmark = pytest.mark.slow


@pytest.fixture
def network() -> object:
    import keras

    network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse", metrics=["mae"])
    return network


X, Y = np.ones((8, 2)), np.zeros((8, 1))


def test_curves_are_recorded_per_fit_and_epoch(network: object) -> None:
    with fit.recorded() as fits:
        first = network.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
        second = network.fit(X, Y, 4, 2, verbose=0)
    assert [call.metrics for call in fits.calls] == [first.history, second.history]
    assert [call.trained for call in fits.calls] == [3, 2]
    assert fits.model is network
    assert fits.overridden is None


@pytest.mark.parametrize("arguments", [{}, {"epochs": 5}, {"epochs": 9, "initial_epoch": 7}])
def test_epochs_are_overridden_in_every_fit(network: object, arguments: dict) -> None:
    with fit.recorded(epochs=2) as fits:
        history = network.fit(X, Y, verbose=0, **arguments)
    assert len(history.history["loss"]) == fits.calls[0].trained == 2


def test_the_callers_callbacks_still_run_and_are_left_alone(network: object) -> None:
    import keras

    epochs = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    for callbacks in ([callback], callback, keras.callbacks.CallbackList([callback], model=network)):
        epochs.clear()
        with fit.recorded() as fits:
            network.fit(X, Y, epochs=2, callbacks=callbacks, verbose=0)
        assert epochs == [0, 1]
        assert fits.calls[0].trained == 2
        if isinstance(callbacks, list):
            assert callbacks == [callback]


def test_the_hook_is_gone_after_the_block(network: object) -> None:
    import keras

    before = keras.Model.fit
    with pytest.raises(KeyError), fit.recorded():
        assert keras.Model.fit is not before
        raise KeyError
    assert keras.Model.fit is before


def test_after_is_called_with_the_trained_model(network: object) -> None:
    seen = []
    with fit.recorded(after=seen.append):
        network.fit(X, Y, verbose=0)
    assert seen == [network]


def test_a_failure_under_foreign_epochs_says_what_to_do() -> None:
    own, foreign = fit.Fits([fit.Fit(2, 2)]), fit.Fits([fit.Fit(2, 1)])
    error = "IndexError: list index out of range"
    assert own.reason(error) == error
    assert "asks for 2 epochs and was told to train 1" in foreign.reason(error)
    assert "set search.epochs" in foreign.reason(error)


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
    assert fit.last_accuracy([{"metrics": metrics}]) == accuracy
