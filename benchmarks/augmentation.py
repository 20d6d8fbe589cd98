"""Measure what turning and stretching the images costs of an epoch of models/mnist_deep.py."""

import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

IMAGES, BATCH, ROUNDS = 12_800, 128, 5
MODEL_FILE = Path(__file__).parents[1] / "models" / "mnist_deep.py"


def network() -> keras.Model:
    """Return a network as the model file makes it with kernel 3, 32 filters and 3 blocks."""
    layers, x = keras.layers, keras.Input((28, 28, 1))
    inputs = x
    for filters in (32, 64):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, activation="relu")(x)
        x = layers.Conv2D(filters, 5, padding="same", strides=2, use_bias=False)(x)
        x = layers.Dropout(0.3)(layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x)))
    x = layers.Flatten()(layers.Conv2D(128, x.shape[1], activation="relu")(x))
    model = keras.Model(inputs, layers.Dense(10, "softmax", dtype="float32")(x))
    model.compile(keras.optimizers.AdamW(), "categorical_crossentropy", metrics=["accuracy"])
    return model


def stream(warp: object) -> tf.data.Dataset:
    """Return endless batches of random images and labels, changed by ``warp``."""
    generator = np.random.default_rng(0)
    x = tf.constant(generator.random((IMAGES, 28, 28, 1), dtype="float32"))
    y = tf.one_hot(generator.integers(10, size=IMAGES), 10)
    rows = tf.data.Dataset.range(IMAGES).shuffle(IMAGES, seed=0).batch(BATCH, drop_remainder=True)
    data = tf.data.Dataset.zip(rows.repeat(), tf.data.Dataset.counter())
    return data.map(
        lambda row, step: (warp(tf.gather(x, row), step), tf.gather(y, row)), num_parallel_calls=1
    ).prefetch(2)


def main() -> None:
    """Print the share of an epoch's time, by the wall and by the CPU: median of alternating epochs."""
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    names: dict = {"tf": tf, "keras": keras}
    exec(
        MODEL_FILE.read_text().split("def train_model")[0].replace("from hyperas", "#").replace("from hyperopt", "#"),
        names,
    )
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        model = network()
        kinds = {
            "plain": stream(lambda images, step: images),
            "warped": stream(lambda images, step: names["warped"](images, step, 0.22, 0.15, 0.13, 2.5)),
        }
        taken: dict = {kind: [] for kind in kinds}
        for number in range(ROUNDS + 1):
            for kind, data in kinds.items():
                before = time.perf_counter(), time.process_time()
                model.fit(data, steps_per_epoch=IMAGES // BATCH, verbose=0)
                if number:  # the first has TensorFlow's tracing
                    taken[kind].append((time.perf_counter() - before[0], time.process_time() - before[1]))
        for place, name in enumerate(("wall time", "CPU time")):
            plain, warped = (statistics.median(times[place] for times in taken[kind]) for kind in ("plain", "warped"))
            print(
                f"{policy}: {1 - plain / warped:.1%} of an epoch's {name} ({plain:.2f} s without, {warped:.2f} s with)"
            )


if __name__ == "__main__":
    main()
