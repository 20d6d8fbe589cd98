import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from old_script import MARKS, Script
from snakeras.model_file.keras_legacy import old_names, translation

pytestmark = MARKS


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
