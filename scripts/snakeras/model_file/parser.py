"""A Hyperas script as text: its functions and imports, taken from the syntax tree. Its top level never runs."""

import ast
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from snakeras.core.errors import UserError

# The very expression by which Hyperas finds its templates (hyperas.optim.get_hyperparameters).
TEMPLATE = re.compile(r"\{\{[^}]+}\}")
# What Hyperas puts in the place of one.
SUBSTITUTE = re.compile(r"space\['\w+'\]")

# The data function that Hyperas is given; no script has one of this name.
DATA = "snakeras_data"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
ImportStatement = ast.Import | ast.ImportFrom

# Hyperas's own functions that search: the places of their arguments model, data and functions.
SEARCHES = {"minimize": (0, 1, 5), "best_ensemble": (1, 2, 9), "best_models": (1, 2, 6)}


@dataclass(frozen=True)
class Import:
    """One name's import."""

    line: int
    statement: str
    name: str  # that it binds; "*" for all

    @property
    def root(self) -> str:
        """The package that it is from."""
        return self.statement.split()[1].split(".")[0]


@dataclass(frozen=True)
class HyperasScript:
    """What Hyperas takes from a script. The model's text is verbatim, since Hyperas reads templates from the text."""

    path: Path
    text: str
    imports: tuple[Import, ...]  # from any depth, in the order of the file
    model: str  # name of the model function
    model_source: str  # with the helper functions in it that have templates of their own
    parameters: tuple[str, ...]  # of the model function: the arrays that it gets
    data: str | None  # name of the data function, if there is one
    data_source: str | None  # as Hyperas can take it
    helpers: dict[str, str]  # sources of the other functions and classes that these use, by name

    def line_of(self, text: str) -> int | None:
        """The first line of the script that reads ``text``, a line of the module that Hyperas made of it."""
        wanted = SUBSTITUTE.sub("{}", text.strip())
        for number, line in enumerate(self.text.split("\n"), 1):
            if wanted and TEMPLATE.sub("{}", line.strip()) == wanted:
                return number
        return None

    @cached_property
    def top_level_names(self) -> set[str]:
        """Names that the script's top level, which never runs, would give a value."""
        statements = [node for node in ast.parse(self.text).body if not isinstance(node, Definition)]
        nodes = (node for statement in statements for node in ast.walk(statement))
        return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    @cached_property
    def choices(self) -> list[list[str] | None]:
        """For each template in its order what a ``choice`` chooses from, as texts; None for other distributions."""
        return [_choices(template) for template in TEMPLATE.findall(self.model_source)]

    @cached_property
    def distributions(self) -> list[dict | None]:
        """For each template in its order its ``kind`` (``quniform``, ``choice``, ...) and its ``arguments``.

        The arguments are numbers; those of a ``choice`` are its options, as texts. None where they are anything else.
        """
        return [_distribution(template) for template in TEMPLATE.findall(self.model_source)]


