import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from snakeras.model_file.keras_legacy import models, old_names, translation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::snakeras.model_file.keras_legacy.translation.OldName"),
]

START = """
import numpy as np
from keras.models import Sequential, Model
from keras.layers import *
from keras.callbacks import *
X = np.random.rand(20, 8).astype("float32")
Y = np.eye(3)[np.arange(20) % 3]
def network(metrics=["accuracy"], **compiled):
    model = Sequential([Input((8,)), Dense(4), Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=metrics, **compiled)
    return model
def batches():
    while True:
        yield X[:5], Y[:5]
"""
Script = Callable[[str], tuple[dict, list[str]]]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Runs an old script within the block; gives its names and the warnings about old ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(translation, "_warned", set())

    def run(code: str) -> tuple[dict, list[str]]:
        names: dict = {"__name__": "script"}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(compile(START, "start.py", "exec"), names)
            exec(compile(code, "script.py", "exec"), names)
        own = [warning for warning in caught if issubclass(warning.category, translation.OldName)]
        assert {warning.filename for warning in own} <= {"start.py", "script.py", __file__}
        return names, [str(warning.message) for warning in own]

    with old_names.old_names():
        yield run


def today(path: str) -> object:
    import keras

    if path.startswith("tensorflow.keras."):
        path = path.replace("tensorflow.keras", "_tf_keras.keras")
    for part in path.removeprefix("keras.").split("."):
        keras = getattr(keras, part)
    return keras


@pytest.mark.parametrize("root", ["keras", "tensorflow.keras", "tensorflow.python.keras"])
@pytest.mark.parametrize(
    ("module", "name", "new"),
    [
        ("layers.core", "Dense", "keras.layers.Dense"),
        ("layers.convolutional", "MaxPooling2D", "keras.layers.MaxPooling2D"),
        ("layers.convolutional_recurrent", "ConvLSTM2D", "keras.layers.ConvLSTM2D"),
        ("layers.pooling", "MaxPooling2D", "keras.layers.MaxPooling2D"),
        ("layers.embeddings", "Embedding", "keras.layers.Embedding"),
        ("layers.recurrent", "LSTM", "keras.layers.LSTM"),
        ("layers.normalization", "BatchNormalization", "keras.layers.BatchNormalization"),
        ("layers.normalization.batch_normalization", "BatchNormalization", "keras.layers.BatchNormalization"),
        ("layers.advanced_activations", "LeakyReLU", "keras.layers.LeakyReLU"),
        ("layers.merge", "concatenate", "keras.layers.concatenate"),
        ("layers.noise", "GaussianNoise", "keras.layers.GaussianNoise"),
        ("layers.wrappers", "Bidirectional", "keras.layers.Bidirectional"),
        ("layers.cudnn_recurrent", "CuDNNGRU", "keras.layers.GRU"),
        ("layers.experimental.preprocessing", "Rescaling", "keras.layers.Rescaling"),
        ("utils.np_utils", "normalize", "keras.utils.normalize"),
        ("utils.vis_utils", "plot_model", "keras.utils.plot_model"),
        ("utils.generic_utils", "Progbar", "keras.utils.Progbar"),
        ("utils.data_utils", "Sequence", "keras.utils.Sequence"),
        ("engine.topology", "Layer", "keras.Layer"),
        ("engine", "InputSpec", "keras.InputSpec"),
        ("callbacks.callbacks", "EarlyStopping", "keras.callbacks.EarlyStopping"),
        ("optimizers", "rmsprop", "keras.optimizers.RMSprop"),
        ("optimizers.legacy", "Adam", "keras.optimizers.Adam"),
        ("optimizer_v2.adam", "Adam", "keras.optimizers.Adam"),
        ("layers", "CuDNNLSTM", "keras.layers.LSTM"),
        ("objectives", "cosine_proximity", "keras.losses.cosine_similarity"),
        ("initializations", "glorot_uniform", "keras.initializers.glorot_uniform"),
        ("initializers", "normal", "keras.initializers.RandomNormal"),
        ("regularizers", "l1l2", "keras.regularizers.l1_l2"),
        ("constraints", "maxnorm", "keras.constraints.MaxNorm"),
        ("backend.tensorflow_backend", "floatx", "keras.backend.floatx"),
    ],
)
def test_old_paths_give_what_keras_has_and_say_where(
    script: Script, root: str, module: str, name: str, new: str
) -> None:
    names, texts = script(f"from {root}.{module} import {name} as first, {name} as again")
    assert names["first"] is names["again"] is today(new)
    # Modules that are shared by both flavours of Keras have but one name.
    assert len(texts) == 1
    assert texts[0].endswith(f"{module}.{name} is {new} today")


