"""The average of several models as one model, which loads and predicts by itself."""

import math
from typing import TYPE_CHECKING

from snakeras.core.errors import UserError, flat
from snakeras.model_file import kept_models

if TYPE_CHECKING:
    import keras

KEY = "final.ensemble"


def of(models: dict[str, object]) -> object:
    """Return the average of trained models, given by their names.

    Keras models give a Keras model, compiled as the first of them, with its inputs and the names of its outputs; each
    output is the mean of theirs. Logits, by the loss that they are compiled with, are averaged as probabilities and
    become logits again. Estimators give scikit-learn's own VotingClassifier or VotingRegressor.

    Raises:
        UserError: When they cannot be averaged; in one line.
    """
    estimators = [name for name, model in models.items() if kept_models.is_estimator(model)]
    if estimators and len(estimators) < len(models):
        raise UserError(
            f"{KEY}: some members are Keras models, others estimators ({estimators[0]}): they have no average"
        )
    return (_vote if estimators else _mean)(models)


def _mean(models: dict[str, "keras.Model"]) -> "keras.Model":
    import keras

    first = next(iter(models.values()))
    for name, model in models.items():
        if not getattr(model, "inputs", None) or not getattr(model, "outputs", None):
            raise UserError(
                f"{KEY}: the model of member {name} has no defined inputs and outputs, so it cannot be averaged; "
                "expected a Sequential or a functional Keras model"
            )
    _check_alike(models)
    inputs, outputs = _ends(first)
    given = keras.tree.map_structure(
        lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), inputs
    )
    losses, names = _losses(first, outputs), _names(first)
    for name, model in models.items():
        model.name = f"member_{name}"
        # Else the loss would have the penalties of all members in it.
        model.trainable = False
    predicted = [keras.tree.flatten(model(given)) for model in models.values()]
    averaged = [
        keras.layers.Identity(name=name, dtype=_single(own[0].dtype))(_combined(own, loss))
        for name, loss, *own in zip(names, losses, *predicted, strict=True)
    ]
    mean = keras.Model(given, keras.tree.pack_sequence_as(outputs, averaged), name="ensemble")
    if first.compiled:
        config = keras.saving.deserialize_keras_object(first.get_compile_config())
        # Not the optimizer: its state would be saved too.
        mean.compile(**{key: config.get(key) for key in ("loss", "loss_weights", "metrics", "weighted_metrics")})
    return mean


def _names(model: "keras.Model") -> list[str]:
    """Return a name for each output: the model's own, or one that differs from all others where that is taken."""
    # A Sequential has no such attribute.
    names = getattr(model, "output_names", None) or [model.layers[-1].name]
    taken = [tensor.name for tensor in model.inputs]
    return [f"{name}_{place}" if name in taken or names.count(name) > 1 else name for place, name in enumerate(names)]


def _ends(model: "keras.Model") -> tuple[object, object]:
    """Return a model's inputs and outputs in their own structure: a tensor, a list or a dict."""
    import keras

    if isinstance(model, keras.Sequential):
        return model.inputs[0], model.outputs[0]
    return model.input, model.output


def _check_alike(models: dict[str, "keras.Model"]) -> None:
    """Raise UserError unless all models take and give the same, and give numbers that have a mean."""
    (first, form), *others = ((name, _form(model)) for name, model in models.items())
    for name, other in others:
        if other != form:
            raise UserError(
                f"{KEY}: the models of members {first} and {name} cannot be averaged: one has {form}, the other {other}"
            )
    if wrong := [output.dtype for model in models.values() for output in model.outputs if "float" not in output.dtype]:
        raise UserError(
            f"{KEY}: the models give {wrong[0]}, of which there is no mean; expected probabilities or other "
            "floating-point numbers"
        )


def _form(model: "keras.Model") -> str:
    """Return the shapes of a model's inputs and outputs in words."""
    import keras

    shapes = [keras.tree.map_structure(lambda tensor: str(tensor.shape[1:]), end) for end in _ends(model)]
    inputs, outputs = (str(shape).replace("'", "") for shape in shapes)
    return f"inputs {inputs} and outputs {outputs}"