def _distribution(template: str) -> dict | None:
    if options := _choices(template):
        return {"kind": "choice", "arguments": options}
    try:
        call = ast.parse(template.strip("{} \n\t").replace("\n", " "), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords:
            return None
        arguments = [ast.literal_eval(argument) for argument in call.args]
    except (SyntaxError, ValueError):
        return None
    numbers = all(isinstance(argument, int | float) for argument in arguments)
    return {"kind": call.func.id, "arguments": arguments} if arguments and numbers else None


def _choices(template: str) -> list[str] | None:
    try:
        call = ast.parse(template.strip("{} \n\t").replace("\n", " "), mode="eval").body
    except SyntaxError:
        return None
    match call:
        case ast.Call(func=ast.Name(id="choice"), args=[ast.List(elts=options) | ast.Tuple(elts=options)]):
            return [ast.unparse(option) for option in options]
        case ast.Call(func=ast.Name(id="pchoice"), args=[ast.List(elts=pairs)]):
            return [ast.unparse(pair.elts[1]) for pair in pairs if isinstance(pair, ast.Tuple)]
    return None


def read(
    path: Path, needs_data: bool = False, model_function: str | None = None, data_function: str | None = None
) -> HyperasScript:
    """Take a Hyperas script or notebook apart without running it.

    Which function is the model, which gives the data and which are helpers follows from the script's call of
    ``optim.minimize``, ``best_ensemble`` or ``best_models``; without one, the model is the function with ``{{...}}``
    templates that no other such function uses, and the data function is ``data``, ``get_data`` or the one that returns
    what the model's parameters are called. Helpers are the functions and classes that these use.

    Parameters
    ----------
    needs_data
        Whether the script has to have a data function.
    model_function, data_function
        Their names, where the user gives them.

    Raises
    ------
    UserError
        When the file is missing, is no Python, or is no Hyperas script.
    """
    text, tree = _parsed(path)
    definitions = {node.name: node for node in _definitions(tree)}
    functions = {name: node for name, node in definitions.items() if isinstance(node, Function)}
    sources = {name: _source(text, node) for name, node in definitions.items()}
    for key, name in (("model_function", model_function), ("data_function", data_function)):
        if name is not None and name not in functions:
            raise UserError(f"{path}: has no function {name}, which search.{key} names")
    _check_braces(path, text, definitions.values())
    call = _search_call(tree, sources)

    model = model_function or _named(call, "model", functions) or _only_template(path, functions, sources)
    required, defaults = _parameters(functions[model])
    data = data_function or _named(call, "data", functions) or _data_function(functions, required)
    if needs_data and data is None:
        raise UserError(
            f"{path}: has no data function, which data.dataset: model asks for; expected one named data, or its name "
            "in search.data_function"
        )
    used = _used([model, *([data] if data else []), *_listed(call, definitions)], definitions)
    nested = _with_templates(used - {model, data}, definitions, sources)
    _check_texts(path, text, [definitions[name] for name in (model, *nested)])
    if not any(TEMPLATE.search(sources[name]) for name in (model, *nested)):
        raise UserError(
            f"{path}: no Hyperas model, {model}() has no template such as {{{{uniform(0, 1)}}}} to search over"
        )

    wrapped, data_source, provided = False, None, set()
    if data:
        if found := _used([data], definitions) & set(nested):
            raise UserError(
                f"{path}: {data}() uses {min(found)}(), which has templates; the data come before any search"
            )
        provided = _names_returned(functions[data])
        wrapped, data_source = _data_source(functions[data], required + [name for name in defaults if name in provided])
    parameters = [*required, *(name for name in defaults if name in provided)]
    inside = [f"{name} = {value}\n" for name, value in defaults.items() if name not in provided]
    inside += [sources[name] for name in definitions if name in nested]
    model_source = _inserted(sources[model], inside) if inside else sources[model]
    model_source = _without_nameless_start(model_source)
    first = TEMPLATE.search(model_source)
    if first and not _has_name(model_source, first[0]):
        line = text.count("\n", 0, text.find(first[0])) + 1
        raise UserError(
            f"{path}, line {line}: Hyperas finds no name for {first[0]} in {model}(), expected it as name = {first[0]}"
        )
    own = {model, *nested} if wrapped or data in _used([model], definitions) else {model, data, *nested}
    helpers = [name for name in definitions if name in used and name not in own]
    return HyperasScript(
        path=path,
        text=text,
        imports=tuple(_imports(tree)),
        model=model,
        model_source=model_source,
        parameters=tuple(parameters),
        data=data,
        data_source=data_source,
        helpers={name: _decorators(text, definitions[name]) + sources[name] for name in helpers},
    )


def _parsed(path: Path) -> tuple[str, ast.Module]:
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
    try:
        return text, ast.parse(text)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            f"{path}{f', line {line}' if line else ''}: no Python ({getattr(error, 'msg', error)}), "
            "expected a Hyperas model file"
        ) from None


def _notebook_code(text: str) -> str:
    """The code of a notebook, cells below each other; lines for IPython itself become comments."""
    cells = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        # A cell for another program (%%bash), unless it only measures or keeps output.
        foreign = re.match(r"\s*%%(?!time|timeit|capture|prun)", source)
        lines = source.split("\n")
        cells.append(
            "\n".join(f"# {line}" if foreign or re.match(r"\s*[%!?]|.*\?\s*$", line) else line for line in lines)
        )
    return "\n\n".join(cells) + "\n"