@pytest.mark.parametrize("root", ["keras", "tensorflow.keras", "tensorflow.python.keras"])
def test_old_modules_can_be_reached_in_every_way(script: Script, root: str) -> None:
    names, texts = script(f"""
import {root}.layers.core as core
from {root}.utils import np_utils
import {root}.utils.np_utils
assert np_utils.to_categorical([1, 2], 3).shape == (2, 3)
assert np_utils.to_categorical(y=[1, 2], nb_classes=4).shape == (2, 4)
from {root}.layers.core import *
dense = Dense(3), core.Dense(3)
""")
    assert any(text.endswith("utils.np_utils.to_categorical is keras.utils.to_categorical today") for text in texts)
    assert any(text.endswith("layers.core.* is keras.layers.* today") for text in texts)
    assert "nb_classes is num_classes today" in texts
    assert all(type(layer) is today("keras.layers.Dense") for layer in names["dense"])


def test_modules_are_attributes_without_an_import_of_their_own(script: Script) -> None:
    _, texts = script("""
import keras, tensorflow as tf
assert keras.engine.topology.Layer is keras.Layer
assert tf.keras.layers.core.Dense is tf.keras.layers.Dense is keras.layers.Dense
assert keras.preprocessing.text.Tokenizer(nb_words=5).num_words == 5
""")
    assert "keras.engine.topology.Layer is keras.Layer today" in texts
    assert "tensorflow.keras.layers.core.Dense is keras.layers.Dense today" in texts


def test_preprocessing_is_that_of_tensorflow_keras(script: Script) -> None:
    _, texts = script("""
from keras.preprocessing.text import Tokenizer, one_hot, text_to_word_sequence
from keras.preprocessing.image import ImageDataGenerator
from keras.preprocessing.sequence import pad_sequences, skipgrams
tokens = Tokenizer(num_words=9)
tokens.fit_on_texts(["one two", "two"])
assert pad_sequences(tokens.texts_to_sequences(["two one"]), maxlen=3).tolist() == [[0, 1, 2]]
assert next(ImageDataGenerator().flow(np.ones((4, 8, 8, 1)), batch_size=2)).shape == (2, 8, 8, 1)
""")
    assert len(texts) == 5
    assert "keras.preprocessing.text.one_hot is tensorflow.keras.preprocessing.text.one_hot today" in texts


def test_backend(script: Script) -> None:
    _, texts = script("""
from keras import backend as K
from keras.backend.tensorflow_backend import set_session
K.clear_session()
K.set_image_dim_ordering("th")
assert K.image_dim_ordering() == "th" and K.image_data_format() == "channels_first"
K.set_image_dim_ordering("tf")
assert K.image_data_format() == "channels_last"
assert K.learning_phase() == 0
K.set_learning_phase(1)
set_session(K.get_session())
value = K.variable(3.0)
K.set_value(value, 2.0)
assert K.get_value(K.sum(K.square(value))) == 4
""")
    assert "keras.backend.square is keras.ops.square today" in texts
    assert "keras.backend.set_image_dim_ordering is keras.config.set_image_data_format today" in texts
    assert any(text.startswith("keras.backend.tensorflow_backend.set_session does nothing") for text in texts)


def test_tensorflow_1_and_old_numpy(script: Script) -> None:
    _, texts = script("""
import tensorflow as tf
from tensorflow import set_random_seed
set_random_seed(3)
config = tf.ConfigProto(gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.3))
config.gpu_options.allow_growth = True
tf.keras.backend.set_session(tf.Session(config=config))
tf.compat.v1.keras.backend.set_session(tf.compat.v1.Session())
tf.reset_default_graph(), tf.get_default_graph(), tf.global_variables_initializer(), tf.placeholder
assert np.float is float and np.int is int and np.object is object and np.str is str and np.Inf == np.inf
assert np.bool is np.bool_
""")
    assert "tensorflow.set_random_seed is tensorflow.random.set_seed today" in texts
    assert "tensorflow.ConfigProto is tensorflow.compat.v1.ConfigProto today" in texts
    assert "numpy.float is float today" in texts
    assert not any("numpy.bool" in text for text in texts)


