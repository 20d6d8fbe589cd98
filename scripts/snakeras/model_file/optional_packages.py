"""Packages to hide from Keras's imports where a model file does not need them: it starts faster."""

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
