"""A Hyperas script or notebook, read as text: its model and data functions, helpers, imports and templates.

The file is never run: everything is taken from its syntax tree, and from those of the modules beside it.
"""

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from snakeras.core.errors import UserError
from snakeras.model_file import chosen, data_functions, rewriter, search_call, syntax, templates
from snakeras.model_file.search_call import Found
from snakeras.model_file.syntax import Import, Module
from snakeras.model_file.templates import SUBSTITUTE, Name, Template


@dataclass(frozen=True)
class HyperasScript:
    """What Hyperas takes from a file. The model's text is verbatim, since Hyperas reads the templates in it."""

    path: Path
    text: str
    modules: tuple[Module, ...]  # the files that the functions stand in: this one, or modules beside it
    imports: tuple[Import, ...]  # from any depth, in the order of the file
    model: str  # name of the model function
    model_source: str  # including the helper functions that have templates of their own
    parameters: tuple[str, ...]  # of the model function: names of its arrays
    data: str | None  # name of the data function, if there is one
    data_source: str | None  # as Hyperas can take it
    test: str | None  # name of the function that returns what the final model is tested on, if there is one
    helpers: dict[str, str]  # sources of the other functions and classes that these use, by name
    own_path: Path  # of the file that the data function stands in, else the model function
    templates: tuple[Template, ...]  # of the model and its helpers, with their places in the files

    def place_of(self, text: str) -> str | None:
        """Return where ``text``, a line of the module that Hyperas wrote, first stands, in words, and how it reads."""
        wanted = SUBSTITUTE.sub("{}", text.strip())
        for module in self.modules:
            number, lines = 1, module.text
            # A template over several lines is one word in Hyperas's module.
            for template in self.templates:
                lines = lines.replace(template.text, "{}" + "\f" * template.text.count("\n"))
            for line in lines.split("\n"):
                # A data function comes without its own spelling.
                if wanted and wanted in (line.replace("\f", "").strip(), module.unparsed.get(number)):
                    return module.shown(number)
                number += 1 + line.count("\f")
        return None

    @cached_property
    def top_level_names(self) -> set[str]:
        """Names that the top level, which never runs, would assign."""
        return syntax.assigned(ast.parse(self.text))

    @property
    def data_return(self) -> str | None:
        """Where the data function's last return stands, in words, and how it reads; None without one."""
        found = [(module, module.functions[self.data]) for module in self.modules if self.data in module.functions]
        returns = syntax.returns(found[0][1]) if found else []
        return found[0][0].shown(returns[-1].lineno) if returns else None

    @cached_property
    def strings(self) -> set[str]:
        """All strings of the functions: some may be paths of files."""
        sources = [self.model_source, self.data_source or "", *self.helpers.values()]
        constants = [
            node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)
        ]
        return {node.value for node in constants if isinstance(node.value, str)}

    @cached_property
    def names(self) -> list[Name]:
        """The names of the templates in ``model_source``, in its order."""
        return templates.names(self.model_source)

    @property
    def distributions(self) -> list[dict | None]:
        """The distribution of each hyperparameter in their order, as ``templates.distribution`` returns it."""
        shown = {name.shown: templates.distribution(name.template.text) for name in self.names if name.shown}
        return list(shown.values())

    @property
    def choices(self) -> dict[str, list[str]]:
        """The options of each template that is a ``choice``, as source text, by label."""
        # Of two with one label, Hyperas takes the last.
        known = {name.label: templates.distribution(name.template.text) for name in self.names}
        return {label: found["arguments"] for label, found in known.items() if found and found["kind"] == "choice"}


