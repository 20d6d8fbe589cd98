"""Packages that a model file does without: Keras itself, or some that Keras imports. A trial then starts faster."""

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from snakeras.core.errors import UserError
from snakeras.model_file import syntax

# Keras uses these only for DataFrames, for its scikit-learn wrappers and for plots.
OPTIONAL = ("matplotlib", "pandas", "sklearn")
_MENTIONED = re.compile(r"matplotlib|pandas|sklearn|wrappers|visualization|importlib|__import__|exec\(|eval\(")
# Any other package might return a DataFrame.
_WITHOUT_THEM = {"hyperas", "hyperopt", "keras", "mflux_ai", "mlflow", "numpy", "scipy", "tensorflow"}
# Also in the names of packages that build on them.
_KERAS = re.compile(r"keras|tensorflow", re.IGNORECASE)


def uses_keras(paths: Iterable[Path]) -> bool:
    """Return whether a script or one of its own modules names Keras or TensorFlow, but for comments and prose."""
    paths = [Path(path) for path in paths]
    local = {path.stem for path in paths} | {path.parent.name for path in paths}
    for path in paths:
        try:
            module = syntax.parse(path)
        # The loader reports what is wrong with a file.
        except UserError:
            continue
        named = [item.statement for item in module.imports if item.root not in local]
        nodes = list(ast.walk(module.tree))
        texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        calls = {getattr(node.func, "id", None) for node in nodes if isinstance(node, ast.Call)}
        # Without these, what importlib may be given.
        named += texts if calls & {"exec", "eval"} else filter(re.compile(r"[\w.]+").fullmatch, texts)
        if any(map(_KERAS.search, named)):
            return True
    return False


def needless(paths: Iterable[Path]) -> list[str]:
    """Return the packages of ``OPTIONAL`` if a script and its own modules certainly do not need them, else none."""
    paths = [Path(path) for path in paths]
    local = {path.stem for path in paths} | {path.parent.name for path in paths}
    try:
        for path in paths:
            module = syntax.parse(path)
            imported = {item.root for item in module.imports}
            if _MENTIONED.search(module.text) or imported - local - _WITHOUT_THEM - sys.stdlib_module_names:
                return []
    # The loader reports what is wrong with a file.
    except UserError:
        return []
    return list(OPTIONAL)
