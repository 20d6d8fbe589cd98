"""A search space by the names and values that people see, as those of ``hyperparameters`` in best.json."""

import difflib
import math
import re
from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from snakeras.core.errors import UserError
from snakeras.model_file import parser, search_space
from snakeras.search import trial_records
from snakeras.search.samplers.space import Hyperparameter, Point, Space

TEXTS = {"true": True, "false": False, "null": None, "none": None, "~": None}
# The text of an option that is shown as it stands: a class by its spelling (a layer, an optimizer), or a dict.
CLASS = re.compile(r"(\w+\.)*([A-Z]\w*[a-z]\w*|dict)(\(.*\))?", re.DOTALL)


class Outside(UserError):
    """A value that a search space does not have; ``brief`` is what is said where many are counted."""

    def __init__(self, name: str, reason: str, brief: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.brief = brief


class NamedSpace:
    """A search space by the names that are shown; hyperparameters inside a choice have hyperopt's own.

    Args:
        script: The model file.
        space: Its space by hyperopt's labels; None for what only a trial knows, which takes any value.
    """

    def __init__(self, script: parser.HyperasScript, space: dict[str, object | None]) -> None:
        from hyperopt.pyll import as_apply

        shown = {name.label: name.shown for name in script.names}
        known = {label: as_apply(node) for label, node in space.items() if node is not None}
        self.flat = Space(as_apply(known))
        self._one = {one.label: one for one in self.flat.hyperparameters}
        self._texts = script.choices
        self._nodes = {label: node for outer, graph in known.items() if shown[outer] for label, node in _inside(graph)}
        self.labels = {shown.get(label, label): label for label in self._nodes}
        self._unknown = {shown[label] for label, node in space.items() if node is None and shown[label]}
        options = [option.obj for node in self._nodes.values() for option in _options(node) if option.name == "literal"]
        self._unseen = [option.text for option in options if isinstance(option, search_space.Unseen)]

    def read(self, point: dict) -> tuple[Point, dict]:
        """Return hyperopt's values for values by the names that are shown, and these as a trial would show them.

        Choices that the names of hyperparameters inside them call for are among hyperopt's values.

        Raises:
            Outside: When the space has no such hyperparameter or value.
        """
        values, shown = {}, {}
        # Those inside choices tell between options of the same value.
        for name, given in sorted(point.items(), key=lambda pair: not self._is_inner(pair[0])):
            if name in self._unknown or any(re.search(rf"(['\"]){re.escape(name)}\1", text) for text in self._unseen):
                shown[name] = as_written(given)
                continue
            if name not in self.labels:
                names = [*self.labels, *self._unknown]
                close = difflib.get_close_matches(name, names, n=1)
                expected = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(names)}"
                raise Outside(name, f"unknown hyperparameter, {expected}", f"with {name}, which this search lacks")
            found, shown[name] = self._matched(name, given, values)
            if any(values.get(label, found[label]) != found[label] for label in found):
                inner = ", ".join(other for other in point if self._is_inner(other))
                said = f"found {given!r}, which contradicts what the point has for {inner}"
                raise Outside(name, said, f"with {name} and {inner} in contradiction")
            values |= found
            values |= self._led_to(name, values)
        return values, shown

    def _is_inner(self, name: str) -> bool:
        """Return whether a name is that of a hyperparameter inside a choice."""
        return name in self.labels and frozenset() not in self._one[self.labels[name]].paths

    def completed(self, values: Point, drawn: Point, seed: int) -> Point:
        """Return ``values``, and what they leave out as it was ``drawn``; in branches that were not, from ``seed``."""
        from hyperopt.pyll.stochastic import sample

        rng, point = np.random.default_rng(seed), {}
        for one in self.flat.hyperparameters:
            if self.flat.applies(one, point):
                known = values if one.label in values else drawn
                node = self._nodes.get(one.label)
                point[one.label] = known[one.label] if one.label in known else one.plain(sample(_index(node), rng))
        return point

    def missing(self, values: Point, point: dict) -> list[str]:
        """Return the names of the hyperparameters that apply and that a ``point`` of these ``values`` leaves out."""
        names = {label: name for name, label in self.labels.items()}
        known = [one for one in self.flat.hyperparameters if one.label in names and self.flat.applies(one, values)]
        missing = [names[one.label] for one in known if one.label not in values]
        return missing + sorted(self._unknown - point.keys())

    def with_inner(self, hyperparameters: dict, point: dict) -> dict:
        """Return a trial's ``hyperparameters`` with those inside its choices, which best.json has in ``point`` alone.

        Where a choice shows a text, its text does not tell of them. In ``point`` a choice is the index of its option.
        """
        inner = {}
        for name, value in point.items():
            if name in hyperparameters:
                continue
            options = _options(self._nodes[self.labels[name]]) if name in self.labels else []
            if not options:
                inner[name] = value
            elif value in range(len(options)) and options[value].name == "literal":
                inner[name] = trial_records.plain(options[value].obj)
        return hyperparameters | inner

    def _matched(self, name: str, given: object, known: Point) -> tuple[Point, object]:
        """Return hyperopt's values for one hyperparameter, and how its value is shown; raise Outside as ``read``."""
        label = self.labels[name]
        node = self._nodes[label]
        # --config hands over texts.
        for value in (given, as_written(given)):
            if (found := self._match(node, value, known)) is not None:
                if node.name != "switch":
                    return found, found[label]
                option = _options(node)[found[label]]
                is_plain = option.name == "literal" and _alike(trial_records.plain(option.obj), value)
                return found, trial_records.plain(option.obj) if is_plain else value
        expected = self._expected(label, as_written(given))
        raise Outside(name, f"found {given!r}, expected {expected}", f"with {name} outside of this search's space")

    def _match(self, node: object, value: object, known: Point) -> Point | None:
        """Return hyperopt's values for which a node of its graph has this value; None if there are none.

        Where there are several, those that agree with what is ``known`` are meant.
        """
        match node.name:
            case "literal":
                return {} if _alike(trial_records.plain(node.obj), value) else None
            case "switch":
                return self._choice(node, value, known)
            case "hyperopt_param":
                one = self._one[node.arg["label"].obj]
                found = allowed(one, value)
                return None if found is None else {one.label: found}
            case "float" | "int":
                return self._match(node.inputs()[0], value, known)
            case "pos_args" if isinstance(value, list) and len(value) == len(node.pos_args):
                parts = [self._match(*pair, known) for pair in zip(node.pos_args, value, strict=True)]
            case "dict" if isinstance(value, dict) and set(value) == {key for key, _ in node.named_args}:
                parts = [self._match(inner, value[key], known) for key, inner in node.named_args]
            case _:
                return None
        if None in parts:
            return None
        return {label: inner for part in parts for label, inner in part.items()}

    def _choice(self, node: object, value: object, known: Point) -> Point | None:
        """Return ``_match`` of a choice: its option of that value, else of that text, else one that may be it."""
        label, options = _index(node).arg["label"].obj, _options(node)
        matches = enumerate(self._match(option, value, known) for option in options)
        if found := [{label: place} | inner for place, inner in matches if inner is not None]:

            def differs(one: Point) -> tuple[bool, bool]:
                # Of 1 and 1.0 the one of the same type.
                is_other = type(getattr(options[one[label]], "obj", value)) is not type(value)
                return any(known.get(key, one[key]) != one[key] for key in one), is_other

            return min(found, key=differs)
        texts = zip(self._texts.get(label, []), options, strict=False)
        by_text = {text: place for place, (text, option) in enumerate(texts) if not _is_plain(option)}
        if isinstance(value, str) and value in by_text:
            return {label: by_text[value]}
        unseen = [option.obj for option in options if option.name == "literal"]
        unseen = [option.text for option in unseen if isinstance(option, search_space.Unseen)]
        maybe = next((text for text in unseen if not CLASS.fullmatch(text)), None)
        return {label: self._texts[label].index(maybe)} if maybe else None

    def _led_to(self, name: str, values: Point) -> Point:
        """Return the choices by which a hyperparameter applies; raise Outside where ``values`` choose otherwise."""
        paths = sorted(self._one[self.labels[name]].paths, key=sorted)
        for path in paths:
            if all(values.get(choice, index) == index for choice, index in path):
                return dict(path)
        names = {label: name for name, label in self.labels.items()}
        choice, index = next(
            (choice, index) for choice, index in sorted(paths[0]) if values.get(choice, index) != index
        )
        chosen = self._option_texts(choice)[index]
        said = f"applies only where {names.get(choice, choice)} is {chosen}, expected it left out"
        raise Outside(name, said, f"with {name}, which does not apply to them")

    def _option_texts(self, label: str) -> list[str]:
        """Return the options of a choice, as a point may name them."""
        texts = self._texts.get(label, [])
        options = _options(self._nodes[label])
        if len(texts) == len(options):
            return texts
        return [repr(option.obj) if option.name == "literal" else f"option {n}" for n, option in enumerate(options)]

    def _expected(self, label: str, value: object) -> str:
        """Return what a hyperparameter may be, in words, and what of it is nearest to ``value``."""
        if self._nodes[label].name == "switch":
            return f"one of {', '.join(self._option_texts(label))}"
        one = self._one[label]
        (low, high), step = _bounds(one), _step(one)
        kind = "a number" if step is None else "a whole number" if step == 1 else f"a multiple of {step:.12g}"
        if not one.is_normal:
            kind = f"{kind} from {low:.12g} to {high:.12g}"
        elif low == 0:
            kind = f"{kind} at least 0" if step else f"{kind} above 0"
        near = _nearest(one, value)
        return kind if near is None else f"{kind}; the nearest is {near:.12g}"


