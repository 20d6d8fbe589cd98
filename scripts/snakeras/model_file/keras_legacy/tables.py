"""Tables of old names and arguments of Keras, NumPy and TensorFlow, with those of today."""

import itertools

# fmt: off
OPTIMIZERS = ("SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam", "Ftrl")
# Pattern of dropped modules -> today's module with what they held.
MODULES = {
    r"layers\.(core|convolutional|pooling|embeddings?|recurrent(_v2)?|rnn|normalization(_v2)?|noise|local|wrappers"
    r"|convolutional_recurrent|cudnn_recurrent|advanced_activations|merge|merging|experimental(\.preprocessing)?"
    r"|preprocessing(\.image_preprocessing|\.text_vectorization)?|reshaping|regularization|activation|attention)"
    r"(\.(batch|layer)_normalization|\.dense|\.embedding|\.lstm|\.gru|\.dropout|\.conv[123]d)?": "layers",
    r"engine(\.(topology|training|base_layer|input_layer|input_spec|sequential|functional|network|keras_tensor))?": "",
    r"utils\.(np|vis|generic|io|data|layer|training|multi_gpu|all|losses|tf)_utils|utils\.visualize_util": "utils",
    r"backend\.(tensorflow_backend|theano_backend|common|load_backend)": "backend",
    r"preprocessing\.text": "preprocessing.text",
    r"callbacks\.(callbacks|tensorboard_v[12])": "callbacks",
    r"optimizers\.(optimizers|experimental|(adam|adamax|nadam|adadelta|adagrad|rmsprop|gradient_descent|ftrl)_v2)"
    r"|optimizer_v2(\.(adam|adamax|nadam|adadelta|adagrad|rmsprop|gradient_descent|ftrl))?|optimizer_v1": "optimizers",
    r"(optimizers\.schedules|optimizer_v2)\.learning_rate_schedule": "optimizers.schedules",
    r"objectives": "losses",
    r"initializations|initializers\.initializers(_v[12])?": "initializers",
    r"saving\.(save|hdf5_format|model_config)": "saving",
    r"applications\.mobilenetv2": "applications.mobilenet_v2",
}
LOSSES = {
    "cosine_proximity": "cosine_similarity", "cosine": "cosine_similarity", "logcosh": "log_cosh",
    "kullback_leibler_divergence": "kl_divergence", "huber_loss": "huber",
}
METRICS = LOSSES | {"kld": "kl_divergence", "logcosh": "LogCoshError"}
# Module -> its dropped names -> today's name, or one of the functions in names.py.
NAMES = {
    "": {"Container": "Model", "Network": "Model", "InputLayer": "layers.InputLayer"},
    "layers": {"CuDNNLSTM": "layers.LSTM", "CuDNNGRU": "layers.GRU", "TimeDistributedDense": "_time_distributed_dense"},
    "optimizers": {name.lower(): f"optimizers.{name}" for name in OPTIMIZERS},
    "optimizers.legacy": {name: f"optimizers.{name}" for name in (*OPTIMIZERS, "Optimizer")},
    "regularizers": {
        "l1l2": "regularizers.l1_l2", "WeightRegularizer": "regularizers.L1L2",
        "ActivityRegularizer": "regularizers.L1L2", "activity_l1": "regularizers.l1",
        "activity_l2": "regularizers.l2", "activity_l1l2": "regularizers.l1_l2",
    },
    "constraints": {
        "maxnorm": "constraints.MaxNorm", "nonneg": "constraints.NonNeg", "unitnorm": "constraints.UnitNorm",
    },
    "initializers": {
        "normal": "initializers.RandomNormal", "uniform": "initializers.RandomUniform",
        "zero": "initializers.Zeros", "one": "initializers.Ones",
    },
    "utils": {
        "plot": "utils.plot_model", "multi_gpu_model": "_same_model", "print_summary": "_print_summary",
        "probas_to_classes": "_classes", "categorical_probas_to_classes": "_classes",
    },
    "backend": {
        "learning_phase": "_learning_phase", "set_learning_phase": "_nothing", "get_session": "_session",
        "set_session": "_nothing", "manual_variable_initialization": "_nothing",
        "image_dim_ordering": "_dim_ordering", "set_image_dim_ordering": "_set_dim_ordering",
        "_get_available_gpus": "_gpus",
    },
    "losses": {old: f"losses.{new}" for old, new in LOSSES.items()},
    "metrics": {old: f"losses.{new}" for old, new in LOSSES.items()},
}
# Old argument of a layer -> today's, the first one that the layer takes; empty: left out.
LAYER = {
    "border_mode": "padding", "subsample": "strides", "subsample_length": "strides", "stride": "strides",
    "init": "kernel_initializer embeddings_initializer alpha_initializer", "inner_init": "recurrent_initializer",
    "beta_init": "beta_initializer", "gamma_init": "gamma_initializer", "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer embeddings_regularizer", "b_regularizer": "bias_regularizer",
    "U_regularizer": "recurrent_regularizer", "W_constraint": "kernel_constraint embeddings_constraint",
    "b_constraint": "bias_constraint", "dim_ordering": "data_format", "bias": "use_bias", "nb_filter": "filters",
    "filter_length": "kernel_size", "output_dim": "units", "pool_length": "pool_size", "length": "size",
    "dims": "target_shape", "atrous_rate": "dilation_rate", "p": "rate", "sigma": "stddev", "alpha": "negative_slope",
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout", "input_dtype": "dtype", "m": "max_value",
    "mode": "", "dropout": "", "consume_less": "", "forget_bias_init": "", "fused": "", "renorm": "",
    "virtual_batch_size": "",
}
KERNEL = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"))
SEQUENCE_LAYERS = ("RNN", "Conv1D", "TimeDistributed", "Bidirectional")
SHAPES = ("shape", "input_shape", "batch_input_shape", "input_length", "input_dim")
HANDLED = {*LAYER, *SHAPES, "weights", *itertools.chain(*KERNEL)}
DATA_FORMATS = {"tf": "channels_last", "th": "channels_first"}
# The same for other calls; None: left out.
FIT = {"nb_epoch": "epochs"} | dict.fromkeys(
    ["show_accuracy", "max_queue_size", "max_q_size", "workers", "nb_worker", "use_multiprocessing", "pickle_safe"]
)
MODEL = {"input": "inputs", "output": "outputs"}
COMPILE = dict.fromkeys(["class_mode", "theano_mode", "sample_weight_mode", "target_tensors"])
# Learning rates that Keras itself gave, and tensorflow.keras did not.
RATES = {"Adadelta": 1.0, "Adagrad": 0.01, "Nadam": 0.002, "Adamax": 0.002}
OPTIMIZER = {"lr": "learning_rate", "schedule_decay": None}
SAVE = dict.fromkeys(["save_format", "signatures", "options", "save_traces"])
CHECKPOINT = dict.fromkeys(["load_weights_on_restart", "options"])
CALLBACKS = {
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    "TensorBoard": dict.fromkeys(["batch_size", "write_grads", "embeddings_layer_names", "embeddings_data"]),
    "ProgbarLogger": dict.fromkeys(["count_mode", "stateful_metrics"]),
}
# Metrics that have two names: a script may ask for either.
SPELLINGS = {
    "acc": "accuracy", "mse": "mean_squared_error", "mae": "mean_absolute_error", "lr": "learning_rate",
    "mape": "mean_absolute_percentage_error", "msle": "mean_squared_logarithmic_error",
}
# Functions of the backend that take two tensors of different types: Keras 2 made all tensors of one type.
OF_TWO = ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "maximum", "minimum")
MERGE = {
    "sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot",
    "cos": "Dot",
}
NUMPY = {"float": float, "int": int, "object": object, "str": str, "complex": complex, "unicode": str} | {
    "float_": "float64", "complex_": "complex128", "unicode_": "str_", "string_": "bytes_", "Inf": "inf", "NaN": "nan",
    "NAN": "nan", "Infinity": "inf", "infty": "inf", "product": "prod", "cumproduct": "cumprod", "alltrue": "all",
    "sometrue": "any", "in1d": "isin", "trapz": "trapezoid", "round_": "round", "mat": "asmatrix",
}
_SKLEARN = (
    "Keras 3 has keras.wrappers.SKLearnClassifier and SKLearnRegressor: they take a model or a function of X and y, "
    "and fit_kwargs, where KerasClassifier took build_fn"
)
ADVICE = {
    "MaxoutDense": "Keras 3 has no MaxoutDense; write keras.layers.Dense and keras.layers.Maximum",
    "Highway": "Keras 3 has no Highway; write a keras.layers.Layer with a Dense transform and a Dense gate",
    "Merge": "Keras 3 has no Merge; call keras.layers.concatenate, add or multiply on outputs, in a keras.Model",
    "merge": "Keras 3 has no such merge; write Concatenate, Add, Dot or, for your own mode, Lambda of keras.layers",
    "model_from_yaml": "Keras reads no YAML any more; write keras.models.model_from_json",
    "model_from_config": "Keras 3 has no model_from_config; write keras.Model.from_config or Sequential.from_config",
    "HDF5Matrix": "Keras 3 has no HDF5Matrix; read the array with h5py.File(path)[name][:]",
    "Graph": "Keras 3 has no Graph; write keras.Model(inputs, outputs)",
    "AtrousConvolution1D": "Keras 3 has no AtrousConvolution1D; write keras.layers.Conv1D with dilation_rate",
    "AtrousConvolution2D": "Keras 3 has no AtrousConvolution2D; write keras.layers.Conv2D with dilation_rate",
    "Deconvolution2D": "Keras 3 has no Deconvolution2D; write keras.layers.Conv2DTranspose, without output_shape",
    "LocallyConnected1D": "Keras 3 has no LocallyConnected1D; write keras.layers.Conv1D",
    "LocallyConnected2D": "Keras 3 has no LocallyConnected2D; write keras.layers.Conv2D",
    "SReLU": "Keras 3 has no SReLU; write keras.layers.PReLU",
    "ParametricSoftplus": "Keras 3 has no ParametricSoftplus; write keras.layers.PReLU",
    "BaseLogger": "Keras 3 averages metrics itself; leave BaseLogger out",
    "fmeasure": "Keras 3 has no 'fmeasure'; write keras.metrics.F1Score() in metrics",
    "fbeta_score": "Keras 3 has no 'fbeta_score'; write keras.metrics.FBetaScore() in metrics",
    "precision": "Keras 3 has no 'precision'; write keras.metrics.Precision() in metrics",
    "recall": "Keras 3 has no 'recall'; write keras.metrics.Recall() in metrics",
    "function": "Keras 3 has no keras.backend.function; write keras.Model(inputs, outputs)",
    "in_train_phase": "Keras 3 has no keras.backend.in_train_phase; use the training argument of Layer.call",
    "placeholder": "Keras 3 has no placeholders; write keras.Input",
    "contrib": "TensorFlow 2 has no tensorflow.contrib; Keras took over a part, in keras.layers and keras.optimizers",
    "estimator": "TensorFlow has no estimators any more; write keras.Model.fit",
    "AdamOptimizer": "TensorFlow 2 has no tf.train.AdamOptimizer; write keras.optimizers.Adam",
    "RMSPropOptimizer": "TensorFlow 2 has no tf.train.RMSPropOptimizer; write keras.optimizers.RMSprop",
    "GradientDescentOptimizer": "TensorFlow 2 has no tf.train.GradientDescentOptimizer; write keras.optimizers.SGD",
    "scikit_learn": _SKLEARN, "KerasClassifier": _SKLEARN, "KerasRegressor": _SKLEARN,
}
# fmt: on
