"""A Python file or notebook as a syntax tree: its imports, its functions and classes, and what these use."""

import ast
import itertools
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

from snakeras.core.errors import UserError, flat
from snakeras.model_file import notebooks

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
ImportStatement = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Import:
    """The import of one name."""

    place: str  # in words, by ``Module.place``
    statement: str
    name: str  # that it binds; "*" for all
    target: str  # the full name of what it binds, such as "pkg.net" or "net.create_model"; of "*", the module's

    @property
    def root(self) -> str:
        """The package that is imported from."""
        return self.statement.split()[1].split(".")[0]


@dataclass(frozen=True)
class Module:
    """A file's text and syntax tree, as seen from one place in it. Nothing of it is run."""

    path: Path
    text: str
    tree: ast.Module
    name: str = ""  # by which it is imported; empty for the model file
    around: tuple[Definition, ...] = ()  # the definitions around that place, outermost first; none for the top level

    @property
    def folder(self) -> Path:
        """The folder of the model file, from which modules are imported."""
        return self.path.parents[self.name.count(".") + (self.path.name == "__init__.py" and self.name != "")]

    def seen_from(self, around: tuple[Definition, ...]) -> "Module":
        """Return the file as seen from inside these definitions."""
        # Functions do not see the names of a class around them.
        return replace(self, around=(*(node for node in around[:-1] if isinstance(node, Function)), *around[-1:]))

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The functions and classes that can be seen, also those under ``if``, ``try`` and ``with``, by name."""
        scopes = (self.tree, *self.around)
        nodes = [node for scope in scopes for node in outside_definitions(scope)]
        return {node.name: node for node in nodes if isinstance(node, Definition)}

    @cached_property
    def alternatives(self) -> list[tuple[Definition, Definition]]:
        """Two functions or classes of one name in branches of an ``if`` or ``try``, of which only a run can choose."""
        found = []
        for node in (node for scope in (self.tree, *self.around) for node in outside_definitions(scope)):
            branches = [node.body, node.orelse] if isinstance(node, ast.If) else []
            if isinstance(node, ast.Try):
                branches = [[*node.body, *node.orelse], *(handler.body for handler in node.handlers)]
            inside = [list(outside_definitions(ast.Module([ast.With([], branch)], []))) for branch in branches]
            inside = [[item for item in nodes if isinstance(item, Definition)] for nodes in inside]
            pairs = [
                pair for nodes, others in itertools.combinations(inside, 2) for pair in itertools.product(nodes, others)
            ]
            found += [(one, other) for one, other in pairs if one.name == other.name]
        return found

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions among ``definitions``."""
        return {name: node for name, node in self.definitions.items() if isinstance(node, Function)}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """The imports at any depth, one for each name, in the order of the file."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ImportStatement)]
        package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        found = {}
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            # Python 3 has all that old scripts import from __future__.
            if getattr(node, "module", None) == "__future__":
                continue
            # One statement for each name: Hyperas garbles "import numpy as np, pandas as pd".
            for alias in node.names:
                if isinstance(node, ast.Import):
                    statement, name = ast.Import([alias]), alias.asname or alias.name.split(".")[0]
                    target = alias.name if alias.asname else name
                else:
                    # A script is not in a package: what it imports from "." lies beside it.
                    above = package[: len(package) + 1 - node.level] if node.level else []
                    source = ".".join(filter(None, [*above, node.module]))
                    statement = ast.ImportFrom(source, [alias], 0) if source else ast.Import([alias])
                    name = alias.asname or alias.name
                    target = source if name == "*" else ".".join(filter(None, [source, alias.name]))
                text = ast.unparse(statement)
                found.setdefault(text, Import(self.place(node.lineno), text, name, target))
        return tuple(found.values())

    @cached_property
    def unparsed(self) -> dict[int, str]:
        """How ``ast.unparse`` writes the first line of the statement that begins in a line, by the line's number."""
        statements = [node for node in ast.walk(self.tree) if isinstance(node, ast.stmt)]
        return {node.lineno: ast.unparse(node).split("\n")[0] for node in reversed(statements)}

    def place(self, line: int) -> str:
        """Return a line's place in words: its number, behind the file's name if it is not the model file."""
        return f"{self.path.relative_to(self.folder)}, line {line}" if self.name else f"line {line}"

    def shown(self, line: int) -> str:
        """Return a line's place in words, and how it reads."""
        return f"{self.place(line)}: {flat(self.text.split(chr(10))[line - 1])}"

    def import_of(self, name: str) -> Import:
        """Return the import, by others, of a variable that the top level sets."""
        nodes = [node for node in outside_definitions(self.tree) if isinstance(node, ast.Name) and node.id == name]
        return Import(self.place(nodes[0].lineno), f"from {self.name} import {name}", name, f"{self.name}.{name}")

    @cached_property
    def hidden(self) -> set[str]:
        """The variables of the functions around, which do not exist when a trial runs."""
        around = [node for node in self.around if isinstance(node, Function)]
        arguments = {inner.arg for node in around for inner in ast.walk(node.args) if isinstance(inner, ast.arg)}
        return arguments.union(*map(assigned, around))

    def value_of(self, name: str) -> ast.expr | None:
        """Return what a variable is, if one assignment is all that sets it."""
        for scope in reversed((self.tree, *self.around)):
            nodes = list(outside_definitions(scope))
            if any(isinstance(node, ast.arg) and node.arg == name for node in nodes):
                return None
            if name in assigned(scope):
                stores = [node for node in nodes if isinstance(node, ast.Name) and node.id == name]
                stores = [node for node in stores if isinstance(node.ctx, ast.Store)]
                values = [value for node in nodes for target, value in _assignments(node) if target is stores[0]]
                return values[0] if len(stores) == len(values) == 1 else None
        return None

    def full_name(self, value: ast.expr) -> str | None:
        """Return a name, or an attribute of one, by where the name was imported from; None for anything else."""
        if isinstance(value, ast.Attribute):
            owner = self.full_name(value.value)
            return owner and f"{owner}.{value.attr}"
        return self.targets(value.id, stars=False)[0] if isinstance(value, ast.Name) else None

    def targets(self, name: str, stars: bool) -> list[str]:
        """Return the full names that an imported name may stand for, also by ``*``; itself if it is not imported."""
        targets = [item.target for item in self.imports if item.name == name]
        return targets or [f"{item.target}.{name}" for item in self.imports if stars and item.name == "*"] or [name]

    def used_by(self, names: Iterable[str]) -> set[str]:
        """Return these definitions and all that they use, directly or through each other."""
        found, waiting = set(), list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += names_used(self.definitions[name]) & set(self.definitions)
        return found


