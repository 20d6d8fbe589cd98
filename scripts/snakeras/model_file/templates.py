"""The ``{{...}}`` templates of a Hyperas file: their distributions, and the ones that Hyperas cannot take."""

import ast
import re
from pathlib import Path

from snakeras.core.errors import UserError

# The expression by which Hyperas finds templates (hyperas.optim.get_hyperparameters), also in comments and strings.
TEMPLATE = re.compile(r"\{\{[^}]+}\}")
_CALL = re.compile(r"\{\{\s*\w+\s*\(")


def distribution(template: str) -> dict | None:
    """Return a template's ``kind`` (``quniform``, ``choice``, ...) and its ``arguments``.

    The arguments are numbers; those of a ``choice`` or ``pchoice``, whose kind is ``choice`` too, are its options as
    source text. None where they are anything else.
    """
    try:
        call = ast.parse(template.strip("{} \n\t").replace("\n", " "), mode="eval").body
        match call:
            case ast.Call(func=ast.Name(id="choice"), args=[ast.List(elts=options) | ast.Tuple(elts=options)]):
                kind, arguments = "choice", [ast.unparse(option) for option in options]
            case ast.Call(func=ast.Name(id="pchoice"), args=[ast.List(elts=pairs)]):
                pairs = [pair for pair in pairs if isinstance(pair, ast.Tuple)]
                kind, arguments = "choice", [ast.unparse(pair.elts[1]) for pair in pairs]
            case ast.Call(func=ast.Name(id=kind), keywords=[]):
                arguments = [ast.literal_eval(argument) for argument in call.args]
                if not all(isinstance(argument, int | float) for argument in arguments):
                    return None
            case _:
                return None
    except (SyntaxError, ValueError):
        return None
    return {"kind": kind, "arguments": arguments} if arguments else None


def has_name(source: str, template: str) -> bool:
    """Return whether Hyperas finds a name for a template (hyperas.optim.hyperparameter_names)."""
    return re.search(r"\w+(?=\s*[\=\(]\s*" + re.escape(template) + r")", source) is not None


def without_call(text: str) -> list[str]:
    """Return what Hyperas takes for a template but does not call a distribution."""
    return [template for template in TEMPLATE.findall(text) if not _CALL.match(template)]


def is_unused_string(node: ast.AST) -> bool:
    """Return whether a statement is a docstring or another string that nothing uses."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def check_braces(path: Path, text: str, definition: ast.AST) -> None:
    """Raise UserError if a template of a function contains a brace: Hyperas would cut the template short."""
    source = ast.get_source_segment(text, definition)
    for template in TEMPLATE.finditer(source):
        if "{" in template[0][2:] and _CALL.match(template[0]):
            line = definition.lineno + source.count("\n", 0, template.start())
            raise UserError(
                f"{path}, line {line}: Hyperas cannot take a brace inside a template, found "
                f"{' '.join(template[0].split())}; expected a choice of names, and the text looked up by name"
            )
    for node in ast.walk(definition):
        # To Python, a template is a set in a set.
        if isinstance(node, ast.Set) and isinstance(node.elts[0], ast.Set):
            template = ast.get_source_segment(text, node)
            if not TEMPLATE.fullmatch(template):
                raise UserError(
                    f"{path}, line {node.lineno}: Hyperas cannot take braces (a dict or set) inside a template, "
                    f"found {' '.join(template.split())}; expected a choice of names, and the dict looked up by name"
                )


def check_strings(path: Path, text: str, definition: ast.AST) -> None:
    """Raise UserError if Hyperas would take a string of a function for a template, such as ``"{{x}}".format``."""
    unused = {id(node.value) for node in ast.walk(definition) if is_unused_string(node)}
    for node in ast.walk(definition):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in unused:
            for template in without_call(ast.get_source_segment(text, node) or ""):
                raise UserError(
                    f"{path}, line {node.lineno}: Hyperas takes {template} in a text for a template, expected the "
                    "text to be put together in another function"
                )
