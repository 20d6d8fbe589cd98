"""The calls of Hyperas's search in a model file, and the functions that they hand over."""

import ast
import builtins
import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NamedTuple

from snakeras.core.errors import UserError
from snakeras.model_file import syntax
from snakeras.model_file.syntax import Definition, Module
from snakeras.model_file.templates import TEMPLATE

# Hyperas's functions that search: the positions of the arguments that name functions.
SEARCHES = {
    "minimize": {"model": 0, "data": 1, "functions": 5},
    "best_ensemble": {"model": 1, "data": 2, "functions": 9},
    "best_models": {"model": 1, "data": 2, "functions": 6},
}


class Found(NamedTuple):
    """A function or class, in the file that it stands in, as seen from where it stands."""

    module: Module
    name: str

    @property
    def node(self) -> Definition:
        """Its syntax tree."""
        return self.module.definitions[self.name]


@dataclass(frozen=True)
class SearchCall:
    """A call that may be one of Hyperas's: SciPy has a ``minimize`` too."""

    module: Module  # as seen from the call
    arguments: dict[str, ast.expr]
    is_hyperas: bool  # certainly

    def function(self, argument: str) -> Found | None:
        """Return the function that an argument names; None without one.

        Raises:
            UserError: When it is one that cannot be searched, or is not found.
        """
        for value in self._values(argument):
            try:
                found = resolved(value, self.module)
            except UserError:
                if self.is_hyperas:
                    raise
                continue
            if found and isinstance(found.node, syntax.Function):
                return found
        return None

    def helpers(self) -> list[Found]:
        """Return what ``functions`` names, but for what is imported from elsewhere: its import is enough."""
        found = []
        for value in self._values("functions"):
            with suppress(UserError):
                found.append(resolved(value, self.module))
        return list(filter(None, found))

    def _values(self, argument: str) -> list[ast.expr | None]:
        value = self.arguments.get(argument)
        # Some scripts pass data() in place of data.
        return [getattr(item, "func", item) for item in getattr(value, "elts", [value])]

    def data_arguments(self) -> tuple[list[ast.expr], dict[str, ast.expr]]:
        """Return the values for the data function's parameters, by position and by name. Raise UserError for others."""
        data, given = self.arguments.get("data"), self.arguments.get("data_args")
        if isinstance(data, ast.Call) and given is None:
            named = {keyword.arg: self._known(keyword.value) for keyword in data.keywords if keyword.arg}
            return [self._known(value) for value in data.args], named
        given = self._known(given) if given else ast.Tuple([])
        if not isinstance(given, ast.Tuple | ast.List):
            raise UserError(
                f"{_at(self.module, self.arguments['data_args'])}: found data_args={ast.unparse(given)}, expected the "
                "values in brackets, such as data_args=(1, 2)"
            )
        return given.elts, {}

    def _known(self, value: ast.expr) -> ast.expr:
        """Return a value with variables replaced by what is assigned to them: the assignments do not run."""
        module = self.module

        class Replaced(ast.NodeTransformer):
            def visit_Name(self, node: ast.Name) -> ast.expr:
                known = {item.name for item in module.imports} | set(module.definitions) | set(dir(builtins))
                assigned = module.value_of(node.id)
                methods = [inner.func for inner in ast.walk(assigned or node) if isinstance(inner, ast.Call)]
                roots = {ast.unparse(method).partition(".")[0] for method in methods}
                # What a method returns depends on what its object has been told before, as of a parser of arguments.
                if roots - known or (assigned is None and node.id not in known):
                    raise UserError(
                        f"{_at(module, node)}: the data function gets {node.id}, which is set where nothing runs; "
                        "write its value"
                    )
                return node if assigned is None else self.visit(copy.deepcopy(assigned))

        return Replaced().visit(copy.deepcopy(value))


def calls(module: Module) -> Iterator[SearchCall]:
    """Yield the calls in a file that may search, in its order."""
    for node, around in syntax.in_scopes(module.tree):
        name = module.full_name(node.func) if isinstance(node, ast.Call) else None
        if positions := SEARCHES.get((name or "").rpartition(".")[2]):
            values = {key: node.args[place] for key, place in positions.items() if place < len(node.args)}
            keywords = _keywords(node, module.seen_from(around))
            is_hyperas = name.startswith("hyperas.") or "model" in keywords
            yield from _handed_on(SearchCall(module.seen_from(around), values | keywords, is_hyperas))


