"""A deeper convolutional network for MNIST, written for Hyperas: its depth is a hyperparameter too.

Batch normalization, strides in place of pooling, images that are turned and stretched at random, and a callback that
keeps the best epoch.
"""

import math

import tensorflow as tf
from hyperas.distributions import choice, loguniform, uniform
from hyperopt import STATUS_OK
from tensorflow import keras


class OneCycle(keras.callbacks.Callback):
    """Raise the learning rate from nothing to ``highest`` in a fifth of the steps, then lower it to nothing."""

    def __init__(self, highest):
        super().__init__()
        self.highest = highest

    def on_train_begin(self, logs=None):
        self.steps, self.step = self.params["epochs"] * self.params["steps"], 0

    def on_train_batch_begin(self, batch, logs=None):
        done = self.step / self.steps
        rising, falling = done / 0.2, (1 + math.cos(math.pi * (done - 0.2) / 0.8)) / 2
        self.model.optimizer.learning_rate = self.highest * min(rising, falling if done > 0.2 else 1)
        self.step += 1


def warped(images, step, turn, shear, stretch, shift):
    """Return images of shape (n, 28, 28, 1), each turned (rad), sheared, stretched and shifted (pixels) by up to so much.

    The draws depend on the number of the step alone.
    """
    count, middle = tf.shape(images)[0], (images.shape[1] - 1) / 2
    draws = tf.unstack(tf.random.stateless_uniform((6, count), seed=[step, 0], minval=-1.0, maxval=1.0))
    angle, skew = turn * draws[0], shear * draws[1]
    width, height = tf.exp(math.log(1 + stretch) * draws[2]), tf.exp(math.log(1 + stretch) * draws[3])
    a, b = width * tf.cos(angle), width * (skew * tf.cos(angle) - tf.sin(angle))
    c, d = height * tf.sin(angle), height * (skew * tf.sin(angle) + tf.cos(angle))
    left, top = middle * (1 - a - b) + shift * draws[4], middle * (1 - c - d) + shift * draws[5]
    none = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, left, c, d, top, none, none], axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
    )


def train_model(X_train, Y_train, X_test, Y_test):
    kernel = {{choice([3, 5, 7])}}
    convolutions = {{choice([1, 2])}}  # in a block, before the one that halves the image
    filters = {{choice([16, 32, 48])}}  # of the first block, twice as many in the second
    blocks = {{choice([2, 3])}}
    dropout = {{uniform(0.1, 0.5)}}
    turn = {{uniform(0, 0.4)}}
    shear = {{uniform(0, 0.3)}}
    stretch = {{uniform(0, 0.25)}}
    shift = {{uniform(0, 4)}}
    rate = {{loguniform(-7.5, -5)}}
    decay = {{loguniform(-9, -4)}}
    batch_size = {{choice([64, 128, 256])}}

    def normalized(x):
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        return keras.layers.Dropout(dropout)(keras.layers.ReLU()(x))

    images = x = keras.layers.Input(X_train.shape[1:])
    for block in range(2):
        for _ in range(convolutions):
            padding = "valid" if x.shape[1] > kernel else "same"
            x = keras.layers.Conv2D(filters * 2**block, kernel, padding=padding, activation="relu")(x)
        x = normalized(keras.layers.Conv2D(filters * 2**block, 5, padding="same", strides=2, use_bias=False)(x))
    if blocks == 3:
        # A template in a branch: a trial that does not take it does not have it.
        last = {{choice([64, 128, 192])}}
        x = normalized(keras.layers.Conv2D(last, x.shape[1], use_bias=False)(x))
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(Y_train.shape[1], activation="softmax", dtype="float32")(x)
    model = keras.models.Model(images, outputs)
    model.compile(
        optimizer=keras.optimizers.AdamW(weight_decay=decay),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.05),
        metrics=["accuracy"],
    )

    # One endless stream, so that no two epochs turn the images alike.
    x, y = tf.constant(X_train), tf.constant(Y_train)
    rows = tf.data.Dataset.range(len(X_train)).shuffle(len(X_train), seed=0).batch(batch_size, drop_remainder=True)
    data = tf.data.Dataset.zip(rows.repeat(), tf.data.Dataset.counter())
    data = data.map(
        lambda row, step: (warped(tf.gather(x, row), step, turn, shear, stretch, shift), tf.gather(y, row)),
        num_parallel_calls=1,
    ).prefetch(2)
    # With autotune on, fit may wait for seconds at its end: the tuner of an endless stream sleeps before it stops.
    options = tf.data.Options()
    options.autotune.enabled = False
    model.fit(
        data.with_options(options),
        epochs=20,
        steps_per_epoch=len(X_train) // batch_size,
        validation_data=(X_test, Y_test),
        validation_batch_size=1000,
        callbacks=[
            OneCycle(rate),
            # It never stops the training, but puts back the best of all epochs at its end: by the loss, because many
            # good epochs have the same accuracy.
            keras.callbacks.EarlyStopping("val_loss", patience=1000, restore_best_weights=True),
        ],
    )
    loss, accuracy = model.evaluate(X_test, Y_test, batch_size=1000, verbose=0)
    return {"loss": -accuracy, "status": STATUS_OK, "model": model}
