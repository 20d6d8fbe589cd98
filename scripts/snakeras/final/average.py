"""The average of several models as one model, which loads and predicts by itself."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from snakeras.core.errors import UserError
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
    names = getattr(first, "output_names", None) or [first.layers[-1].name]  # a Sequential has no such attribute
    given = keras.tree.map_structure(
        lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), inputs
    )
    losses = _losses(first, names)
    for name, model in models.items():
        model.name = f"member_{name}"
    predicted = [keras.tree.flatten(model(given)) for model in models.values()]
    combined = [_combined(own, _from_logits(loss)) for loss, *own in zip(losses, *predicted, strict=True)]
    averaged = [
        keras.layers.Identity(name=name, dtype=tensor.dtype)(tensor)
        for name, tensor in zip(names, combined, strict=True)
    ]
    mean = keras.Model(given, keras.tree.pack_sequence_as(outputs, averaged), name="ensemble")
    if first.compiled:
        config = keras.saving.deserialize_keras_object(first.get_compile_config())
        # Not the optimizer: its state would be saved too.
        mean.compile(**{key: config.get(key) for key in ("loss", "loss_weights", "metrics", "weighted_metrics")})
    return mean


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


def _losses(model: "keras.Model", names: list[str]) -> list:
    """Return the loss that each output is compiled with; None where none is."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        return [loss.get(name) for name in names]
    return list(loss) if isinstance(loss, list | tuple) else [loss] * len(names)


def _from_logits(loss: object) -> Callable | None:
    """Return what makes logarithms of probabilities of a model's outputs, if its loss takes logits; else None."""
    import keras

    if not getattr(loss, "from_logits", False):
        return None
    binary = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
    return keras.ops.log_sigmoid if isinstance(loss, binary) else keras.ops.log_softmax


def _combined(outputs: list, log_probabilities: Callable | None) -> object:
    """Return the mean of tensors, in single precision if they are of half; by probabilities if they are logits."""
    from keras import ops

    half = outputs[0].dtype in ("float16", "bfloat16")
    outputs = [ops.cast(output, "float32") for output in outputs] if half else outputs
    if log_probabilities is None:
        return ops.mean(ops.stack(outputs), axis=0)

    def log_mean(tensors: list) -> object:
        return ops.logsumexp(ops.stack(list(map(log_probabilities, tensors))), axis=0) - math.log(len(tensors))

    if log_probabilities is ops.log_softmax:
        return log_mean(outputs)
    # The logit of a mean probability: of it, and of the other class.
    return log_mean(outputs) - log_mean([-output for output in outputs])


def _vote(models: dict[str, object]) -> object:
    """Return estimators, which are trained, as one that votes: by the means of their probabilities or values."""
    from sklearn.base import is_classifier
    from sklearn.ensemble import VotingClassifier, VotingRegressor
    from sklearn.frozen import FrozenEstimator

    (first_name, first), *others = models.items()
    for name, model in others:
        if (is_classifier(model), _classes(model)) != (is_classifier(first), _classes(first)):
            raise UserError(
                f"{KEY}: members {first_name} and {name} cannot be averaged: one is a {type(first).__name__} of "
                f"classes {_classes(first)}, the other a {type(model).__name__} of classes {_classes(model)}"
            )
    needed = "predict_proba" if is_classifier(first) else "predict"
    for name, model in models.items():
        if not hasattr(model, needed):
            raise UserError(
                f"{KEY}: a {type(model).__name__} (member {name}) has no {needed}, so it cannot be averaged"
            )
    frozen = [(f"member_{name}", FrozenEstimator(model)) for name, model in models.items()]
    if is_classifier(first):
        # Frozen estimators are not fitted: this tells the classes alone.
        return VotingClassifier(frozen, voting="soft").fit(first.classes_, first.classes_)
    return VotingRegressor(frozen).fit([0], [0])


def _classes(model: object) -> str:
    return str(getattr(model, "classes_", None))