def as_written(value: object) -> object:
    """Return a value with its texts as YAML means them: ``--config`` hands over texts."""
    if isinstance(value, list):
        return list(map(as_written, value))
    if isinstance(value, dict):
        return {key: as_written(inner) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        with suppress(ValueError):
            return kind(value)
    return TEXTS.get(value.lower(), value)


def allowed(one: Hyperparameter, value: object) -> float | int | None:
    """Return a value as hyperopt has it, rounded as its distribution rounds; None if it is no value of that."""
    near = _nearest(one, value)
    if near is None or not math.isclose(near, value, rel_tol=1e-9):
        return None
    return one.plain(near if _step(one) else value)


def _nearest(one: Hyperparameter, value: object) -> float | None:
    """Return the value of a distribution that is nearest to a number; None for what is none, and where none is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    (low, high), step = _bounds(one), _step(one)
    near = min(max(value, low), high)
    if step:
        return float(np.round(near / step) * step)
    return None if near == 0 and one.distribution == "lognormal" else float(near)


def _step(one: Hyperparameter) -> float | None:
    return 1 if one.distribution == "randint" else one.arguments.get("q")


def _bounds(one: Hyperparameter) -> tuple[float, float]:
    """Return the least and the largest value of a distribution that is no choice."""
    if one.is_normal:
        return (0.0 if "log" in one.distribution else -math.inf), math.inf
    step = one.arguments.get("q")
    if one.distribution == "quniform":
        return one.low * step, one.high * step
    return tuple(float(np.round(bound / step) * step) if step else bound for bound in (one.low, one.high))


def _alike(option: object, value: object) -> bool:
    """Return whether two plain values are equal, where true is not 1."""
    if isinstance(option, list) and isinstance(value, list):
        return len(option) == len(value) and all(map(_alike, option, value))
    return isinstance(option, bool) == isinstance(value, bool) and option == value


def _is_plain(option: object) -> bool:
    """Return whether an option is shown as its value: text, number, truth value or None."""
    return option.name == "literal" and isinstance(option.obj, str | bool | int | float | np.generic | None)


def _inside(node: object) -> Iterator[tuple[str, object]]:
    """Yield each hyperparameter of hyperopt's graph below a node by its label: of a choice, its switch."""
    if node.name == "switch":
        yield _index(node).arg["label"].obj, node
        for option in _options(node):
            yield from _inside(option)
    elif node.name == "hyperopt_param":
        yield node.arg["label"].obj, node
    else:
        for inner in node.inputs():
            yield from _inside(inner)


def _index(node: object) -> object:
    """Return what hyperopt draws for a hyperparameter: of a choice, its index."""
    return node.inputs()[0] if node.name == "switch" else node


def _options(node: object) -> list:
    return node.inputs()[1:] if node.name == "switch" else []
