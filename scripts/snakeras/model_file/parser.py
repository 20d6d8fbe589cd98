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

from snakeras.core.errors import UserError
from snakeras.model_file import rewriter, syntax, templates
from snakeras.model_file.syntax import Definition, Function, Import, Module
from snakeras.model_file.templates import TEMPLATE

# What Hyperas puts in the place of a template.
SUBSTITUTE = re.compile(r"space\['\w+'\]")

# The name of the data function that Hyperas is given; no script has a function of this name.
DATA = "snakeras_data"

# Hyperas's functions that search: the positions of their arguments model, data and functions.
SEARCHES = {"minimize": (0, 1, 5), "best_ensemble": (1, 2, 9), "best_models": (1, 2, 6)}


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
        statements = [node for node in ast.parse(self.text).body if not isinstance(node, Definition)]
        nodes = (node for statement in statements for node in ast.walk(statement))
        return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    @cached_property
    def distributions(self) -> list[dict | None]:
        """The distribution of each template, in the order of the file, as ``templates.distribution`` returns it."""
        return [templates.distribution(template) for template in TEMPLATE.findall(self.model_source)]

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
    names of the model's parameters. All functions and classes that these use are helpers too.

    Parameters
    ----------
    needs_data
        Whether the file must have a data function.
    model_function, data_function
        Their names, where the configuration gives them.

    Raises
    ------
    UserError
        When the file is missing, is not Python, or has no model function that Hyperas can take.
    """
    module = syntax.parse(path)
    sources = {name: rewriter.source_of(module.text, node) for name, node in module.definitions.items()}
    _check_definitions(module, model_function, data_function)
    call = _search_call(module, sources)
    model = model_function or _named(call, "model", module) or _only_template(module, sources)
    data = data_function or _named(call, "data", module) or _data_function(module, model, needs_data)
    used = module.used_by([model, *([data] if data else []), *_listed(call, module)])
    with_templates = {name for name, source in sources.items() if TEMPLATE.search(source)}
    candidates = [name for name in module.definitions if name in used - {model, data}]
    nested = [name for name in candidates if module.used_by([name]) & with_templates]
    _check(module, model, data, nested, with_templates)

    parameters, constants = _parameters(module, model, data)
    first = [f"{name} = {value}\n" for name, value in constants.items()] + [sources[name] for name in nested]
    model_source = rewriter.without_unnamed_start(rewriter.with_first_statements(sources[model], first))
    _check_first_name(module, model, model_source)

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


def _search_call(module: Module, sources: dict[str, str]) -> ast.Call | None:
    """Return the call that searches: of all calls of that name (SciPy has a minimize too) one with a Hyperas model."""
    calls = [node for node in ast.walk(module.tree) if isinstance(node, ast.Call) and _called(node) in SEARCHES]
    calls = [call for call in calls if _name(_argument(call, "model")) in sources]
    with_templates = [call for call in calls if TEMPLATE.search(sources[_name(_argument(call, "model"))])]
    return next(iter(with_templates + calls), None)


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
    """Return the name of the function that is passed; some scripts pass data() instead of data."""
    if isinstance(value, ast.Call):
        value = value.func
    return getattr(value, "id", None)


def _named(call: ast.Call | None, argument: str, module: Module) -> str | None:
    name = _name(_argument(call, argument))
    return name if name in module.functions else None


def _listed(call: ast.Call | None, module: Module) -> list[str]:
    elements = getattr(_argument(call, "functions"), "elts", [])
    return [node.id for node in elements if isinstance(node, ast.Name) and node.id in module.definitions]


def _only_template(module: Module, sources: dict[str, str]) -> str:
    """Return the one function with templates that no other such function uses; raise UserError if there is none."""
    found = [name for name in module.functions if TEMPLATE.search(sources[name])]
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


def _check(module: Module, model: str, data: str | None, nested: list[str], with_templates: set[str]) -> None:
    """Raise UserError if templates stand where Hyperas cannot take them, or if there are none."""
    for name in (model, *nested):
        templates.check_strings(module.path, module.text, module.definitions[name])
    if with_templates.isdisjoint({model, *nested}):
        raise UserError(
            f"{module.path}: no Hyperas model, {model}() has no template such as {{{{uniform(0, 1)}}}} to search over"
        )
    if data and (wrong := module.used_by([data]) & set(nested)):
        raise UserError(
            f"{module.path}: {data}() uses {min(wrong)}(), which has templates; the data come before any search"
        )


def _check_first_name(module: Module, model: str, model_source: str) -> None:
    first = TEMPLATE.search(model_source)
    if first and not templates.has_name(model_source, first[0]):
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

    Parameters
    ----------
    first
        A statement before the call.
    """
    names = ", ".join(parameters)
    return _data_function_text("\n".join(filter(None, [first, f"{names} = {call}" if names else call])))


def _data_function_text(body: str) -> str:
    # The last line must not occur elsewhere: Hyperas drops every line that reads like it.
    return f"def {DATA}():\n{textwrap.indent(body or 'pass', '    ')}\n    return 'by name'\n"


def hyperas_text(script: HyperasScript, data_source: str | None = None) -> str:
    """Return the text of a module that Hyperas can take its imports and functions from.

    Every import is in a ``try``, as in Hyperas: a package that is not installed matters only once the model uses it.

    Parameters
    ----------
    data_source
        A data function to use instead of the script's own.
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


def imported_packages(path: Path) -> tuple[str, set[str]]:
    """Return the code of a script, notebook or module, and the packages that it imports; raise as ``read``."""
    module = syntax.parse(path)
    return module.text, {item.root for item in module.imports}


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
