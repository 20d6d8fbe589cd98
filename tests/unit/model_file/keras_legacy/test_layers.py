import numpy as np
from old_script import MARKS, Script

pytestmark = MARKS


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
