"""A Python file or notebook as a syntax tree: its imports, its functions and classes, and what these use."""

import ast
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from snakeras.core.errors import UserError, flat

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
ImportStatement = ast.Import | ast.ImportFrom


@dataclass(frozen=True)
class Import:
    """The import of one name."""

    line: int
    statement: str
    name: str  # that it binds; "*" for all

    @property
    def root(self) -> str:
        """The package that is imported from."""
        return self.statement.split()[1].split(".")[0]


@dataclass(frozen=True)
class Module:
    """A file's text and syntax tree. Nothing of it is run."""

    path: Path
    text: str
    tree: ast.Module

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The functions and classes of the top level, also those under ``if``, ``try`` and ``with``, by name."""
        return {node.name: node for node in outside_definitions(self.tree) if isinstance(node, Definition)}

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions among ``definitions``."""
        return {name: node for name, node in self.definitions.items() if isinstance(node, Function)}

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """The imports at any depth, one for each name, in the order of the file."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ImportStatement)]
        found = {}
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            # Python 3 has all that old scripts import from __future__.
            if getattr(node, "module", None) == "__future__":
                continue
            # One statement for each name: Hyperas garbles "import numpy as np, pandas as pd".
            for alias in node.names:
                if isinstance(node, ast.Import):
                    statement, name = ast.Import([alias]), alias.asname or alias.name.split(".")[0]
                else:
                    # A script is not in a package: what it imports from "." lies beside it.
                    statement = ast.ImportFrom(node.module, [alias], 0) if node.module else ast.Import([alias])
                    name = alias.asname or alias.name
                text = ast.unparse(statement)
                found.setdefault(text, Import(node.lineno, text, name))
        return tuple(found.values())

    def used_by(self, names: Iterable[str]) -> set[str]:
        """Return these definitions and all that they use, directly or through each other."""
        found, waiting = set(), list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += names_used(self.definitions[name]) & set(self.definitions)
        return found


def parse(path: Path) -> Module:
    """Return a script or notebook as a syntax tree; raise UserError if it is missing or not Python."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".ipynb":
            text = _notebook_code(text)
    except FileNotFoundError:
        raise UserError(f"{path}: not there, expected a Hyperas model file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{path}: no notebook of format 4, expected one with Hyperas's functions in its cells"
        ) from None
    return _module(path, text)


@lru_cache(maxsize=64)
def _module(path: Path, text: str) -> Module:
    try:
        return Module(path, text, ast.parse(text))
    except (SyntaxError, ValueError) as error:
        line, wrong = getattr(error, "lineno", None), flat(getattr(error, "text", None) or "")
        found = f", found {wrong}" if "{" in wrong else ""
        raise UserError(
            f"{path}{f', line {line}' if line else ''}: no Python ({getattr(error, 'msg', error)}){found}, "
            "expected a Hyperas model file"
        ) from None


def _notebook_code(text: str) -> str:
    """Return the code cells of a notebook as one text; lines for IPython become comments."""
    cells = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "code":
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            # A cell for another program (%%bash), unless it only measures time or keeps output.
            foreign = re.match(r"\s*%%(?!time|timeit|capture|prun)", source)
            comment = [foreign or re.match(r"\s*[%!?]|.*\?\s*$", line) for line in source.split("\n")]
            lines = zip(comment, source.split("\n"), strict=True)
            cells.append("\n".join(f"# {line}" if is_comment else line for is_comment, line in lines))
    return "\n\n".join(cells) + "\n"


def outside_definitions(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes inside a node, but not those inside the functions and classes there."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, Definition | ast.Lambda):
            yield from outside_definitions(child)


def names_used(node: ast.AST) -> set[str]:
    """Return the names that a definition, or any other node, takes from around it."""
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} - names_set(node)


def names_set(node: ast.AST) -> set[str]:
    """Return the names of all variables and parameters inside a node."""
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    parameters = {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    return parameters | {name.id for name in names if not isinstance(name.ctx, ast.Load)}


def parameters(function: Function) -> tuple[list[str], dict[str, str]]:
    """Return the names of the parameters without a default, and the defaults of the others as source text."""
    arguments = function.args
    names = [argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]]
    optional = [*arguments.defaults, *arguments.kw_defaults]
    defaults = dict(zip(names[len(names) - len(optional) :], optional, strict=True))
    given = {name: ast.unparse(default) for name, default in defaults.items() if default is not None}
    return [name for name in names if name not in given], given


def returns(function: Function) -> list[ast.Return]:
    """Return the return statements of a function, without those of functions in it."""
    return [node for node in outside_definitions(function) if isinstance(node, ast.Return)]


def returned(statement: ast.Return) -> list[ast.expr | None]:
    """Return the values of a return statement: the elements of a tuple or list, else the one value."""
    value = statement.value
    return value.elts if isinstance(value, ast.Tuple | ast.List) else [value]


def names_returned(function: Function) -> set[str]:
    """Return the names of all variables that a function returns."""
    values = [value for statement in returns(function) for value in returned(statement)]
    return {value.id for value in values if isinstance(value, ast.Name)}