def test_layers_of_keras_1(script: Script) -> None:
    names, texts = script("""
def first(layer, *names):
    return [getattr(layer, name) for name in names]
from keras.regularizers import l2
conv = Convolution2D(4, 3, 5, border_mode="same", subsample=(2, 2), init="uniform", W_regularizer=l2(0.1),
                     dim_ordering="th", bias=False, activation="relu")
found = [
    first(conv, "filters", "kernel_size", "padding", "strides", "data_format", "use_bias"),
    first(Convolution2D(nb_filter=4, nb_row=3, nb_col=5), "filters", "kernel_size"),
    first(Convolution3D(4, 1, 2, 3), "kernel_size"),
    first(Convolution1D(nb_filter=4, filter_length=3, subsample_length=2), "filters", "kernel_size", "strides"),
    first(Dense(output_dim=3, b_regularizer="l2"), "units"),
    first(Dropout(p=0.3), "rate"),
    first(GaussianNoise(sigma=0.2), "stddev"),
    first(MaxPooling1D(pool_length=3, stride=2), "pool_size", "strides"),
    first(LeakyReLU(alpha=0.2), "negative_slope"),
    first(UpSampling1D(length=3), "size"),
    first(Reshape(dims=(2, 4)), "target_shape"),
]
lstm = LSTM(output_dim=4, dropout_W=0.1, dropout_U=0.2, inner_activation="tanh", inner_init="identity",
            consume_less="mem", forget_bias_init="one")
found.append(first(lstm, "units", "dropout", "recurrent_dropout") + [lstm.recurrent_activation.__name__])
embedding = Embedding(10, output_dim=4, init="normal", W_regularizer="l2")
BatchNormalization(mode=0, beta_init="one")
""")
    assert names["found"] == [
        [4, (3, 5), "same", (2, 2), "channels_first", False],
        [4, (3, 5)],
        [(1, 2, 3)],
        [4, (3,), (2,)],
        [3],
        [0.3],
        [0.2],
        [(3,), (2,)],
        [0.2],
        [3],
        [(2, 4)],
        [4, 0.1, 0.2, "tanh"],
    ]
    assert type(names["conv"].kernel_initializer).__name__ == "RandomUniform"
    assert type(names["embedding"].embeddings_initializer).__name__ == "RandomNormal"
    assert "Convolution2D(n, 3, 5) is Conv2D(n, (3, 5)) today" in texts
    assert "border_mode is padding today" in texts
    assert "mode is no argument today and is left out" in texts


def test_what_means_something_today_is_silent_and_untouched(script: Script) -> None:
    names, texts = script("""
import keras, tensorflow
from tensorflow.keras.layers import Dense as TensorFlowDense
conv = Conv2D(4, 3, 3), Convolution2D(4, (3, 5))
elu, embedding = ELU(alpha=0.5), Embedding(input_dim=10, output_dim=4)
model = network()
model.fit(X, Y, epochs=1, verbose=0)
model.save("model.keras"); model.save_weights("w.weights.h5"); model.load_weights("w.weights.h5")
keras.optimizers.Adam(0.1).learning_rate
""")
    assert texts == []
    assert [layer.strides for layer in names["conv"]] == [(3, 3), (1, 1)]
    assert names["TensorFlowDense"] is names["Dense"]


def test_what_a_generator_gives_has_kerass_own_float_type(script: Script) -> None:
    names, _ = script("""
from keras import backend as K
model = Sequential([Input((8,)), Dense(3)])
model.compile("sgd", "mse", metrics=[lambda t, p: K.mean(K.square(p - t))])
def doubles():
    while True:
        yield X[:5].astype("float64"), Y[:5]
history = model.fit_generator(doubles(), steps_per_epoch=2, nb_epoch=1, verbose=0)
""")
    assert len(names["history"].history["loss"]) == 1


