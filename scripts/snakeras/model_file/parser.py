"""A Hyperas script or notebook, read as text: its model and data functions, helpers, imports and templates.

The file is never run: everything is taken from its syntax tree.
"""

import ast
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from snakeras.core.errors import UserError
from snakeras.model_file import rewriter, syntax, templates
from snakeras.model_file.syntax import Function, Import, Module
from snakeras.model_file.templates import TEMPLATE

# What Hyperas puts in the place of a template.
SUBSTITUTE = re.compile(r"space\['\w+'\]")

# The name of the data function that Hyperas is given; no script has a function of this name.
DATA = "snakeras_data"

# Hyperas's functions that search: the positions of the arguments that name functions.
SEARCHES = {
    "minimize": {"model": 0, "data": 1, "functions": 5},
    "best_ensemble": {"model": 1, "data": 2, "functions": 9},
    "best_models": {"model": 1, "data": 2, "functions": 6},
}


@dataclass(frozen=True)
class HyperasScript:
    """What Hyperas takes from a file. The model's text is verbatim, since Hyperas reads the templates in it."""

    path: Path
    text: str
    imports: tuple[Import, ...]  # from any depth, in the order of the file
    model: str  # name of the model function
    model_source: str  # including the helper functions that have templates of their own
    parameters: tuple[str, ...]  # of the model function: names of its arrays
    data: str | None  # name of the data function, if there is one
    data_source: str | None  # as Hyperas can take it
    helpers: dict[str, str]  # sources of the other functions and classes that these use, by name

    def line_of(self, text: str) -> int | None:
        """Return the number of the first line that reads ``text``, a line of the module that Hyperas wrote."""
        wanted = SUBSTITUTE.sub("{}", text.strip())
        for number, line in enumerate(self.text.split("\n"), 1):
            if wanted and TEMPLATE.sub("{}", line.strip()) == wanted:
                return number
        return None

    @cached_property
    def top_level_names(self) -> set[str]:
        """Names that the top level, which never runs, would assign."""
        nodes = syntax.outside_definitions(ast.parse(self.text))
        return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    @property
    def templates(self) -> list[str]:
        """The templates of the model, in the order of the file."""
        return TEMPLATE.findall(self.model_source)

    @cached_property
    def distributions(self) -> list[dict | None]:
        """The distribution of each template, in the order of the file, as ``templates.distribution`` returns it."""
        return [templates.distribution(template) for template in self.templates]

    @property
    def choices(self) -> list[list[str] | None]:
        """The options of each template that is a ``choice``, as source text; None for other distributions."""
        return [found["arguments"] if found and found["kind"] == "choice" else None for found in self.distributions]


def read(
    path: Path, needs_data: bool = False, model_function: str | None = None, data_function: str | None = None
) -> HyperasScript:
    """Return what Hyperas takes from a script or notebook.

    A call of ``optim.minimize``, ``best_ensemble`` or ``best_models`` tells which function is the model, which one
    returns the data and which are helpers. Without such a call the model is the function with templates that no other
    such function uses, and the data function is ``data``, ``get_data`` or the one that returns variables with the
    names of the model's parameters; ``needs_data`` says that there must be one. All functions and classes that these
    use are helpers too. The configuration may give ``model_function`` and ``data_function`` by name.

    Raises:
        UserError: When the file is missing, is not Python, or has no model function that Hyperas can take.
    """
    module = syntax.parse(path)
    sources = {name: rewriter.source_of(module.text, node) for name, node in module.definitions.items()}
    _check_definitions(module, model_function, data_function)
    with_templates = {name for name, source in sources.items() if TEMPLATE.search(source)}
    search = _search(module, with_templates)
    model = model_function or search.model or _only_template(module, with_templates)
    data = data_function or search.data or _data_function(module, model, needs_data)
    used = module.used_by([model, *([data] if data else []), *search.helpers])
    candidates = [name for name in module.definitions if name in used - {model, data}]
    nested = [name for name in candidates if module.used_by([name]) & with_templates]

    parameters, constants = _parameters(module, model, data)
    first = [f"{name} = {value}\n" for name, value in constants.items()] + [sources[name] for name in nested]
    model_source = rewriter.without_unnamed_start(rewriter.with_first_statements(sources[model], first))
    _check_templates(module, model, model_source, data, nested)

    inlined = _inlined(module.functions[data], parameters) if data else None
    # Nothing calls a data function that is inlined, unless the model does.
    uncalled = {data} if inlined is not None and data not in module.used_by([model]) else set()
    return HyperasScript(
        path=path,
        text=module.text,
        imports=module.imports,
        model=model,
        model_source=model_source,
        parameters=tuple(parameters),
        data=data,
        data_source=(inlined or call_source(f"{data}()", parameters)) if data else None,
        helpers={
            name: rewriter.decorators_of(module.text, node) + sources[name]
            for name, node in module.definitions.items()
            if name in used - {model, *nested} - uncalled
        },
    )


