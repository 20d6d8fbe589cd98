"""A Hyperas script as text: its functions and imports, taken from the syntax tree. Its top level never runs."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

from snakeras.errors import UserError

# The very expression by which Hyperas finds its templates (hyperas.optim.get_hyperparameters).
TEMPLATE = re.compile(r"\{\{[^}]+}\}")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class HyperasScript:
    """What Hyperas takes from a script. All texts are verbatim, since Hyperas reads templates from the text."""

    path: Path
    imports: tuple[str, ...]  # one statement each, from any depth, in the order of the file
    model: str  # name of the model function
    model_source: str
    parameters: tuple[str, ...]  # of the model function: the arrays that it gets
    data: str | None  # name of the data function, if there is one
    data_source: str | None
    helpers: dict[str, str]  # sources of the functions named in functions=[...], by name


def read(path: Path, needs_data: bool = False) -> HyperasScript:
    """Take a Hyperas script apart without running it.

    Which function is the model, which gives the data and which are helpers follows from the script's call of
    ``optim.minimize``; without one, the model is the function with ``{{...}}`` templates and the data function is
    ``data`` or ``get_data``.

    Parameters
    ----------
    needs_data
        Whether the script has to have a data function.

    Raises
    ------
    UserError
        When the file is missing, is no Python, or is no Hyperas script.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not there, expected a Hyperas model file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from None
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            f"{path}{f', line {line}' if line else ''}: no Python ({getattr(error, 'msg', error)}), "
            "expected a Hyperas model file"
        ) from None

    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    sources = {name: _source(text, node) for name, node in functions.items()}
    call = _minimize_call(tree, sources)

    model = _named(call, "model", 0, functions) or _only_template(path, sources)
    if not TEMPLATE.search(sources[model]):
        raise UserError(
            f"{path}: no Hyperas model, {model}() has no template such as {{{{uniform(0, 1)}}}} to search over"
        )
    first = TEMPLATE.search(sources[model])[0]
    # As hyperas.optim.hyperparameter_names looks for it: later templates without a name get the one before.
    if not re.search(r"\w+(?=\s*[\=\(]\s*" + re.escape(first) + r")", sources[model]):
        raise UserError(f"{path}: Hyperas finds no name for {first} in {model}(), expected it as name = {first}")
    data = _named(call, "data", 1, functions) or next(
        (name for name in ("data", "get_data") if name in functions), None
    )
    if needs_data and data is None:
        raise UserError(f"{path}: has no data function, which data.dataset: model asks for; expected one named data")
    return HyperasScript(
        path=path,
        imports=tuple(_imports(tree)),
        model=model,
        model_source=sources[model],
        parameters=tuple(argument.arg for argument in functions[model].args.args),
        data=data,
        data_source=sources[data] if data else None,
        helpers={name: sources[name] for name in _listed(call, "functions", 5) if name in functions},
    )


def _source(text: str, function: Function) -> str:
    """A function's own lines, imports in it brought to one line each: Hyperas drops only an import's first line."""
    # Not splitlines: it also splits at form feeds, which Python's own line numbers do not count.
    lines = text.split("\n")
    for node in ast.walk(function):
        if isinstance(node, ast.Import | ast.ImportFrom) and node.end_lineno > node.lineno:
            indent = lines[node.lineno - 1][: node.col_offset]
            lines[node.lineno - 1 : node.end_lineno] = [indent + ast.unparse(node)] + [""] * (
                node.end_lineno - node.lineno
            )
    return "\n".join(lines[function.lineno - 1 : function.end_lineno]) + "\n"


def _imports(tree: ast.Module) -> list[str]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    statements = []
    for node in found:
        # One name a statement: Hyperas garbles "import numpy as np, pandas as pd".
        if isinstance(node, ast.Import):
            statements += [ast.unparse(ast.Import([alias])) for alias in node.names]
        # Python 3 has all that old scripts import from __future__.
        elif node.module != "__future__":
            statements += [ast.unparse(ast.ImportFrom(node.module, [alias], node.level)) for alias in node.names]
    return list(dict.fromkeys(statements))


def _minimize_call(tree: ast.Module, sources: dict[str, str]) -> ast.Call | None:
    """The call of ``optim.minimize``: of all calls so named (SciPy has one too), one of a function with templates."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            model = getattr(_argument(node, "model", 0), "id", None)
            if name == "minimize" and model in sources:
                found.append((not TEMPLATE.search(sources[model]), len(found), node))
    return min(found)[-1] if found else None


def _argument(call: ast.Call | None, name: str, position: int) -> ast.expr | None:
    if call is None:
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    return call.args[position] if len(call.args) > position else None


def _named(call: ast.Call | None, name: str, position: int, functions: dict[str, Function]) -> str | None:
    value = _argument(call, name, position)
    found = getattr(value, "id", None)
    return found if found in functions else None


def _listed(call: ast.Call | None, name: str, position: int) -> list[str]:
    value = _argument(call, name, position)
    return [node.id for node in getattr(value, "elts", []) if isinstance(node, ast.Name)]


def _only_template(path: Path, sources: dict[str, str]) -> str:
    found = [name for name, source in sources.items() if TEMPLATE.search(source)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{path}: {', '.join(found)} have templates, expected one function that has, or a call of optim.minimize "
            "that names the model"
        )
    raise UserError(
        f"{path}: no Hyperas model, expected a function with templates such as {{{{uniform(0, 1)}}}} to search over"
    )


def local_modules(path: Path) -> list[Path]:
    """The modules beside a script that it imports, or that these import: they too decide what its model does."""
    found, waiting = [], [path]
    while waiting:
        try:
            tree = ast.parse(waiting.pop().read_text(encoding="utf-8"))
        # What is wrong with the script itself is said elsewhere; Python will say it of another module.
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                module = path.parent / f"{name.split('.')[0]}.py"
                if module != path and module not in found and module.is_file():
                    found.append(module)
                    waiting.append(module)
    return sorted(found)


def hyperas_text(script: HyperasScript, data_source: str | None = None) -> str:
    """The text of a module that Hyperas can take its imports and functions from.

    Every import stands in a ``try``, as Hyperas does it: a package that is not installed matters only once the
    model uses it.

    Parameters
    ----------
    data_source
        A data function to use instead of the script's own.
    """
    imports = "".join(f"try:\n    {statement}\nexcept Exception:\n    pass\n" for statement in script.imports)
    return "\n".join([imports, *script.helpers.values(), data_source or script.data_source, script.model_source])