def parse(path: Path, name: str = "") -> Module:
    """Return a script or notebook as a syntax tree; raise UserError if it is missing or not Python.

    ``name`` is that of a module beside the model file.
    """
    try:
        if path.suffix == ".ipynb":
            text = notebooks.code(path.read_text(encoding="utf-8-sig"))
        else:
            with tokenize.open(path) as file:
                text = file.read()
    except FileNotFoundError:
        raise UserError(f"{path}: not there, expected a Hyperas model file") from None
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: no notebook, expected one with Hyperas's functions in its cells") from None
    return _module(path, text, name)


def beside(folder: Path, name: str) -> tuple[Module, list[str]] | None:
    """Return the module of a full name in ``folder``, and the parts of the name behind it; None without a module."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        base = folder.joinpath(*parts[:count])
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return parse(path, ".".join(parts[:count])), parts[count:]
    return None


@lru_cache(maxsize=64)
def _module(path: Path, text: str, name: str) -> Module:
    try:
        text = notebooks.without_ipython(text)
        return Module(path, text, ast.parse(text), name)
    except (SyntaxError, ValueError) as error:
        line, wrong = getattr(error, "lineno", None), flat(getattr(error, "text", None) or "")
        found = f", found {wrong}" if "{" in wrong else ""
        raise UserError(
            f"{path}{f', line {line}' if line else ''}: no Python ({getattr(error, 'msg', error)}){found}, "
            "expected a Hyperas model file"
        ) from None


def outside_definitions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes inside a node, but not those inside the functions and classes there."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Definition | ast.Lambda):
            yield from outside_definitions(child)


def in_scopes(node: ast.AST, around: tuple[Definition, ...] = ()) -> Iterator[tuple[ast.AST, tuple[Definition, ...]]]:
    """Yield every node inside a node, in the order of the file, with the definitions around it, outermost first."""
    for child in ast.iter_child_nodes(node):
        yield child, around
        yield from in_scopes(child, (*around, child) if isinstance(child, Definition) else around)


def assigned(scope: ast.AST) -> set[str]:
    """Return the variables that a module or function sets, without those of the definitions in it."""
    nodes = [node for node in outside_definitions(scope) if isinstance(node, ast.Name)]
    return {node.id for node in nodes if isinstance(node.ctx, ast.Store)}


def _assignments(statement: ast.AST) -> list[tuple[ast.expr, ast.expr]]:
    """Return what an assignment sets, and to what."""
    match statement:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)) if len(targets) == len(values):
            return list(zip(targets, values, strict=True))
        case ast.Assign(targets=targets, value=value):
            return [(target, value) for target in targets]
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            return [(target, value)]
    return []


def names_used(node: ast.AST) -> set[str]:
    """Return the names that a definition, or any other node, takes from around it."""
    inside = list(ast.walk(node))
    inner = {item.name for item in inside if isinstance(item, Definition) and item is not node}
    return {item.id for item in inside if isinstance(item, ast.Name)} - names_set(node) - inner


def names_set(node: ast.AST) -> set[str]:
    """Return the names of all variables and parameters inside a node."""
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    parameters = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    return parameters | {name.id for name in names if not isinstance(name.ctx, ast.Load)}


def positional(function: Function) -> list[str]:
    """Return the names of the parameters that take arguments by position."""
    return [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]


def parameters(function: Function) -> tuple[list[str], dict[str, str]]:
    """Return the names of the parameters without a default, and the defaults of the others as source text."""
    arguments = function.args
    names = [*positional(function), *(argument.arg for argument in arguments.kwonlyargs)]
    optional = [*arguments.defaults, *arguments.kw_defaults]
    defaults = dict(zip(names[len(names) - len(optional) :], optional, strict=True))
    given = {name: ast.unparse(default) for name, default in defaults.items() if default is not None}
    return [name for name in names if name not in given], given


def returns(function: Function) -> list[ast.Return]:
    """Return the return statements of a function, without those of functions in it."""
    return [node for node in outside_definitions(function) if isinstance(node, ast.Return)]


def returned(statement: ast.Return) -> dict[str, ast.expr]:
    """Return the variables that a return statement returns, also in tuples, or the values of its dict, by name."""
    if isinstance(statement.value, ast.Call) and getattr(statement.value.func, "id", None) == "dict":
        return {keyword.arg: keyword.value for keyword in statement.value.keywords if keyword.arg}
    if isinstance(statement.value, ast.Dict):
        pairs = zip(statement.value.keys, statement.value.values, strict=True)
        return {key.value: value for key, value in pairs if isinstance(key, ast.Constant)}
    found, waiting = {}, [statement.value]
    while waiting:
        match waiting.pop():
            case ast.Name(id=name) as value:
                found[name] = value
            case ast.Tuple(elts=values) | ast.List(elts=values):
                waiting += values
    return found


def names_returned(function: Function) -> set[str]:
    """Return the names of all variables that a function returns."""
    return {name for statement in returns(function) for name in returned(statement)}