def _keywords(call: ast.Call, module: Module) -> dict[str, ast.expr]:
    """Return the arguments that a call gives by name, also by ``**`` and a dict that can be followed."""
    found = {}
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg is None and isinstance(value, ast.Name):
            value = module.value_of(value.id)
        if keyword.arg is not None:
            found[keyword.arg] = value
        elif isinstance(value, ast.Dict):
            pairs = zip(value.keys, value.values, strict=True)
            found |= {key.value: item for key, item in pairs if isinstance(key, ast.Constant)}
        elif isinstance(value, ast.Call) and getattr(value.func, "id", None) == "dict":
            found |= {inner.arg: inner.value for inner in value.keywords if inner.arg}
    return found


def _handed_on(call: SearchCall) -> Iterator[SearchCall]:
    """Yield a call with what the callers of the function around it give for that function's parameters."""
    module, function = call.module, next(reversed(call.module.around), None)
    if not isinstance(function, syntax.Function):
        yield call
        return
    names, (required, defaults) = syntax.positional(function), syntax.parameters(function)
    is_method = names[:1] == ["self"]
    passed = {key: value.id for key, value in call.arguments.items() if isinstance(value, ast.Name)}
    passed = {key: name for key, name in passed.items() if name in [*required, *defaults]}
    callers = []
    for node, around in syntax.in_scopes(module.tree) if passed else []:
        if isinstance(node, ast.Call) and getattr(node.func, "attr" if is_method else "id", None) == function.name:
            here = module.seen_from(around)
            given = dict(zip(names[is_method:], node.args, strict=False)) | _keywords(node, here)
            known = {key: given[name] for key, name in passed.items() if name in given}
            callers.append(replace(call, module=here, arguments=call.arguments | known))
    yield from callers or [call]


def named(name: str, module: Module) -> Found | None:
    """Return the function of a name that the configuration gives, wherever in the file it stands; None without one."""
    if name in module.functions:
        return Found(module, name)
    for node, around in syntax.in_scopes(module.tree):
        if isinstance(node, syntax.Function) and node.name == name:
            if around and isinstance(around[-1], ast.ClassDef):
                raise UserError(_no_method(module, node, f"{around[-1].name}.{name}"))
            return Found(module.seen_from(around), name)
    try:
        return resolved(ast.parse(name, mode="eval").body, module)
    except (SyntaxError, UserError):
        return None


def check_methods(module: Module) -> None:
    """Raise UserError if a method of the file has templates."""
    for node, around in syntax.in_scopes(module.tree):
        is_method = isinstance(node, syntax.Function) and around and isinstance(around[-1], ast.ClassDef)
        if is_method and TEMPLATE.search(ast.get_source_segment(module.text, node)):
            raise UserError(_no_method(module, node, f"{around[-1].name}.{node.name}"))


def resolved(value: ast.expr | None, module: Module) -> Found | None:
    """Return the function or class that an expression names, here or in a module beside the model file.

    None for what names no function in a way that can be followed.

    Raises:
        UserError: When it is one that Hyperas cannot take, or is in no module beside the file.
    """
    match value:
        case ast.Name(id=name) if found := of_name(name, module):
            return found
        case ast.Name(id=name) if assigned := module.value_of(name):
            return resolved(assigned, module)
        case ast.Name(id=name):
            targets = module.targets(name, stars=False)
            if targets == [name]:
                return None
        case ast.Attribute():
            targets = [module.full_name(value) or ""]
            root = ast.unparse(value).partition(".")[0]
            if root not in {item.name for item in module.imports} or not targets[0]:
                raise UserError(_no_method(module, value, ast.unparse(value)))
        case ast.Lambda():
            raise UserError(f"{_at(module, value)}: a lambda cannot be searched, make it a function")
        case _:
            return None
    there, rest = syntax.beside(module.folder, targets[0]) or (None, [])
    if len(rest) == 1 and (found := of_name(rest[0], there)):
        return found
    if len(rest) > 1:
        raise UserError(_no_method(module, value, ast.unparse(value)))
    raise UserError(
        f"{_at(module, value)}: found {ast.unparse(value)}, expected a function of this file or of a module beside it"
    )


def of_name(name: str, module: Module) -> Found | None:
    """Return the function or class of a name: the file's own, or imported from a module beside the model file."""
    if name in module.definitions:
        return Found(module, name)
    for target in module.targets(name, stars=True):
        there, rest = syntax.beside(module.folder, target) or (None, [])
        if len(rest) == 1 and there.path != module.path and (found := of_name(rest[0], there)):
            return found
    return None


def _no_method(module: Module, node: ast.AST, text: str) -> str:
    return f"{_at(module, node)}: found the method {text}; a method cannot be searched, make it a function"


def _at(module: Module, node: ast.AST) -> str:
    return f"{module.path}, line {node.lineno}"