def read(
    path: Path,
    needs_data: bool = False,
    model_function: str | None = None,
    data_function: str | None = None,
    test_function: str | None = None,
    for_test: bool = False,
) -> HyperasScript:
    """Return what Hyperas takes from a script or notebook.

    A call of ``optim.minimize``, ``best_ensemble`` or ``best_models`` tells which function is the model, which one
    returns the data and which are helpers; they may stand in modules beside the file. Without such a call the model is
    the function with templates that no other such function uses, and the data function is ``data``, ``get_data`` or the
    one that returns variables with the names of the model's parameters; ``needs_data`` says that there must be one. All
    functions and classes that these use are helpers too. The configuration may give ``model_function``,
    ``data_function`` and ``test_function``, which is called ``test_data`` otherwise, by name; the latter counts only
    with ``for_test``.

    Raises:
        UserError: When the file is missing, is not Python, or has no model function that Hyperas can take.
    """
    _check_braces(script := syntax.parse(path))
    model, call = chosen.model_of(script, model_function)
    data = chosen.data_of(script, model, call, data_function, needs_data)
    test = chosen.test_of(script, test_function) if for_test else None
    given = call.data_arguments() if call and data and needs_data else ([], {})
    first = [*filter(None, [data, test, *_passed(call, given)]), *(call.helpers() if call else [])]
    # What the model function's file imports and defines counts most.
    modules = list(dict.fromkeys(found.module for found in [*first, model]))
    for module in modules:
        _check_braces(module)
    used = _used(modules, [model, *first], syntax.assigned(data.node) if data else set())
    _check_calls_elsewhere(used.values())
    others = [found for found in used.values() if found not in (model, data)]
    nested = [found for found in others if any(chosen.has_template(inner) for inner in chosen.used_by(found))]
    parameters, constants = _parameters(model, data)
    first_lines = [f"{name} = {value}\n" for name, value in constants.items()] + list(map(chosen.source, nested))
    model_source = rewriter.with_first_statements(chosen.source(model), first_lines)
    _check_templates(model, model_source, data, nested)

    data_source, calls_data = None, False
    if data and needs_data:
        data_source, calls_data = data_functions.source(data, parameters, *given)
    # Nothing calls a data function that is inlined, unless the model does.
    if data and (calls_data or data in chosen.used_by(model)):
        others = [found for found in used.values() if found != model]
    return HyperasScript(
        path=path,
        text=script.text,
        modules=tuple(modules),
        imports=_imports([script, *modules], used.values()),
        model=model.name,
        model_source=model_source,
        parameters=tuple(parameters),
        data=data.name if data else None,
        test=test.name if test else None,
        data_source=data_source,
        helpers=_helpers(found for found in others if found not in nested),
        own_path=(data or model).module.path,
        templates=tuple(item for item in _templates([*nested, model]) if item.text in model_source),
    )


def _passed(
    call: search_call.SearchCall | None, given: tuple[list[ast.expr], dict[str, ast.expr]]
) -> list[Found | None]:
    """Return the definitions that the values for the data function name."""
    values = [node for value in (*given[0], *given[1].values()) for node in ast.walk(value)]
    return [search_call.of_name(node.id, call.module) for node in values if isinstance(node, ast.Name)]


def _helpers(definitions: Iterable[Found]) -> dict[str, str]:
    """Return the sources of definitions by their names."""
    return {
        found.name: rewriter.decorators_of(found.module.text, found.node) + chosen.source(found)
        for found in definitions
    }


def _templates(definitions: list[Found]) -> Iterator[Template]:
    """Yield the templates of definitions with their places."""
    for found in definitions:
        for item in templates.found(ast.get_source_segment(found.module.text, found.node), found.node):
            yield item._replace(place=found.module.place(item.line), path=found.module.path)


def _used(modules: list[Module], roots: list[Found], given: set[str]) -> dict[str, Found]:
    """Return all definitions that are used, by name, in the order of their files.

    ``given`` are the variables of the data function, which Hyperas lets the model function see.

    Raises:
        UserError: When two have one name, or one uses what does not exist when a trial runs.
    """
    used = {}
    for module in modules:
        names = module.used_by(root.name for root in roots if root.module == module)
        inside = {id(node) for scope in module.around for node in syntax.outside_definitions(scope)}
        for one, other in module.alternatives:
            if one.name in names and module.definitions[one.name] in (one, other):
                raise UserError(
                    f"{module.path}, line {other.lineno}: {one.name} also stands in another branch, line {one.lineno}, "
                    "and the file does not run to choose one; expected one of them"
                )
        for found in (Found(module, name) for name in module.definitions if name in names):
            other = used.setdefault(found.name, found)
            if other.node is not found.node:
                raise UserError(
                    f"{module.path}, line {found.node.lineno}: {found.name} is another function than that of "
                    f"{other.module.path}, line {other.node.lineno}, and both are used; expected two names"
                )
            outside = syntax.names_used(found.node) & module.hidden if id(found.node) in inside else set()
            if outside := outside - set(module.definitions) - given:
                around = next(node.name for node in module.around if isinstance(node, syntax.Function))
                raise UserError(
                    f"{module.path}, line {found.node.lineno}: {found.name}() uses {min(outside)}, a variable of "
                    f"{around}(), which does not run; set it in {found.name}()"
                )
    return used


def _imports(modules: list[Module], used: Iterable[Found]) -> tuple[Import, ...]:
    """Return the imports of the files, the last's last, with what modules beside the model file set at their top level.

    Raises:
        UserError: When two modules set one variable that both use.
    """
    script, found, variables = modules[0], {item.statement: item for module in modules for item in module.imports}, {}
    for definition in used:
        module = definition.module
        if module.name:
            for name in sorted(syntax.names_used(definition.node) & syntax.assigned(module.tree)):
                item = module.import_of(name)
                if variables.setdefault(name, item) != item:
                    raise UserError(
                        f"{script.path}: {name} in {item.place} is another variable than in {variables[name].place}, "
                        "and both are used; expected two names"
                    )
    return (*found.values(), *variables.values())