def _definitions(tree: ast.AST) -> Iterator[Definition]:
    """The functions and classes of the top level, those under its if, try and with too, in the order of the file."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Definition):
            yield node
        else:
            yield from _definitions(node)


def _source(text: str, node: Definition) -> str:
    """A definition's own lines, as Hyperas can take them: it drops the first line of every import."""
    # Not splitlines: it also splits at form feeds, which Python's own line numbers do not count.
    lines = text.split("\n")
    alone = {id(body[-1]) for body in _bodies(node) if all(isinstance(item, ImportStatement) for item in body)}
    imports = [inner for inner in ast.walk(node) if isinstance(inner, ImportStatement)]
    # From the end, since each moves what stands behind it in its line.
    for inner in sorted(imports, key=lambda inner: (inner.lineno, inner.col_offset), reverse=True):
        line = lines[inner.lineno - 1]
        indent, rest = line[: inner.col_offset], line[inner.end_col_offset :]
        several_lines = inner.end_lineno > inner.lineno
        shares_line = not several_lines and (indent.strip() or rest.strip().startswith(";"))
        # With the line it would take other statements along, or leave a block empty; the import stands with all others.
        if isinstance(node, Function) and (shares_line or id(inner) in alone):
            statement = f"pass{rest}" if shares_line else "pass"
        elif several_lines:
            statement = ast.unparse(inner)
        else:
            continue
        blank = [""] * (inner.end_lineno - inner.lineno)
        lines[inner.lineno - 1 : inner.end_lineno] = [indent + statement, *blank]
    own = lines[node.lineno - 1 : node.end_lineno]
    for offset, line in enumerate(own):
        # Hyperas reads templates in comments and texts too; what is none would be no Python.
        if _no_calls(line) and _is_text(node, offset):
            own[offset] = line.replace("{{", "{ {")
    return textwrap.dedent("\n".join(own)) + "\n"


def _no_calls(text: str) -> list[str]:
    """What Hyperas takes for templates and is no call of a distribution."""
    return [found for found in TEMPLATE.findall(text) if not re.match(r"\{\{\s*\w+\s*\(", found)]


def _decorators(text: str, node: Definition) -> str:
    if not node.decorator_list:
        return ""
    return textwrap.dedent("\n".join(text.split("\n")[node.decorator_list[0].lineno - 1 : node.lineno - 1])) + "\n"


def _is_text(node: Definition, offset: int) -> bool:
    """Whether the line ``offset`` lines into a definition is a comment or of a text that is never used."""
    line = node.lineno + offset
    unused = (item.value for item in ast.walk(node) if _is_unused_text(item))
    return any(text.lineno <= line <= text.end_lineno for text in unused) or not any(
        getattr(item, "lineno", 0) <= line <= getattr(item, "end_lineno", 0)
        for item in ast.walk(node)
        if isinstance(item, ast.expr)
    )


def _is_unused_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for inner in ast.walk(node):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(inner, name, None)
            if isinstance(body, list) and body:
                yield body


def _inserted(source: str, texts: list[str]) -> str:
    """A function's source with ``texts`` as the first statements of its body."""
    lines = source.split("\n")
    first = ast.parse(source).body[0].body[0]
    indent = lines[first.lineno - 1][: first.col_offset]
    return "\n".join(
        [*lines[: first.lineno - 1], *(_indented(text, indent) for text in texts), *lines[first.lineno - 1 :]]
    )


def _has_name(source: str, template: str) -> bool:
    """Whether Hyperas finds a name for a template (hyperas.optim.hyperparameter_names); a later one can do without."""
    return re.search(r"\w+(?=\s*[\=\(]\s*" + re.escape(template) + r")", source) is not None


def _without_nameless_start(source: str) -> str:
    """A model's source without what stops Hyperas: a first template without a name, in a comment or docstring."""
    node = ast.parse(source).body[0]
    lines = source.split("\n")
    while (first := TEMPLATE.search(source)) and not _has_name(source, first[0]):
        line = source.count("\n", 0, first.start())
        if not _is_text(node, line):
            break
        lines[line] = lines[line].replace("{{", "{ {")
        source = "\n".join(lines)
    return source


def _indented(source: str, indent: str) -> str:
    """A definition's source further in; the lines of texts in it stay as they are."""
    inside = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno > node.lineno:
            inside.update(range(node.lineno, node.end_lineno))
    lines = source.rstrip("\n").split("\n")
    return "\n".join(line if number in inside or not line else indent + line for number, line in enumerate(lines))