def _check_definitions(module: Module, model_function: str | None, data_function: str | None) -> None:
    """Raise UserError if a function that the configuration names is missing, or a template contains a brace."""
    for key, name in (("model_function", model_function), ("data_function", data_function)):
        if name is not None and name not in module.functions:
            raise UserError(f"{module.path}: has no function {name}, which search.{key} names")
    for node in module.definitions.values():
        templates.check_braces(module.path, module.text, node)


class _Search(NamedTuple):
    """The functions of the file that its search passes to Hyperas."""

    model: str | None = None
    data: str | None = None
    helpers: tuple[str, ...] = ()


def _search(module: Module, with_templates: set[str]) -> _Search:
    """Return what the call that searches passes: of all such calls (SciPy has a minimize too) one with a model."""
    found = []
    for node in ast.walk(module.tree):
        function = node.func if isinstance(node, ast.Call) else None
        positions = SEARCHES.get(getattr(function, "attr", None) or getattr(function, "id", None))
        if positions:
            values = {name: node.args[place] for name, place in positions.items() if place < len(node.args)}
            values |= {keyword.arg: keyword.value for keyword in node.keywords}
            model, data, helpers = (_names(values.get(name)) for name in ("model", "data", "functions"))
            first = [next((name for name in names if name in module.functions), None) for names in (model, data)]
            found.append(_Search(*first, tuple(name for name in helpers if name in module.definitions)))
    found = [search for search in found if search.model]
    return next((search for search in found if search.model in with_templates), found[0] if found else _Search())


def _names(value: ast.expr | None) -> list[str]:
    """Return the names of the functions that are passed, one or a list; some scripts pass data() instead of data."""
    values = [getattr(item, "func", item) for item in getattr(value, "elts", [value])]
    return [item.id for item in values if isinstance(item, ast.Name)]


def _only_template(module: Module, with_templates: set[str]) -> str:
    """Return the one function with templates that no other such function uses; raise UserError if there is none."""
    found = [name for name in module.functions if name in with_templates]
    used = {name: syntax.names_used(module.functions[name]) for name in found}
    top = [name for name in found if not any(name in used[other] for other in found if other != name)]
    if len(top) == 1:
        return top[0]
    if found:
        raise UserError(
            f"{module.path}: {', '.join(found)} have templates, expected one function that has, a call of "
            "optim.minimize that names the model, or its name in search.model_function"
        )
    raise UserError(
        f"{module.path}: no Hyperas model, expected a function with templates such as {{{{uniform(0, 1)}}}} to search "
        "over"
    )


def _data_function(module: Module, model: str, needed: bool) -> str | None:
    """Return the function that is named or returns as a data function does; raise UserError if needed and missing."""
    for name in ("data", "get_data"):
        if name in module.functions:
            return name
    wanted, _ = syntax.parameters(module.functions[model])
    for name, node in module.functions.items():
        if wanted and not any(syntax.parameters(node)) and set(wanted) <= syntax.names_returned(node):
            return name
    if needed:
        raise UserError(
            f"{module.path}: has no data function, which data.dataset: model asks for; expected one named data, or its "
            "name in search.data_function"
        )
    return None


