from pathlib import Path

import numpy as np
import pytest
from snakeras.model_file import saved_files

pytestmark = pytest.mark.slow


@pytest.fixture
def network() -> object:
    import keras

    network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    return network


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def test_what_is_saved_under_a_relative_path_is_found_again_but_not_in_the_working_directory(
    elsewhere: Path, network: object
) -> None:
    import keras
    import tensorflow as tf

    x, y = np.ones((8, 2)), np.zeros((8, 1))
    with saved_files.kept_in(elsewhere / "own"):
        best = keras.callbacks.ModelCheckpoint("best/one.weights.h5", save_weights_only=True)
        network.fit(x, y, epochs=2, callbacks=[best], verbose=0)
        trained = network.get_weights()
        network.save(filepath="whole.keras")
        network.set_weights([0 * weight for weight in trained])
        network.load_weights("best/one.weights.h5")
        for load in (keras.models.load_model, tf.keras.models.load_model, keras.saving.load_model):
            assert np.array_equal(load("whole.keras").get_weights()[0], trained[0])
    assert np.array_equal(network.get_weights()[0], trained[0])
    # Keras itself makes a checkpoint's folder.
    assert [path for path in Path().rglob("*") if path.is_file()] == []
    assert sorted(path.name for path in (elsewhere / "own").rglob("*.*")) == ["one.weights.h5", "whole.keras"]


@pytest.mark.parametrize("asked", [(), ("logs",), ("./logs",)])
def test_the_logs_of_tensorboard_go_there_too_even_under_their_default_path(elsewhere: Path, asked: tuple) -> None:
    import keras

    with saved_files.kept_in(elsewhere / "own"):
        assert keras.callbacks.TensorBoard(*asked).log_dir == str(elsewhere / "own" / "logs")
        assert keras.callbacks.TensorBoard(str(elsewhere / "logs")).log_dir == str(elsewhere / "logs")


def test_other_files_are_read_where_they_are(elsewhere: Path, network: object) -> None:
    import keras

    network.save("mine.keras")
    network.save_weights(elsewhere / "far.weights.h5")
    with saved_files.kept_in(elsewhere / "own"):
        assert keras.models.load_model("mine.keras").count_params() == 3
        network.load_weights(elsewhere / "far.weights.h5")
        network.save(str(elsewhere / "absolute.keras"))
    assert (elsewhere / "absolute.keras").exists()
    assert not (elsewhere / "own").exists()


def test_keras_is_left_as_it_was(elsewhere: Path) -> None:
    import keras

    def state() -> list:
        return [
            keras.Model.save,
            vars(keras.Model).get("load_weights"),
            keras.models.load_model,
            keras.saving.save_model,
        ]

    before = state()
    with pytest.raises(KeyError), saved_files.kept_in(elsewhere / "own"):
        assert state() != before
        raise KeyError
    assert state() == before