def _check_braces(module: Module) -> None:
    """Raise UserError if a template's braces are wrong."""
    other = _other_names(module)
    for node in module.definitions.values():
        templates.check_braces(module.path, module.text, node, other | syntax.names_set(node))


def _other_names(module: Module) -> set[str]:
    """Return the names that the file has from elsewhere than Hyperas and hyperopt."""
    imported = {item.name for item in module.imports if item.root not in ("hyperas", "hyperopt")}
    return imported | set(module.definitions)


def _check_templates(model: Found, model_source: str, data: Found | None, nested: list[Found]) -> None:
    """Raise UserError if templates stand where Hyperas cannot take them, or if there are none."""
    module = model.module
    for definition in (model, *nested):
        text, node, own = definition.module.text, definition.node, definition.module
        imported = {item.name for item in own.imports if item.root == "hyperas"} - _other_names(own)
        templates.check_strings(own.path, text, node)
        templates.check_calls(own.path, text, node, imported - syntax.names_set(node))
    required, defaults = syntax.parameters(model.node)
    for name, value in defaults.items():
        if templates.TEMPLATE.search(value):
            raise UserError(
                f"{module.path}, line {model.node.lineno}: {name} of {model.name}() has the default {value}, but "
                f"Hyperas takes templates in the function's body alone; expected {name} = {value} there"
            )
    if "space" in {*required, *defaults, *syntax.assigned(model.node)}:
        raise UserError(
            f"{module.path}, line {model.node.lineno}: {model.name}() has a variable space, which is Hyperas's own "
            "name for the search space; expected another name"
        )
    found = templates.found(model_source, ast.parse(model_source).body[0])
    if not any(template.kind == "code" for template in found):
        raise UserError(
            f"{module.path}: no Hyperas model, {model.name}() has no template such as {{{{uniform(0, 1)}}}} to search "
            "over"
        )
    if data and (wrong := {found.name for found in chosen.used_by(data)} & {found.name for found in nested}):
        raise UserError(
            f"{data.module.path}: {data.name}() uses {min(wrong)}(), which has templates; the data come before any "
            "search"
        )


def _check_calls_elsewhere(used: Collection[Found]) -> None:
    """Raise UserError if one of these calls a function with templates of another file: Hyperas reads the model's."""
    for found in used:
        names = syntax.names_used(found.node)
        functions = [node.func for node in ast.walk(found.node) if isinstance(node, ast.Call)]
        for node in (node for node in functions if ast.unparse(node).partition(".")[0] in names):
            other = None
            with suppress(UserError):
                other = search_call.resolved(node, found.module)
            if other and other.module.path != found.module.path and chosen.has_template(other):
                raise UserError(
                    f"{other.module.path}, line {other.node.lineno}: {other.name}() has templates and is called from "
                    f"{found.module.path}, line {node.lineno}; expected both in one file"
                )


def _parameters(model: Found, data: Found | None) -> tuple[list[str], dict[str, str]]:
    """Return which of the model's parameters the data function gives, and the default values of the others."""
    required, defaults = syntax.parameters(model.node)
    given = syntax.names_returned(data.node) if data else set()
    names = [*required, *(name for name in defaults if name in given)]
    declared = {name for node in ast.walk(model.node) if isinstance(node, ast.Global) for name in node.names}
    # Hyperas drops the parameters: one that the function sets anew would have no value before.
    anew = [name for name in names if name in syntax.assigned(model.node) - declared]
    constants = {name: value for name, value in defaults.items() if name not in given}
    return names, {name: f"globals()[{name!r}]" for name in anew} | constants


def hyperas_text(script: HyperasScript, data_source: str | None = None) -> str:
    """Return the text of a module that Hyperas can take its imports and functions from.

    Every import is in a ``try``, as in Hyperas: a package that is not installed matters only once the model uses it.
    ``data_source`` is a data function to use instead of the script's own.
    """
    imports = "".join(f"try:\n    {item.statement}\nexcept Exception:\n    pass\n" for item in script.imports)
    texts = [imports, *script.helpers.values(), script.model_source, data_source or script.data_source]
    return "\n".join(filter(None, texts))


def local_modules(path: Path) -> list[Path]:
    """Return the modules beside a file that it imports, directly or through each other: they too decide a trial."""
    found, waiting = [], [path]
    while waiting:
        module = waiting.pop()
        parts = [] if module == path else module.relative_to(path.parent).with_suffix("").parts
        try:
            imports = syntax.parse(module, ".".join(part for part in parts if part != "__init__")).imports
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