def _check_templates(module: Module, model: str, model_source: str, data: str | None, nested: list[str]) -> None:
    """Raise UserError if templates stand where Hyperas cannot take them, or if there are none."""
    for name in (model, *nested):
        templates.check_strings(module.path, module.text, module.definitions[name])
    first = TEMPLATE.search(model_source)
    if not first:
        raise UserError(
            f"{module.path}: no Hyperas model, {model}() has no template such as {{{{uniform(0, 1)}}}} to search over"
        )
    if data and (wrong := module.used_by([data]) & set(nested)):
        raise UserError(
            f"{module.path}: {data}() uses {min(wrong)}(), which has templates; the data come before any search"
        )
    if not templates.has_name(model_source, first[0]):
        line = module.text.count("\n", 0, module.text.find(first[0])) + 1
        raise UserError(
            f"{module.path}, line {line}: Hyperas finds no name for {first[0]} in {model}(), expected it as name = "
            f"{first[0]}"
        )


def _parameters(module: Module, model: str, data: str | None) -> tuple[list[str], dict[str, str]]:
    """Return which of the model's parameters the data function gives, and the default values of the others."""
    required, defaults = syntax.parameters(module.functions[model])
    given = syntax.names_returned(module.functions[data]) if data else set()
    names = [*required, *(name for name in defaults if name in given)]
    return names, {name: value for name, value in defaults.items() if name not in given}


def _inlined(function: Function, parameters: list[str]) -> str | None:
    """Return a data function as Hyperas can take it; None if it has to be called, not inlined.

    Hyperas drops the first line and the last return, and takes the rest into its module. There the model finds the
    data, and all other variables of the function, by name. Data that are returned in another way are assigned to these
    names. A function that has parameters or several returns cannot be taken so.
    """
    returns = syntax.returns(function)
    if any(syntax.parameters(function)) or len(returns) != 1 or returns[0] is not function.body[-1]:
        return None
    lines = [ast.unparse(item) for item in function.body[:-1] if not templates.is_unused_string(item)]
    values = syntax.returned(returns[0])
    names = {getattr(value, "id", None) for value in values}
    by_name = all(isinstance(value, ast.Name) for value in values) and set(parameters) <= names
    if parameters and not by_name and returns[0].value is not None:
        lines.append(f"{', '.join(parameters)} = {ast.unparse(returns[0].value)}")
    return _data_function_text("\n".join(lines))


def call_source(call: str, parameters: Iterable[str], first: str = "") -> str:
    """Return a data function, as text for Hyperas, that assigns what ``call`` returns to the model's parameters.

    ``first`` is a statement before the call.
    """
    names = ", ".join(parameters)
    return _data_function_text("\n".join(filter(None, [first, f"{names} = {call}" if names else call])))


def _data_function_text(body: str) -> str:
    # The last line must not occur elsewhere: Hyperas drops every line that reads like it.
    return f"def {DATA}():\n{textwrap.indent(body or 'pass', '    ')}\n    return 'by name'\n"


def hyperas_text(script: HyperasScript, data_source: str | None = None) -> str:
    """Return the text of a module that Hyperas can take its imports and functions from.

    Every import is in a ``try``, as in Hyperas: a package that is not installed matters only once the model uses it.
    ``data_source`` is a data function to use instead of the script's own.
    """
    imports = "".join(f"try:\n    {item.statement}\nexcept Exception:\n    pass\n" for item in script.imports)
    return "\n".join([imports, *script.helpers.values(), script.model_source, data_source or script.data_source])


def local_modules(path: Path) -> list[Path]:
    """Return the modules beside a file that it imports, directly or through each other: they too decide a trial."""
    found, waiting = [], [path]
    while waiting:
        try:
            imports = syntax.parse(waiting.pop()).imports
        # `read` reports what is wrong with the file itself, Python what is wrong with another module.
        except UserError:
            continue
        for root in {item.root for item in imports}:
            beside = path.parent / root
            modules = [beside.with_suffix(".py")] if not beside.is_dir() else sorted(beside.rglob("*.py"))
            new = [module for module in modules if module != path and module not in found and module.is_file()]
            found += new
            waiting += new
    return sorted(found)


def uses_mnist(paths: Iterable[Path]) -> bool:
    """Return whether a script or a module beside it uses ``keras.datasets.mnist``."""
    for path in paths:
        try:
            module = syntax.parse(path)
        except UserError:
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr == "mnist" and "datasets" in ast.unparse(node.value):
                return True
        if any(re.search(r"\bkeras\.datasets\b.*\bmnist\b", item.statement) for item in module.imports):
            return True
    return False
