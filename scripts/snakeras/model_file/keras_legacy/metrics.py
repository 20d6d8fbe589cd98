"""Metrics that have another name in another version of Keras, such as ``acc`` and ``accuracy``."""

from collections.abc import Iterator

from snakeras.model_file.keras_legacy.tables import SPELLINGS
from snakeras.model_file.keras_legacy.translation import warn


def spellings(name: object) -> Iterator[str]:
    """Yield the other names of a metric, with the same prefix (``val_``)."""
    for pair in SPELLINGS.items() if isinstance(name, str) else ():
        for one, other in (pair, pair[::-1]):
            if name == one or name.endswith("_" + one):
                yield name[: -len(one)] + other


class Metrics(dict):
    """Values by metric, which are also found under the metric's other names."""

    def __missing__(self, name: str) -> object:
        """Return the value under another name, with a warning."""
        for other in spellings(name):
            if other in self.keys():
                warn(f"the metric {name!r} is {other!r} here", always=True)
                return self[other]
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        """Return whether the metric is here, under any of its names."""
        return super().__contains__(name) or any(map(super().__contains__, spellings(name)))

    def get(self, name: str, default: object = None) -> object:
        """Return the value under any of the metric's names, or the default."""
        try:
            return self[name]
        except KeyError:
            return default
