import inspect
from pathlib import Path

import numpy as np
import pytest
from old_script import MARKS, TWO, Script
from snakeras.model_file.keras_legacy import models, old_names

pytestmark = MARKS


def test_optimizers(script: Script) -> None:
    names, texts = script("""
import keras
from keras import backend as K
sgd = keras.optimizers.SGD(lr=0.1, decay=0.5, momentum=0.9, nesterov=True)
model = network()
model.compile(loss="mse", optimizer=sgd)
model.fit(X, Y, batch_size=10, verbose=0)
decayed = float(sgd.learning_rate)
model.fit(X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.3)])
base = float(K.get_value(sgd.lr))
model.save("decay.keras")
loaded = keras.models.load_model("decay.keras").optimizer.get_config()["learning_rate"]["config"]
adam = keras.optimizers.Adam(lr=0.1, epsilon=None, decay=0.0)
adam.lr = 0.3
set_by_name = float(adam.learning_rate)
K.set_value(adam.lr, 0.2)
keras.optimizers.Nadam(lr=0.002, schedule_decay=0.004)
""")
    assert names["decayed"] == pytest.approx(0.1 / (1 + 0.5 * 2))
    assert names["base"] == names["loaded"]["initial_learning_rate"] == pytest.approx(0.3)
    assert names["set_by_name"] == pytest.approx(0.3)
    assert float(names["adam"].learning_rate) == pytest.approx(0.2)
    assert names["adam"].epsilon == 1e-7
    assert {"lr is learning_rate today", "optimizer.lr is optimizer.learning_rate today"} <= set(texts)
    assert "decay is keras.optimizers.schedules.InverseTimeDecay(learning_rate, 1, decay) today" in texts


def test_a_learning_rate_that_nobody_named_and_that_is_another_today(script: Script) -> None:
    _, texts = script("""
import keras
model = Sequential([Dense(1, input_dim=3)])
model.compile("adadelta", "mse")
keras.optimizers.Adagrad(lr=0.1), keras.optimizers.Nadam(0.1), keras.optimizers.Adam()
""")
    assert [text for text in texts if "was" in text] == [
        "the learning rate of Adadelta() was 1.0 in Keras 2 without TensorFlow"
    ]


def test_fit_and_its_relatives(script: Script) -> None:
    names, texts = script("""
model = network(metrics="accuracy", class_mode="categorical")
fit = model.fit(X, Y, nb_epoch=2, verbose=0, workers=2, validation_data=[X, Y])
shown = network(metrics=None)
shown.fit(X, Y, nb_epoch=1, show_accuracy=True, verbose=0)
score, accuracy = shown.evaluate(X, Y, show_accuracy=True, verbose=0)
classes, proba = model.predict_classes(X, verbose=0), model.predict_proba(X, verbose=0)
by_name = model.evaluate(X, Y, verbose=0, return_dict=True)["acc"]
other = network(metrics=["acc"]).fit(X, Y, epochs=1, verbose=0)
strange = network(metrics=["kld", "cosine_proximity", "logcosh", "mse"]).fit(X, Y, epochs=1, verbose=0)
""")
    history = names["fit"].history
    assert history["acc"] is history["accuracy"] and history.get("val_acc") is history["val_accuracy"]
    assert len(history["acc"]) == 2 and "acc" in history and "loss" in history and "auc" not in history
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"] and history.get("auc", 1) == 1
    with pytest.raises(KeyError, match="auc"):
        history["auc"]
    assert names["other"].history["accuracy"] is names["other"].history["acc"]
    assert names["strange"].history["mean_squared_error"] is names["strange"].history["mse"]
    assert np.array_equal(names["classes"], names["proba"].argmax(-1))
    assert 0 <= names["by_name"] <= 1
    assert {"nb_epoch is epochs today", "workers is no argument today and is left out"} <= set(texts)
    assert "the metric 'acc' is 'accuracy' here" in texts
    assert "metrics='accuracy' is metrics=['accuracy'] today" in texts