def _losses(model: "keras.Model", outputs: object) -> list:
    """Return the loss that each output is compiled with; None where none is."""
    import keras

    loss, names = getattr(model, "loss", None), getattr(model, "output_names", [])
    paths = [path for path, _ in keras.tree.flatten_with_path(outputs)]
    if isinstance(loss, dict):
        # By the keys of a dict of outputs, else by the names of their layers.
        keys = [path[0] if path and isinstance(path[0], str) else None for path in paths]
        return [loss.get(key, loss.get(name)) for key, name in zip(keys, names or keys, strict=True)]
    return list(loss) if isinstance(loss, list | tuple) else [loss] * len(paths)


def _single(dtype: str) -> str:
    """Return the type that numbers of this type are averaged in: single precision for half."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def _combined(outputs: list, loss: object) -> object:
    """Return the mean of tensors; by probabilities if they are logits, as their loss says."""
    import keras
    from keras import ops

    if len(outputs) == 1:
        return outputs[0]
    dtype = _single(outputs[0].dtype)
    if not getattr(loss, "from_logits", False):
        return keras.layers.Average(dtype=dtype)(outputs)  # it keeps the mask of sequences
    outputs = [ops.cast(output, dtype) for output in outputs]

    def log_mean(log_probabilities: list) -> object:
        return ops.logsumexp(ops.stack(log_probabilities), axis=0) - math.log(len(outputs))

    binary = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
    if isinstance(loss, binary) or outputs[0].shape[-1] == 1:
        # The logit of a mean probability: of it, and of the other class.
        return log_mean(list(map(ops.log_sigmoid, outputs))) - log_mean([ops.log_sigmoid(-one) for one in outputs])
    return log_mean([ops.log_softmax(output, axis=getattr(loss, "axis", -1)) for output in outputs])


def _vote(models: dict[str, object]) -> object:
    """Return estimators, which are trained, as one that votes: by the means of their probabilities or values."""
    from sklearn.base import is_classifier
    from sklearn.ensemble import VotingClassifier, VotingRegressor
    from sklearn.frozen import FrozenEstimator

    (first_name, first), *others = models.items()
    for name, model in others:
        if (is_classifier(model), _knows(model)) != (is_classifier(first), _knows(first)):
            raise UserError(
                f"{KEY}: members {first_name} and {name} cannot be averaged: one is a {type(first).__name__} of "
                f"{_knows(first)}, the other a {type(model).__name__} of {_knows(model)}"
            )
    needed = "predict_proba" if is_classifier(first) else "predict"
    for name, model in models.items():
        if not hasattr(model, needed):
            raise UserError(
                f"{KEY}: a {type(model).__name__} (member {name}) has no {needed}, so it cannot be averaged"
            )
    frozen = [(f"member_{name}", FrozenEstimator(model)) for name, model in models.items()]
    try:
        if is_classifier(first):
            # Frozen estimators are not fitted: this tells the classes alone.
            return VotingClassifier(frozen, voting="soft").fit(first.classes_, first.classes_)
        if columns := _columns(first):
            raise ValueError(f"it predicts {columns} columns, expected one value a row")
        return VotingRegressor(frozen).fit([0], [0])
    # It takes no clusterings, outliers, several outputs and the like.
    except (ValueError, NotImplementedError, AttributeError) as error:
        raise UserError(
            f"{KEY}: {type(first).__name__} (member {first_name}) cannot be averaged: {flat(error)}"
        ) from None


def _columns(model: object) -> int | None:
    """Return how many columns a regressor predicts if it does not predict one value a row; None if it does."""
    import numpy as np

    if not hasattr(model, "n_features_in_"):
        return None
    predicted = np.asarray(model.predict(np.zeros((2, model.n_features_in_))))
    return predicted.shape[1] if predicted.ndim > 1 else None


def _knows(model: object) -> str:
    """Return in words what an estimator was fitted to: its features and classes."""
    return f"{getattr(model, 'n_features_in_', 'unknown')} features and classes {getattr(model, 'classes_', None)}"
