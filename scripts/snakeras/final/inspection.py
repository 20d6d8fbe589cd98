"""Inspect a trained model: the test rows that it gets wrong, and its layers."""

import math
import textwrap
from pathlib import Path

import numpy as np

from snakeras.core import files
from snakeras.core.text import number
from snakeras.data import arrays

MOST = 100  # mistakes that are kept
NUMBERS, TEXT = 8, 300  # how many numbers of an input are shown, and how many characters of a text
SMALLEST_SIDE, LARGEST_SIDE = 8, 128  # pixels of an image
MNIST_PIXELS = 28 * 28
# Rounding, also in half precision, may take a probability this far out of 0 to 1.
ROUNDING = 1e-3


def no_mistakes() -> arrays.Arrays:
    """Return the mistakes of a model that is no classifier, or was not tested."""
    return _typed(False, [], rows=0, count=0, index=[], true=[], predicted=[])


def mistakes(outputs: np.ndarray, x: object, y: np.ndarray, texts: object = None) -> arrays.Arrays:
    """Return the misclassified rows of a test, the most confident first.

    Args:
        outputs: What the model predicted, shape (n, classes), or (n, 1) for two classes. Values outside 0 to 1 are
            taken for logits and become probabilities by softmax (or the logistic function).
        x: Inputs of the model: an array of shape (n, ...), or a list of such.
        y: Targets, as ``classes`` takes them.
        texts: A text for each row that the inputs were made from, if there is one.

    Returns:
        dict of str to numpy.ndarray: ``classified`` (bool): whether this is a classification at all; ``rows`` and
            ``count`` (int64): how many rows were tested and how many of them are misclassified; and of the first 100 of
            these ``index`` (the row), ``true``, ``predicted`` (classes), all int64, and ``probability`` (float32, of
            the predicted class). If the input is images, also ``image``: float32, shape (k, height, width) or (k,
            height, width, 3), 0 to 1 over the range of all of ``x``; of a side longer than 128 pixels only every
            second, third, ... pixel. Else ``input``, in words: the text, or the first numbers.
    """
    true, predicted = classes(y, outputs)
    if true is None:
        return no_mistakes()
    wrong = np.flatnonzero(true != predicted)
    probability = _probabilities(outputs)[wrong, predicted[wrong]]
    # A stable sort keeps equals in the order of the rows; NaN comes last.
    first = np.argsort(-probability, kind="stable")[:MOST]
    index = wrong[first]
    known = {"index": index, "true": true[index], "predicted": predicted[index]}
    found = _typed(True, probability[first], rows=len(true), count=len(wrong), **known)
    images = _images(x, index)
    if images is not None:
        return found | {"image": images}
    return found | {"input": np.array([_in_words(x if texts is None else texts, row) for row in index], str)}


def write(path: Path, found: arrays.Arrays) -> None:
    """Write mistakes as .npz, whole or not at all; the same mistakes give the same bytes."""
    with files.whole(path) as temporary:
        np.savez_compressed(temporary, **found)


def classes(y: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """Return true and predicted class per row, int64 of shape (n,); (None, None) where this is no classification.

    Targets ``y`` are one-hot (n, classes), class numbers (n,) or (n, 1), or anything else. Outputs have the shape
    (n, classes), or (n, 1) for two classes.
    """
    labels = arrays.labels_of(y)
    if labels is None or labels.dtype.kind not in "iubf" or outputs.ndim != 2:
        return None, None
    labels = labels.astype(int)
    count = outputs.shape[1]
    if count == 1:
        least = 0.0 if _are_logits(outputs) else 0.5
        return (labels, (outputs[:, 0] > least).astype(int)) if set(np.unique(labels)) <= {0, 1} else (None, None)
    if labels.min() < 0 or labels.max() >= count:
        return None, None
    return labels, outputs.argmax(axis=1)


def _typed(classified: bool, probability: object, **whole: object) -> arrays.Arrays:
    return {
        "classified": np.bool_(classified),
        **{name: np.asarray(values, np.int64) for name, values in whole.items()},
        "probability": np.asarray(probability, np.float32),
    }


def _probabilities(outputs: np.ndarray) -> np.ndarray:
    """Return the probability of each class, shape (n, classes), float64."""
    from scipy.special import softmax

    outputs = outputs.astype(np.float64)
    single = outputs.shape[1] == 1
    if _are_logits(outputs):
        logits = np.hstack([np.zeros_like(outputs), outputs]) if single else outputs
        with np.errstate(invalid="ignore"):
            return softmax(logits, axis=1)
    outputs = outputs.clip(0, 1)
    return np.hstack([1 - outputs, outputs]) if single else outputs


def _are_logits(outputs: np.ndarray) -> bool:
    return bool(np.any((outputs < -ROUNDING) | (outputs > 1 + ROUNDING)))


def _images(x: object, index: np.ndarray) -> np.ndarray | None:
    if isinstance(x, list | tuple) and len(x) == 1:
        (x,) = x
    shape = tuple(getattr(x, "shape", ()))
    if shape[1:] == (MNIST_PIXELS,):
        shape = (shape[0], 28, 28)
    flat = len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
    if not (flat or (len(shape) == 4 and shape[3] == 3)) or min(shape[1:3]) < SMALLEST_SIDE:
        return None
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        return None
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    step = math.ceil(max(shape[1:3]) / LARGEST_SIDE)
    chosen = x[index].reshape(len(index), *shape[1:3], *(() if flat else (3,)))[:, ::step, ::step]
    scaled = (chosen.astype(np.float64) - low) / ((high - low) or 1.0)
    return np.nan_to_num(scaled).clip(0, 1).astype(np.float32)


def _in_words(x: object, row: int) -> str:
    """Return an input as people may read it: a text, or its first numbers without zeros that fill a sequence up."""
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, list | tuple) and all(getattr(part, "ndim", 0) for part in x):
        return "; ".join(_in_words(part, row) for part in x)
    value = np.ravel(x.iloc[row] if hasattr(x, "iloc") else x[row])
    if value.dtype.kind in "iu" and len(value) > NUMBERS:
        value = np.trim_zeros(value)
    words = [number(item) for item in value[:NUMBERS].tolist()] + ["…"] * (len(value) > NUMBERS)
    return textwrap.shorten(", ".join(words), TEXT, placeholder=" …")


def layers(model: object | None) -> str:
    """Return Keras's own summary of a model as text, or an estimator's; a line that says so where there is none."""
    if model is None:
        return "There is no final model, and so it has no layers.\n"
    if not hasattr(model, "summary"):
        return f"{model}\n"
    lines: list[str] = []
    model.summary(line_length=100, expand_nested=True, print_fn=lambda line, **_: lines.append(line))
    return "\n".join(lines) + "\n"