def test_generators(script: Script) -> None:
    names, texts = script("""
model = network()
count = []
def counted():
    for x, y in batches():
        count.append(1)
        yield x, y
first = model.fit_generator(batches(), samples_per_epoch=20, nb_epoch=2, verbose=0,
                            validation_data=batches(), nb_val_samples=10)
second = model.fit_generator(batches(), steps_per_epoch=4, epochs=3, verbose=0, validation_data=(X, Y), workers=2)
third = model.fit_generator(batches(), 4, 1, 0, [TerminateOnNaN()], (X, Y))
scores = model.evaluate_generator(batches(), steps=2), model.evaluate_generator(batches(), val_samples=10)
predicted = model.predict_generator(batches(), steps=3)
a, b = Input((8,)), Input((8,))
two = Model([a, b], Dense(3)(Concatenate()([a, b])))
two.compile("sgd", "mse")
pairs = lambda: (([x, x], y) for x, y in batches())
two.fit_generator(pairs(), steps_per_epoch=2, verbose=0)
two.fit(pairs(), steps_per_epoch=2, verbose=0)
from keras.preprocessing.image import ImageDataGenerator
images = Sequential([Input((8, 8, 1)), Flatten(), Dense(3)])
images.compile("sgd", "mse")
flow = ImageDataGenerator().flow(np.ones((20, 8, 8, 1)), Y, batch_size=5)
images.fit_generator(flow, samples_per_epoch=20, nb_epoch=1, verbose=0)
""")
    assert [len(names[key].history["val_acc"]) for key in ("first", "second", "third")] == [2, 3, 1]
    assert names["scores"][0] == pytest.approx(names["scores"][1])
    assert names["predicted"].shape == (15, 3)
    assert int(names["model"].optimizer.iterations) == 4 * (2 + 3 + 1)
    assert int(names["images"].optimizer.iterations) == 4
    assert "fit_generator is fit today" in texts


def test_lists_of_numbers_are_arrays(script: Script) -> None:
    names, _ = script(
        TWO
        + """
plain = Sequential([Input((8,)), Dense(1)])
plain.compile("sgd", "mse")
x, rows = X.tolist(), list(y)
history = plain.fit(x, y.tolist(), validation_data=(x, rows), sample_weight=[1.0] * 20, verbose=0).history
same = [plain.evaluate(*data, verbose=0) for data in ((X, y), (x, rows), (X, tuple(rows)))]
predicted = plain.predict(x, verbose=0), plain.predict_on_batch(x)
on_batch = plain.test_on_batch(x, rows), plain.test_on_batch(X, y)
more = Input((2,))
pair = Model([inputs, more], [Dense(1)(inputs), Dense(3)(more)])
pair.compile("sgd", "mse")
lists = [x, X[:, :2].tolist()], [rows, Y.tolist()]
pair.fit(*lists, validation_data=lists, verbose=0)
losses = pair.evaluate(*lists, verbose=0), pair.evaluate([X, X[:, :2]], [y, Y], verbose=0)
"""
    )
    assert len(names["history"]["val_loss"]) == 1
    assert names["same"] == pytest.approx([names["same"][0]] * 3)
    assert np.allclose(*names["predicted"])
    assert names["on_batch"][0] == pytest.approx(names["on_batch"][1])
    assert names["losses"][0] == pytest.approx(names["losses"][1])


def test_a_sequence_may_give_lists(script: Script) -> None:
    names, _ = script(
        TWO
        + """
from keras.utils import Sequence
class Batches(Sequence):
    def __init__(self, give):
        self.give = give
    def __len__(self):
        return 4
    def __getitem__(self, index):
        return self.give(slice(5 * index, 5 * index + 5))
model = two(loss="mse")
count = Sequential([Input((8,)), Dense(1)])
count.compile("sgd", "mse", metrics=[lambda t, p: t - p])
losses = [model.evaluate(Batches(give), verbose=0)[0] for give in (
    lambda at: (X[at], [y[at], Y[at]]), lambda at: [X[at].tolist(), [y[at].tolist(), Y[at].tolist()]],
    lambda at: (X[at].astype("float64"), (y[at], Y[at])))]
model.fit_generator(Batches(lambda at: (X[at], [y[at], Y[at]])), epochs=1, verbose=0)
count.fit(Batches(lambda at: [X[at].astype("float64"), y[at].tolist()]), verbose=0)
shape = count.predict(Batches(lambda at: X[at]), verbose=0).shape
"""
    )
    assert names["losses"] == pytest.approx([names["losses"][0]] * 3)
    assert names["shape"] == (20, 1)