def test_units_that_a_quniform_draws(script: Script) -> None:
    names, said = script("""
a, b = Dense(8.0), LSTM(np.int64(4))
c = Conv2D(filters=np.float64(6), kernel_size=3)
d = Dropout(1.0)
try:
    Dense(8.5)
except ValueError as error:
    refused = str(error)
""")
    assert (names["a"].units, names["b"].units, names["c"].filters, names["d"].rate) == (8, 4, 6, 1.0)
    assert "8.5" in names["refused"]
    assert "units=8.0 is units=8 today" in said


def test_old_input_arguments(script: Script) -> None:
    names, texts = script("""
E, W = np.random.rand(10, 4), [np.full((8, 4), 0.5), np.zeros(4)]
model = Sequential([Embedding(10, 4, input_length=3, weights=[E]), LSTM(5), Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones(4), nb_epoch=1, verbose=0)
stateful = Sequential([LSTM(4, batch_input_shape=(2, 3, 1), stateful=True), Dense(1)])
stateful.compile("sgd", "mse")
stateful.fit(np.ones((4, 3, 1)), np.ones(4), batch_size=2, verbose=0)
stateful.reset_states()
sequence = Sequential([GRU(5, input_dim=4, input_length=3)])
weighted = Sequential([Dense(4, input_dim=8, weights=W)])
import keras
distributed = Sequential([keras.layers.TimeDistributedDense(4, input_dim=3, input_length=5)])
""")
    assert names["stateful"].input_shape == (2, 3, 1)
    assert not np.any(names["stateful"].layers[0].states[0])
    assert names["sequence"].input_shape == (None, 3, 4)
    assert np.all(names["weighted"].get_weights()[0] == 0.5)
    assert names["distributed"].output_shape == (None, 5, 4)
    assert "batch_input_shape is keras.Input(batch_shape=...) today" in texts


def test_merge_and_model_of_keras_1(script: Script) -> None:
    names, texts = script("""
from keras.layers import merge
a = Input(shape=(8,))
modes = {mode: merge([Dense(4)(a), Dense(4)(a)], mode=mode).shape for mode in ("sum", "mul", "ave", "max", "concat")}
modes["dot"] = merge([a, a], mode="dot", dot_axes=1).shape
model = Model(input=a, output=Dense(3)(a))
class Own(Model):
    pass
assert Own(input=a, output=model.output).count_params() == model.count_params() == 27
assert Model(a, model.output).inputs[0] is a
""")
    four = (None, 4)
    assert names["modes"] == {"sum": four, "mul": four, "ave": four, "max": four, "concat": (None, 8), "dot": (None, 1)}
    assert "input is inputs today" in texts
    assert "keras.layers.merge(mode='concat') is keras.layers.Concatenate today" in texts


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


OWN_METRICS = """
from keras import backend as K
def R_squared(y_true, y_pred):
    return 1 - K.sum(K.square(y_true - y_pred)) / (K.sum(K.square(y_true - K.mean(y_true))) + K.epsilon())
def fBeta(y_true, y_pred):
    return K.mean(K.cast(K.equal(y_true, K.round(y_pred)), "float32"))
def one(loss="mse", metrics=[R_squared], units=1):
    model = Sequential([Input((8,)), Dense(units)])
    model.compile("sgd", loss, metrics=metrics)
    return model
y = np.arange(20) % 2
"""


