"""A small convolutional network for MNIST with nine hyperparameters, written for Hyperas."""

from hyperas.distributions import quniform, uniform
from hyperopt import STATUS_OK


def train_model(X_train, Y_train, X_test, Y_test):
    from tensorflow import keras

    f1 = {{quniform(8, 64, 4)}}  # filters, kernel size and dropout of the first convolution
    k1 = {{quniform(3, 10, 1)}}
    d1 = {{uniform(0, 1)}}
    f2 = {{quniform(8, 128, 4)}}  # and of the second
    k2 = {{quniform(3, 10, 1)}}
    d2 = {{uniform(0, 1)}}
    dense = {{quniform(8, 128, 4)}}  # units and dropout of the hidden layer
    d3 = {{uniform(0, 1)}}
    batch_size = {{quniform(10, 1000, 10)}}

    model = keras.models.Sequential(
        [
            keras.layers.Input((28, 28, 1)),
            keras.layers.Conv2D(int(f1), int(k1), activation="relu", padding="same"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Dropout(d1),
            keras.layers.Conv2D(int(f2), int(k2), activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Dropout(d2),
            keras.layers.Flatten(),
            keras.layers.Dense(int(dense), activation="relu"),
            keras.layers.Dropout(d3),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )

    class FallingRate(keras.callbacks.Callback):
        """Lower Adam's learning rate from epoch to epoch: small batches at its full rate end anywhere near the best."""

        def on_epoch_begin(self, epoch, logs=None):
            self.model.optimizer.learning_rate = 0.001 * (1 - epoch / self.params["epochs"])

    model.compile(optimizer=keras.optimizers.Adam(), loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        X_train,
        Y_train,
        epochs=2,
        batch_size=int(batch_size),
        validation_data=(X_test, Y_test),
        callbacks=[FallingRate()],
    )
    loss, accuracy = model.evaluate(X_test, Y_test, verbose=0)
    return {"loss": -accuracy, "status": STATUS_OK}