def test_tables_of_several_types(script: Script) -> None:
    names, _ = script("""
import pandas as pd
table = pd.DataFrame(X[:, :7])
table["flag"] = np.arange(20) % 2 == 0
model = network()
for data in (table, table.values):
    model.fit(data, pd.get_dummies(np.arange(20) % 3), validation_data=(data, Y), verbose=0)
    try:
        model.fit(pd.DataFrame([["a"] * 8] * 20), Y, verbose=0)
    except ValueError as error:
        refused = error
""")
    assert names["refused"]


def test_a_hook_on_fit_inside_the_block_gets_todays_arguments(script: Script) -> None:
    import keras

    inherited = keras.Model.fit
    signature = inspect.signature(inherited)
    assert "epochs" in signature.parameters and "kwargs" not in signature.parameters
    asked = []

    def fit(self: object, *args: object, **kwargs: object) -> object:
        bound = signature.bind(self, *args, **models.translated_fit_arguments(kwargs, self))
        asked.append(bound.arguments["epochs"])
        return inherited(*bound.args, **bound.kwargs)

    keras.Model.fit = fit
    try:
        names, texts = script("""
model = network(metrics=None)
first = model.fit(X, Y, nb_epoch=2, show_accuracy=True, verbose=0)
second = model.fit_generator(batches(), samples_per_epoch=10, nb_epoch=3, verbose=0)
""")
    finally:
        del keras.Model.fit
    assert asked == [2, 3]
    assert len(names["first"].history["acc"]) == 2
    assert "nb_epoch is epochs today" in texts
    assert keras.Model.fit is inherited


def test_translated_fit_arguments_leave_the_given_ones_alone(script: Script) -> None:
    given = {"nb_epoch": 3, "workers": 2, "verbose": 0}
    assert models.translated_fit_arguments(given) == {"epochs": 3, "verbose": 0}
    assert given == {"nb_epoch": 3, "workers": 2, "verbose": 0}


def test_what_is_saved_is_found_again(script: Script) -> None:
    _, texts = script("""
from keras.models import load_model
import keras
model = network()
points = [ModelCheckpoint("a.hdf5", period=2), ModelCheckpoint("b.h5", save_weights_only=True), ModelCheckpoint("c"),
          ModelCheckpoint("d", save_weights_only=True), ModelCheckpoint("e.weights.h5", save_best_only=True),
          ModelCheckpoint("odd-{epoch}.h5", period=2)]
model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=points)
model.save_weights("f.h5", save_format="h5")
model.save_weights("g.hdf5")
model.save("h.hdf5", save_format="h5")
model.save("i")
keras.models.save_model(model, "j.h5")
model.save("k.keras")
for path in ("b.h5", "c", "d", "e.weights.h5", "f.h5", "g.hdf5", "h.hdf5", "i", "j.h5", "k.keras"):
    other = network()
    other.load_weights(path)
    assert np.allclose(other.predict(X, verbose=0), model.predict(X, verbose=0)), path
for path in ("c", "h.hdf5", "i", "j.h5", "k.keras"):
    loaded = load_model(path)
    assert loaded.optimizer.name.startswith("adam"), path
    assert np.allclose(loaded.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0)), path
load_model("a.hdf5")
model.compile("sgd", "mse", metrics=["mae"])
model.save("mse.h5")
load_model("mse.h5").evaluate(X, Y, verbose=0)
""")
    assert sorted(path.name for path in Path().glob("odd-*")) == ["odd-2.h5"]
    assert "the path of a saved model ends in .keras today" in texts
    assert "the path of saved weights ends in .weights.h5 today" in texts


def test_weights_are_found_by_plain_keras_too(script: Script) -> None:
    import keras

    names, _ = script("""
model = network()
model.save_weights("w.h5")
keras_weights = model.get_weights()
""")
    config = names["model"].get_config()
    with old_names.old_names():
        pass
    plain = keras.Sequential.from_config(config)
    plain.load_weights("w.h5")
    assert all(map(np.array_equal, plain.get_weights(), names["keras_weights"]))
