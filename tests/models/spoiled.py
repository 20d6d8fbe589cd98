"""A Hyperas file that checks what it is given, and spoils its model after the last fit."""

from hyperas.distributions import choice
from hyperopt import STATUS_OK


def model(x_train, y_train, x_test, y_test):
    from tensorflow import keras

    size = {{choice([3000, 4000])}}
    # 4,000 training digits of which 1,000 are held out; the 1,000 test digits have other pixels.
    assert len(x_train) == size
    assert abs(float(x_test.sum()) - SUM) < 1
    network = keras.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    history = network.fit(x_train, y_train, batch_size=20, epochs=1, validation_data=(x_test, y_test))
    network.set_weights([0 * weight for weight in network.get_weights()])
    return {"loss": -history.history["val_accuracy"][7], "status": STATUS_OK}