def _imports(tree: ast.Module) -> list[Import]:
    found = [node for node in ast.walk(tree) if isinstance(node, ImportStatement)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    statements = {}
    for node in found:
        # Python 3 has all that old scripts import from __future__.
        if getattr(node, "module", None) == "__future__":
            continue
        # One name a statement: Hyperas garbles "import numpy as np, pandas as pd".
        for alias in node.names:
            if isinstance(node, ast.Import):
                statement, name = ast.Import([alias]), alias.asname or alias.name.split(".")[0]
            else:
                # A script is no package: what it imports from "." lies beside it.
                statement = ast.ImportFrom(node.module, [alias], 0) if node.module else ast.Import([alias])
                name = alias.asname or alias.name
            statements.setdefault(ast.unparse(statement), (node.lineno, name))
    return [Import(line, statement, name) for statement, (line, name) in statements.items()]


def _search_call(tree: ast.Module, sources: dict[str, str]) -> ast.Call | None:
    """The call that searches: of all calls so named (SciPy has a minimize too), one of a function with templates."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) in SEARCHES:
            model = _name(_argument(node, "model"))
            if model in sources:
                found.append((not TEMPLATE.search(sources[model]), len(found), node))
    return min(found)[-1] if found else None


def _called(call: ast.Call) -> str | None:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)


def _argument(call: ast.Call | None, name: str) -> ast.expr | None:
    if call is None:
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    position = SEARCHES[_called(call)][("model", "data", "functions").index(name)]
    return call.args[position] if len(call.args) > position else None


def _name(value: ast.expr | None) -> str | None:
    """The function that an argument names; some scripts pass data() instead of data."""
    if isinstance(value, ast.Call):
        value = value.func
    return getattr(value, "id", None)


def _named(call: ast.Call | None, name: str, functions: dict[str, Function]) -> str | None:
    found = _name(_argument(call, name))
    return found if found in functions else None


def _listed(call: ast.Call | None, definitions: dict[str, Definition]) -> list[str]:
    elements = getattr(_argument(call, "functions"), "elts", [])
    return [node.id for node in elements if isinstance(node, ast.Name) and node.id in definitions]


def _uses(node: Definition) -> set[str]:
    """The names that a definition takes from around it."""
    names = [inner for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    own = {name.id for name in names if not isinstance(name.ctx, ast.Load)}
    own |= {inner.arg for inner in ast.walk(node) if isinstance(inner, ast.arg)}
    return {name.id for name in names} - own


def _used(names: Iterable[str], definitions: dict[str, Definition]) -> set[str]:
    """These definitions and all that they use, directly or through each other."""
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _uses(definitions[name]) & set(definitions)
    return found


def _with_templates(names: set[str], definitions: dict[str, Definition], sources: dict[str, str]) -> list[str]:
    """Those that have templates, or use one that has."""
    return [
        name
        for name in definitions
        if name in names and any(TEMPLATE.search(sources[other]) for other in _used([name], definitions))
    ]


def _check_braces(path: Path, text: str, nodes: Iterable[Definition]) -> None:
    for node in nodes:
        source = ast.get_source_segment(text, node)
        for found in TEMPLATE.finditer(source):
            # Hyperas would leave it out, and search over another text.
            if "{" in found[0][2:] and re.match(r"\{\{\s*\w+\s*\(", found[0]):
                line = node.lineno + source.count("\n", 0, found.start())
                raise UserError(
                    f"{path}, line {line}: Hyperas cannot take a brace inside a template, found "
                    f"{' '.join(found[0].split())}; expected a choice of names, and the text looked up by name"
                )
        for inner in ast.walk(node):
            if isinstance(inner, ast.Set) and isinstance(inner.elts[0], ast.Set):
                found = ast.get_source_segment(text, inner)
                if not TEMPLATE.fullmatch(found):
                    raise UserError(
                        f"{path}, line {inner.lineno}: Hyperas cannot take braces (a dict or set) inside a template, "
                        f"found {' '.join(found.split())}; expected a choice of names, and the dict looked up by name"
                    )


def _check_texts(path: Path, text: str, nodes: Iterable[Definition]) -> None:
    """Refuse texts that Hyperas would take for templates, such as ``"{{x}}".format``."""
    for node in nodes:
        unused = {id(item.value) for item in ast.walk(node) if _is_unused_text(item)}
        for inner in ast.walk(node):
            if id(inner) in unused or not isinstance(inner, ast.Constant | ast.JoinedStr):
                continue
            for found in _no_calls(ast.get_source_segment(text, inner) or ""):
                raise UserError(
                    f"{path}, line {inner.lineno}: Hyperas takes {found} in a text for a template, expected the text "
                    "to be put together in another function"
                )


def _only_template(path: Path, functions: dict[str, Function], sources: dict[str, str]) -> str:
    found = [name for name in functions if TEMPLATE.search(sources[name])]
    # A helper with templates is used by the model.
    top = [name for name in found if not any(name in _uses(functions[other]) for other in found if other != name)]
    if len(top) == 1:
        return top[0]
    if found:
        raise UserError(
            f"{path}: {', '.join(found)} have templates, expected one function that has, a call of optim.minimize "
            "that names the model, or its name in search.model_function"
        )
    raise UserError(
        f"{path}: no Hyperas model, expected a function with templates such as {{{{uniform(0, 1)}}}} to search over"
    )


def _data_function(functions: dict[str, Function], parameters: list[str]) -> str | None:
    named = [name for name in ("data", "get_data") if name in functions]
    returning = [
        name
        for name, node in functions.items()
        if parameters and not any(_parameters(node)) and set(parameters) <= _names_returned(node)
    ]
    return next(iter(named + returning), None)


def _parameters(function: Function) -> tuple[list[str], dict[str, str]]:
    """Names of a function's parameters without defaults, and the defaults of the others as texts."""
    every = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
    defaults = function.args.defaults
    required = every[: len(every) - len(defaults)]
    with_default = dict(zip(every[len(required) :], map(ast.unparse, defaults), strict=True))
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        if default is None:
            required.append(argument.arg)
        else:
            with_default[argument.arg] = ast.unparse(default)
    return required, with_default


def _returns(function: Function) -> list[ast.Return]:
    """The return statements of a function, without those of functions in it."""
    found, waiting = [], list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            found.append(node)
        if not isinstance(node, Definition | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found


def _names_returned(function: Function) -> set[str]:
    names = set()
    for node in _returns(function):
        elements = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else [node.value]
        names |= {element.id for element in elements if isinstance(element, ast.Name)}
    return names


def _data_source(function: Function, parameters: list[str]) -> tuple[bool, str]:
    """A data function as text that Hyperas can take, and whether that one calls the script's own.

    Hyperas drops the first line and the last return, and takes the rest into its module: the model finds the data, and
    all else that is local there, by their names. What is returned in another way is given these names; a function that
    returns from several places, or has parameters, is called.
    """
    returns = _returns(function)
    if any(_parameters(function)) or len(returns) != 1 or returns[0] is not function.body[-1]:
        return True, call_source(f"{function.name}()", parameters)
    value = returns[0].value
    elements = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    by_name = all(isinstance(element, ast.Name) for element in elements) and set(parameters) <= {
        getattr(element, "id", None) for element in elements
    }
    body = [item for item in function.body[:-1] if not _is_unused_text(item)]
    lines = [ast.unparse(item) for item in body]
    if parameters and not by_name and value is not None:
        lines.append(f"{', '.join(parameters)} = {ast.unparse(value)}")
    return False, _data_function_text("\n".join(lines))


def _data_function_text(body: str) -> str:
    # The last line is one that stands nowhere else: Hyperas drops every line that reads like it.
    return f"def {DATA}():\n{textwrap.indent(body or 'pass', '    ')}\n    return 'by name'\n"


def call_source(call: str, parameters: Iterable[str], first: str = "") -> str:
    """A data function, as text for Hyperas, that gives what ``call`` returns under the names that the model uses.

    Parameters
    ----------
    first
        A statement before the call.
    """
    names = ", ".join(parameters)
    return _data_function_text("\n".join(filter(None, [first, f"{names} = {call}" if names else call])))


def local_modules(path: Path) -> list[Path]:
    """The modules beside a script that it imports, or that these import: they too decide what its model does."""
    found, waiting = [], [path]
    while waiting:
        try:
            _, tree = _parsed(waiting.pop())
        # What is wrong with the script itself is said elsewhere; Python will say it of another module.
        except UserError:
            continue
        for statement in _imports(tree):
            beside = path.parent / statement.root
            modules = [beside.with_suffix(".py")] if not beside.is_dir() else sorted(beside.rglob("*.py"))
            for module in modules:
                if module != path and module not in found and module.is_file():
                    found.append(module)
                    waiting.append(module)
    return sorted(found)


def imported_packages(path: Path) -> tuple[str, set[str]]:
    """The code of a script, notebook or module, and the packages that it imports. Raises as ``read``."""
    text, tree = _parsed(path)
    return text, {item.root for item in _imports(tree)}


def uses_mnist(paths: Iterable[Path]) -> bool:
    """Whether a script or a module beside it uses ``keras.datasets.mnist``."""
    for path in paths:
        try:
            _, tree = _parsed(path)
        except UserError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "mnist" and "datasets" in ast.unparse(node.value):
                return True
        if any(re.search(r"\bkeras\.datasets\b.*\bmnist\b", item.statement) for item in _imports(tree)):
            return True
    return False


def hyperas_text(script: HyperasScript, data_source: str | None = None) -> str:
    """The text of a module that Hyperas can take its imports and functions from.

    Every import stands in a ``try``, as Hyperas does it: a package that is not installed matters only once the
    model uses it.

    Parameters
    ----------
    data_source
        A data function to use instead of the script's own.
    """
    imports = "".join(f"try:\n    {item.statement}\nexcept Exception:\n    pass\n" for item in script.imports)
    return "\n".join([imports, *script.helpers.values(), script.model_source, data_source or script.data_source])