def test_own_metrics_keep_the_names_of_their_functions(script: Script) -> None:
    names, _ = script(
        OWN_METRICS
        + """
model = one(metrics=[R_squared, fBeta, "AUC", "mae"])
stop = EarlyStopping(monitor="val_R_squared", mode="max", patience=1, min_delta=99)
keep = ModelCheckpoint("w-{epoch}-{val_R_squared:.3f}.keras", monitor="val_R_squared", mode="max", save_best_only=True)
plateau = ReduceLROnPlateau(monitor="val_fBeta", mode="max", patience=1, min_delta=99)
seen = []
class Own(Callback):
    def on_epoch_end(self, epoch, logs={}):
        seen.append((logs["val_R_squared"], logs.get("fBeta"), "val_auc" in logs))
history = model.fit(X, y, epochs=9, verbose=0, validation_data=(X, y), callbacks=[stop, keep, plateau, CSVLogger("log"),
                    Own()]).history
metrics, values = model.metrics_names, model.evaluate(X, y, verbose=0)
today = history["r_squared"], history["val_AUC"], history["f_beta"]
"""
    )
    assert sorted(names["history"]) == sorted(
        ["loss", "R_squared", "fBeta", "auc", "mae", "learning_rate"]
        + ["val_loss", "val_R_squared", "val_fBeta", "val_auc", "val_mae"]
    )
    assert len(names["history"]["loss"]) == 2 == len(names["seen"])
    assert names["today"] == tuple(names["history"][name] for name in ("R_squared", "val_auc", "fBeta"))
    assert names["keep"].best == max(names["history"]["val_R_squared"])
    assert len(list(Path().glob("w-*-*.*.keras"))) >= 1
    assert "R_squared" in Path("log").read_text().split("\n")[0].split(",")
    assert all(known for *_, known in names["seen"])
    assert float(names["plateau"].model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert names["metrics"] == ["loss", "R_squared", "fBeta", "auc", "mae"]
    assert len(names["values"]) == 5


@pytest.mark.parametrize("kind", ["int64", "uint8", "bool", "float32", "float64"])
def test_own_metrics_get_targets_like_the_outputs(script: Script, kind: str) -> None:
    names, _ = script(
        f"""{OWN_METRICS}
y = y.astype({kind!r})
model = one(metrics=[R_squared, fBeta])
history = model.fit(X, y, verbose=0, batch_size=20, validation_data=(X, list(y))).history
true, predicted = y.astype("float64"), model.predict(X, verbose=0)[:, 0]
right = 1 - np.sum((true - predicted) ** 2) / np.sum((true - true.mean()) ** 2), np.mean(true == np.round(predicted))
"""
    )
    found = names["history"]["val_R_squared"][0], names["history"]["val_fBeta"][0]
    assert found == pytest.approx(names["right"], rel=1e-4)


def test_class_numbers_reach_own_metrics_as_they_were_written_for(script: Script) -> None:
    names, _ = script(
        OWN_METRICS
        + """
import keras
def Old(y_true, y_pred):
    return K.mean(K.equal(K.max(y_true, axis=-1), K.cast(K.argmax(y_pred, axis=-1), "float32")))
def today(y_true, y_pred):
    return keras.ops.mean(keras.ops.equal(y_true, keras.ops.argmax(y_pred, axis=-1)))
def of_whole_numbers(y_true, y_pred):
    if "int" not in str(y_true.dtype):
        raise TypeError("no class numbers")
    return keras.ops.mean(y_pred)
class Rows(keras.metrics.Metric):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.count = self.add_weight(name="count", initializer="zeros")
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(keras.ops.sum(keras.ops.ones_like(y_true - y_pred)))
    def result(self):
        return self.count
model = one("sparse_categorical_crossentropy", ["acc", Old, today, of_whole_numbers], 3)
values = model.fit(X, np.arange(20) % 3, verbose=0, batch_size=20).history
rows = one(metrics=[Rows(name="rows")]).fit(X, y.astype("float32"), verbose=0).history["rows"]
"""
    )
    values = names["values"]
    assert [values["Old"], values["today"]] == [pytest.approx(values["acc"])] * 2
    assert names["rows"] == [20]


TWO = """
inputs = Input((8,))
def two(**compiled):
    model = Model(inputs, [Dense(1, name="z")(inputs), Dense(3, activation="softmax", name="b")(inputs)])
    model.compile("sgd", **compiled)
    return model
y, LOSSES = np.arange(20) % 2, ["mse", "categorical_crossentropy"]
"""


def test_metrics_are_for_every_output(script: Script) -> None:
    names, _ = script(
        TWO
        + """
import keras
one = two(loss=LOSSES, metrics=["accuracy"])
auc = two(loss=LOSSES, metrics=["acc", keras.metrics.MeanSquaredError(name="own")])
both = two(loss=LOSSES, metrics=["mae", "accuracy"])
each = two(loss=LOSSES, metrics=[["mae"], ["mse", "acc"]])
by_name = two(loss={"z": "mse", "b": "mse"}, metrics={"b": "mae"})
several = {name: model.fit(X, [y, Y], verbose=0).history for name, model in
           dict(one=one, auc=auc, both=both, each=each, by_name=by_name).items()}
names, values = each.metrics_names, each.evaluate(X, [y, Y], verbose=0)
by_key = each.evaluate(X, [y, Y], verbose=0, return_dict=True)
both.save("both.keras")
class Own(Model):
    def __init__(self):
        super().__init__()
        self.a, self.b = Dense(1), Dense(3)
    def call(self, x):
        return self.a(x), self.b(x)
own = Own()
own.compile("sgd", "mse", metrics=["mae"])
own.fit(X, [y, Y], verbose=0)
"""
    )
    losses = {"loss", "z_loss", "b_loss"}
    metrics = {name: set(history) - losses for name, history in names["several"].items()}
    assert metrics == {
        "one": {"z_accuracy", "b_accuracy"},
        "auc": {"z_acc", "b_acc", "z_own", "b_own"},
        "both": {"z_accuracy", "b_accuracy", "z_mae", "b_mae"},
        "each": {"z_mae", "b_mse", "b_acc"},
        "by_name": {"b_mae"},
    }
    # The order of Keras 2, and not that of the alphabet.
    assert names["names"] == ["loss", "z_loss", "b_loss", "z_mae", "b_mse", "b_acc"]
    assert names["values"] == pytest.approx([names["by_key"][name] for name in names["names"]])
    assert len(names["own"].metrics_names) == 5
    import keras

    with_todays_keras = keras.models.load_model("both.keras")
    assert len(with_todays_keras.evaluate(names["X"], [names["y"], names["Y"]], verbose=0, return_dict=True)) == 7


@pytest.mark.parametrize("losses", ['"mse"', '["mse", "mse"]', '{"b": "mse", "z": "mse"}'])
@pytest.mark.parametrize("weights", ["[10, 0]", '{"z": 10, "b": 0}', '{"z": 10.0}'])
def test_the_weights_of_losses_go_to_their_outputs(script: Script, losses: str, weights: str) -> None:
    names, _ = script(
        TWO + f"history = two(loss={losses}, loss_weights={weights}).fit(X, [y, Y], verbose=0, batch_size=20).history"
    )
    loss, z, b = (names["history"][name][0] for name in ("loss", "z_loss", "b_loss"))
    assert loss == pytest.approx(10 * z + (b if "10.0" in weights else 0), rel=1e-4)


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


def test_shapes_may_be_numbers(script: Script) -> None:
    names, texts = script("""
import keras
shapes = [keras.Input(shape=5).shape, Input(5).shape, Input(shape=np.int64(5)).shape, Input(shape=(5,)).shape]
dense = [Sequential([Dense(4, input_shape=number)]) for number in (5, X.shape[1])]
""")
    assert names["shapes"] == [(None, 5)] * 4
    assert [model.input_shape for model in names["dense"]] == [(None, 5), (None, 8)]
    assert "input_shape=5 is input_shape=(5,) today" in texts


def test_a_model_that_begins_with_an_embedding_is_built_at_once(script: Script) -> None:
    names, texts = script("""
E, data, ones = np.full((10, 4), 0.5), np.ones((4, 3)), np.ones(4)
def added(first, *layers):
    model = Sequential()
    for layer in (first, *layers):
        model.add(layer)
    return model
with_length = added(Embedding(10, 4, input_length=3), Flatten(), Dense(1))
without = Sequential([Embedding(10, 4), LSTM(5), Dense(1)])
later = added(Embedding(10, 4), Flatten(), Dense(1))
alone = added(Embedding(10, 4))
for model in (with_length, without, alone):
    model.layers[0].set_weights([E])
counts = [model.count_params() for model in (with_length, without, alone)]
shapes = [with_length.output_shape, with_length.layers[0].output_shape, without.layers[0].output_shape,
          without.layers[1].output_shape, with_length.layers[1].input_shape]
for model in (with_length, without, later):
    model.compile("sgd", "mse")
    model.fit(data, ones, verbose=0)
class Own(Layer):
    def __init__(self):
        super().__init__()
        self.output_shape = "its own"
    def call(self, x):
        return x
own = Own().output_shape, hasattr(Dense(3), "output_shape")
""")
    assert names["counts"] == [40 + 13, 40 + 200 + 6, 40]
    assert names["shapes"] == [(None, 1), (None, 3, 4), (None, None, 4), (None, 5), (None, 3, 4)]
    assert names["later"].count_params() == 40 + 13
    assert names["own"] == ("its own", False)
    assert "Layer.output_shape is Layer.output.shape today" in texts


def test_tensors_of_two_types_are_compared(script: Script) -> None:
    names, _ = script("""
import tensorflow as tf
from keras import backend as K
whole, part = tf.constant([1, 2, 3]), tf.constant([1.0, 2.5, 2.5])
found = {name: getattr(K, name)(whole, part).numpy().tolist() for name in (
    "equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "maximum", "minimum")}
kept = K.equal(x=whole, y=tf.constant([1, 1, 1], "int64")).numpy().tolist()
""")
    assert names["found"] == {
        "equal": [True, False, False],
        "not_equal": [False, True, True],
        "greater": [False, False, True],
        "greater_equal": [True, False, True],
        "less": [False, True, False],
        "less_equal": [True, True, False],
        "maximum": [1.0, 2.5, 3.0],
        "minimum": [1.0, 2.0, 2.5],
    }
    assert names["kept"] == [True, False, False]


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


def test_callbacks_see_the_other_name_of_a_metric(script: Script) -> None:
    names, texts = script("""
from keras import backend as K
def f1(true, predicted):
    return K.mean(true * predicted)
seen = []
class Own(Callback):
    def on_epoch_end(self, epoch, logs={}):
        seen.append(logs.get("val_acc") == logs["val_accuracy"])
stop = EarlyStopping(monitor="val_acc", patience=1, min_delta=2)
reduce = ReduceLROnPlateau(monitor="val_acc", patience=1, epsilon=2)
keep = ModelCheckpoint("w-{epoch:02d}-{val_acc:.1f}.hdf5", monitor="val_acc", save_best_only=True)
unknown = EarlyStopping(monitor="val_f1", patience=9)
fit = network(["accuracy", f1]).fit(X, Y, 5, 9, 0, [stop, reduce, keep, unknown, Own()], validation_data=(X, Y))
other = EarlyStopping(monitor="val_accuracy", patience=1, min_delta=2)
again = network(["acc"]).fit(X, Y, epochs=9, verbose=0, callbacks=[other], validation_data=(X, Y))
TensorBoard(batch_size=32, write_grads=False)
""")
    assert names["stop"].stopped_epoch == names["other"].stopped_epoch == 1
    assert len(names["fit"].history["loss"]) == len(names["again"].history["loss"]) == 2
    assert names["seen"] == [True, True]
    assert names["fit"].history["lr"][-1] == pytest.approx(1e-3) and float(names["reduce"].min_delta) == 2
    assert float(names["reduce"].model.optimizer.learning_rate) == pytest.approx(1e-4)
    assert names["keep"].best is not None and len(list(Path().glob("w-01-0.?.hdf5"))) == 1
    assert "the metric 'val_acc' is 'val_accuracy' here" in texts
    assert "monitor='val_f1' needs mode='min' today" in texts


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


def test_a_name_warns_once_and_a_library_not_at_all(script: Script) -> None:
    import keras

    _, texts = script("Dropout(p=0.1); Dropout(p=0.2)")
    assert texts == ["p is rate today"]
    library: dict = {"__name__": "library"}
    code = "import keras, tensorflow as tf, numpy\nmean = keras.backend.mean\nplain = hasattr(tf, 'Session')\nnumpy.int"
    path = str(Path(keras.__file__).parents[1] / "library.py")
    with warnings.catch_warnings():
        warnings.simplefilter("error", translation.OldName)
        exec(compile(code, path, "exec"), library)
    assert library["plain"] is False


def state() -> dict:
    """All that the block may touch."""
    import keras
    import tensorflow

    modules = {name: id(module) for name, module in sys.modules.items() if "keras" in name}
    held = [
        keras,
        np,
        tensorflow,
        keras.Model,
        keras.Sequential,
        keras.optimizers.Adam.__mro__[2],
        keras.optimizers.Adam,
    ]
    held += [keras.optimizers.Adam.__mro__[3], keras.callbacks.ModelCheckpoint, keras.callbacks.History]
    held += [module for name, module in sys.modules.items() if name.startswith("keras.") and "src." not in name]
    held += [sys.modules["keras.src.trainers.compile_utils"], sys.modules["keras.src.trainers.trainer"].Trainer]
    held += [sys.modules["keras.src.trainers.compile_utils"].CompileMetrics]
    held += [sys.modules["keras.src.trainers.data_adapters.py_dataset_adapter"].PyDatasetAdapter]
    held += [sys.modules["keras.src.saving.saving_api"], sys.modules["keras.src.utils.python_utils"]]
    held += [cls for cls in vars(keras.layers).values() if isinstance(cls, type)]
    held += [base for base in keras.Model.__mro__ if base.__module__.startswith("keras")]
    attributes = {(id(one), name): id(value) for one in held for name, value in vars(one).items() if name != "__doc__"}
    return {"modules": modules, "attributes": attributes, "path": list(map(id, sys.meta_path))}


def test_everything_is_undone() -> None:
    import keras
    import keras.saving  # noqa: F401
    import tensorflow.keras.layers as copied

    code = """
import keras.layers.core, keras.utils.np_utils, tensorflow.keras.layers.core, tensorflow.python.keras.layers.core
from tensorflow.keras.models import Sequential
from tensorflow.python.keras.utils import np_utils
from keras.engine.topology import Layer
import tensorflow.keras.engine.topology, tensorflow.keras.utils.np_utils
import numpy, tensorflow
numpy.float, tensorflow.Session, keras.backend.mean, keras.layers.merge, tensorflow.compat.v1.keras.backend.mean
keras.optimizers.legacy.Adam(lr=0.1)
"""
    # Keras and TensorFlow import some of their own modules only when they are used.
    for _ in range(2):
        before = state()
        with old_names.old_names(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert state() != before
            exec(compile(code, "script.py", "exec"), {})
        after = state()
    assert after == before
    assert sys.modules["tensorflow.keras.layers"] is copied
    for module in ("keras.layers.core", "keras.utils.np_utils", "tensorflow.keras.layers.core"):
        with pytest.raises(ImportError):
            exec(f"import {module}")
    with pytest.raises((TypeError, ValueError)):
        keras.layers.Dropout(p=0.5)
    with pytest.raises(AttributeError):
        _ = np.float


@pytest.mark.parametrize(
    ("code", "start"),
    [
        ("from keras.layers.core import MaxoutDense", "Keras 3 has no MaxoutDense; write keras.layers.Dense and"),
        ("from keras.layers import Highway", "Keras 3 has no Highway"),
        ("Merge([], mode='concat')", "Keras 3 has no Merge; call keras.layers.concatenate"),
        ("import keras; keras.layers.LocallyConnected1D", "Keras 3 has no LocallyConnected1D"),
        ("from keras.layers import merge; merge([Input((3,))] * 2, mode=len)", "Keras 3 has no such merge"),
        ("from keras.wrappers.scikit_learn import KerasClassifier", "Keras 3 has keras.wrappers.SKLearnClassifier"),
        ("from tensorflow.keras.wrappers.scikit_learn import KerasRegressor", "Keras 3 has keras.wrappers.SKLearnC"),
        ("import tensorflow as tf; tf.contrib.layers", "TensorFlow 2 has no tensorflow.contrib"),
        ("import tensorflow.contrib.keras", "TensorFlow 2 has no tensorflow.contrib"),
        ("import tensorflow as tf; tf.train.AdamOptimizer(0.1)", "TensorFlow 2 has no tf.train.AdamOptimizer; write"),
        ("from keras.utils.io_utils import HDF5Matrix", "Keras 3 has no HDF5Matrix"),
        ("network(metrics=['fmeasure']).fit(X, Y, verbose=0)", "Keras 3 has no 'fmeasure'"),
        ("import keras; keras.backend.function", "Keras 3 has no keras.backend.function"),
        ("import keras_contrib", None),
        ("import sklearn_contrib.estimator", None),
        ("import keras; keras.layers.nonsense", None),
        ("'text'.contrib", None),
        ("undefined", None),
        ("raise ValueError('precision and recall differ')", None),
        ("raise KeyError('Merge')", None),
    ],
)
def test_advice_where_a_name_cannot_be_helped(script: Script, code: str, start: str | None) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        script(code)
    text = old_names.advice(caught.value)
    assert text is None if start is None else text.startswith(start)
