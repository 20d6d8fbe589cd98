"""A data function as text that Hyperas can take: it drops the first line and the last return, and takes the rest."""

import ast
import builtins
import copy
import textwrap
from collections.abc import Iterable

from snakeras.core.errors import UserError
from snakeras.model_file import syntax, templates
from snakeras.model_file.search_call import Found

# The name of the data function that Hyperas is given; no script has a function of this name.
NAME = "snakeras_data"


def source(
    data: Found, parameters: list[str], positional: list[ast.expr], keywords: dict[str, ast.expr]
) -> tuple[str, bool]:
    """Return a data function as Hyperas can take it, and whether it calls the function of the file.

    Hyperas takes what is in it into its module. There the model finds the data, and all other variables of the
    function, by name. Data that are returned in another way are assigned to the names of the model's ``parameters``. A
    function for which that is not the same as a call (``_has_to_be_called``) is called instead.

    Args:
        positional, keywords: The values for its own parameters.

    Raises:
        UserError: When these do not fit.
    """
    function = copy.deepcopy(data.node)
    values = _values(data, positional, keywords)
    returns = syntax.returns(function)
    gives = returns or any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))
    if not gives and (missing := [name for name in parameters if name not in syntax.assigned(function)]):
        raise UserError(
            f"{data.module.path}, line {function.lineno}: {data.name}() returns nothing, expected it to return "
            f"{missing[0]}, a parameter of the model function"
        )
    in_order = {id(statement): _in_order(statement, parameters) for statement in returns}
    if not _has_to_be_called(data, parameters):
        lines = [f"{name} = {value}" for name, value in values.items()]
        statements = [item for item in function.body if item not in returns and not templates.is_unused_string(item)]
        lines += map(ast.unparse, statements)
        value = in_order[id(returns[0])] if returns else None
        names = [getattr(item, "id", None) for item in getattr(value, "elts", [value])]
        if parameters and value and names != parameters:
            lines.append(f"{', '.join(parameters)} = {ast.unparse(value)}")
        return _text("\n".join(lines)), False

    arguments = [*map(ast.unparse, positional), *(f"{name}={ast.unparse(value)}" for name, value in keywords.items())]
    before = ast.unparse(function)
    for statement in returns:
        statement.value = in_order[id(statement)]
    if ast.unparse(function) == before:
        return call_source(f"{data.name}({', '.join(arguments)})", parameters), True
    function.name = f"{data.name}_in_order"
    return call_source(f"{function.name}({', '.join(arguments)})", parameters, ast.unparse(function)), False


def _has_to_be_called(data: Found, parameters: list[str]) -> bool:
    """Return whether a data function does more than its statements do outside of it.

    It returns in several places or nothing, takes any number of arguments, has variables that functions in it set, or
    decorators. Those that name what only the top level of the file sets are left out.
    """
    function, returns, module = data.node, syntax.returns(data.node), data.module
    known = {*module.definitions, *(item.name for item in module.imports), *dir(builtins)}
    decorated = any(syntax.names_used(decorator) <= known for decorator in function.decorator_list)
    at_the_end = returns == function.body[-1:] or (not returns and set(parameters) <= syntax.assigned(function))
    shares = any(isinstance(node, ast.Nonlocal) for node in ast.walk(function))
    return bool(not at_the_end or function.args.vararg or function.args.kwarg or decorated or shares)


def _values(data: Found, positional: list[ast.expr], keywords: dict[str, ast.expr]) -> dict[str, str]:
    """Return the values of a data function's parameters, as source text. Raise UserError if they do not fit."""
    required, defaults = syntax.parameters(data.node)
    names, arguments = syntax.positional(data.node), data.node.args
    values = dict(zip(names, positional, strict=False)) | keywords
    given = defaults | {name: ast.unparse(value) for name, value in values.items()}
    place = f"{data.module.path}, line {data.node.lineno}: {data.name}()"
    if missing := [name for name in required if name not in given]:
        raise UserError(
            f"{place} has the parameter {missing[0]}, expected a default, or its value in the call that searches: "
            f"data_args=({missing[0]},)"
        )
    wrong = [name for name in keywords if name not in [*required, *defaults]]
    if (len(positional) > len(names) and not arguments.vararg) or (wrong and not arguments.kwarg):
        raise UserError(
            f"{place} takes {', '.join(names) or 'nothing'}, found {len(positional) + len(keywords)} values for it"
        )
    return given


def _in_order(statement: ast.Return, parameters: list[str]) -> ast.expr | None:
    """Return the value of a return statement in the order of the model's parameters.

    The values that have the names of parameters go to these, the others to the others, in their order.
    """
    named, value = syntax.returned(statement), statement.value
    if parameters and set(parameters) <= set(named):
        values = [named[name] for name in parameters]
        return ast.Tuple(values, ast.Load()) if len(values) > 1 else values[0]
    values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    own = {item.id: item for item in values if isinstance(item, ast.Name) and item.id in parameters}
    # As in np.array(x), y / 2: the only parameter that a value is made of, and that is made of it.
    made = {id(item): _names(item) & set(parameters) - own.keys() for item in values if item not in own.values()}
    for item in values:
        if len(made.get(id(item), ())) == 1 and list(made.values()).count(made[id(item)]) == 1:
            own[min(made[id(item)])] = item
    others = [item for item in values if item not in own.values()]
    if len(own) + len(others) != len(parameters) or any(isinstance(item, ast.Starred) for item in values):
        return value
    return ast.Tuple([own[name] if name in own else others.pop(0) for name in parameters], ast.Load())


def _names(value: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}


def call_source(call: str, parameters: Iterable[str], first: str = "") -> str:
    """Return a data function, as text for Hyperas, that assigns what ``call`` returns to the model's parameters.

    ``first`` is a statement before the call.
    """
    names = ", ".join(parameters)
    return _text("\n".join(filter(None, [first, f"{names} = {call}" if names else call])))


def _text(body: str) -> str:
    # The last line must not occur elsewhere: Hyperas drops every line that reads like it.
    return f"def {NAME}():\n{textwrap.indent(body or 'pass', '    ')}\n    return 'by name'\n"
