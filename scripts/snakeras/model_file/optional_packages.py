"""Packages that Keras imports in case that someone uses them, and that most scripts can do without."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from snakeras.core.errors import UserError
from snakeras.model_file import parser

# Keras does without these: they are for its DataFrames, its scikit-learn wrappers and its plots.
OPTIONAL = ("matplotlib", "pandas", "sklearn")
_MENTIONED = re.compile(r"matplotlib|pandas|sklearn|wrappers|visualization|importlib|__import__|exec\(|eval\(")
# Whatever else a script imports might give it a DataFrame.
_WITHOUT_THEM = {"hyperas", "hyperopt", "keras", "mflux_ai", "mlflow", "numpy", "scipy", "tensorflow"}


def needless(paths: Iterable[Path]) -> list[str]:
    """The packages of ``OPTIONAL``, if a Hyperas script cannot come to use what Keras wants them for; else none.

    Parameters
    ----------
    paths
        Of the script and of all modules of the user's own that it imports.
    """
    paths = [Path(path) for path in paths]
    own = {path.stem for path in paths} | {path.parent.name for path in paths}
    try:
        for path in paths:
            text, imported = parser.imported_packages(path)
            if _MENTIONED.search(text) or imported - own - _WITHOUT_THEM - sys.stdlib_module_names:
                return []
    # What is wrong with a file is said where it is loaded.
    except UserError:
        return []
    return list(OPTIONAL)
