"""Which functions of a Hyperas file are the model and the data: by the call that searches, else by what they are."""

import ast
from functools import lru_cache

from snakeras.core.errors import UserError
from snakeras.model_file import rewriter, search_call, syntax, templates
from snakeras.model_file.search_call import Found, SearchCall
from snakeras.model_file.syntax import Module
from snakeras.model_file.templates import TEMPLATE


def model_of(script: Module, name: str | None) -> tuple[Found, SearchCall | None]:
    """Return the model function, by its name or else a call that searches, and that call if there is one.

    Of several such calls (SciPy has a minimize too), one whose model has templates.
    """
    calls, found, mistakes = list(search_call.calls(script)), [], []
    for call in calls:
        try:
            if model := call.function("model"):
                found.append((model, call))
        except UserError as error:
            mistakes.append(error)
    if name is not None:
        named = _named(script, "search.model_function", name)
        found.sort(key=lambda pair: pair[0].node is not named.node)
        return named, found[0][1] if found else None
    found.sort(key=lambda pair: not has_template(pair[0]))
    if mistakes and not (found and has_template(found[0][0])):
        raise mistakes[0]
    return found[0] if found else (_only_template(script), next((call for call in calls if call.is_hyperas), None))


def data_of(script: Module, model: Found, call: SearchCall | None, name: str | None, needed: bool) -> Found | None:
    """Return the data function, by its name, the call that searches, or what it returns.

    Raise UserError if it is needed and missing.
    """
    if name is not None:
        return _named(script, "search.data_function", name)
    try:
        if call and (found := call.function("data")):
            return found
    except UserError:
        if needed:
            raise
    for module in (model.module, script):
        for known in ("data", "get_data"):
            found = search_call.of_name(known, module)
            if found and isinstance(found.node, syntax.Function):
                return found
    wanted, _ = syntax.parameters(model.node)
    for module in (model.module, script):
        for name, node in module.functions.items():
            if wanted and not syntax.parameters(node)[0] and set(wanted) <= syntax.names_returned(node):
                return Found(module, name)
    if needed:
        raise UserError(
            f"{script.path}: has no data function, which data.dataset: model asks for; expected one named data, or its "
            "name in search.data_function"
        )
    return None


def test_of(script: Module, name: str | None) -> Found | None:
    """Return the function that gives what the final model is tested on, by its name, else one called ``test_data``."""
    if name is not None:
        return _named(script, "data.test_function", name)
    found = search_call.of_name("test_data", script)
    if not found or not isinstance(found.node, syntax.Function) or syntax.parameters(found.node)[0]:
        return None
    return found


def _named(script: Module, key: str, name: str) -> Found:
    """Return the function that the configuration names; raise UserError without it."""
    if found := search_call.named(name, script):
        return found
    raise UserError(f"{script.path}: has no function {name}, which {key} names")


def _only_template(script: Module) -> Found:
    """Return the one function with templates that no other such function uses; raise UserError if there is none."""
    found = [name for name, node in script.functions.items() if has_template(Found(script, name))]
    used = {name: syntax.names_used(script.functions[name]) for name in found}
    top = [name for name in found if not any(name in used[other] for other in found if other != name)]
    if len(top) == 1:
        return _innermost(Found(script, top[0]))
    if found:
        raise UserError(
            f"{script.path}: {', '.join(found)} have templates, expected one function that has, a call of "
            "optim.minimize that names the model, or its name in search.model_function"
        )
    search_call.check_methods(script)
    raise UserError(
        f"{script.path}: no Hyperas model, expected a function with templates such as {{{{uniform(0, 1)}}}} to search "
        "over"
    )


def _innermost(found: Found) -> Found:
    """Return the one function with templates inside a function that neither calls it nor has templates of its own."""
    module = found.module.seen_from((*found.module.around, found.node))
    nodes = list(syntax.outside_definitions(found.node))
    own = any(isinstance(node, ast.Set) and isinstance(node.elts[0], ast.Set) for node in nodes)
    called = {getattr(node.func, "id", None) for node in nodes if isinstance(node, ast.Call)}
    inside = [Found(module, node.name) for node in nodes if isinstance(node, syntax.Function)]
    inside = [inner for inner in inside if has_template(inner)]
    if own or len(inside) != 1 or inside[0].name in called:
        return found
    return _innermost(inside[0])


@lru_cache(maxsize=256)
def source(found: Found) -> str:
    """Return a definition as text that Hyperas can take."""
    return rewriter.source_of(found.module.text, found.node)


def has_template(found: Found) -> bool:
    """Return whether a definition has templates."""
    if not TEMPLATE.search(source(found)):
        return False
    items = templates.found(ast.get_source_segment(found.module.text, found.node), found.node)
    return any(item.kind == "code" for item in items)


def used_by(found: Found) -> list[Found]:
    """Return a definition and those that it uses, directly or through each other."""
    return [Found(found.module, name) for name in found.module.used_by([found.name])]
