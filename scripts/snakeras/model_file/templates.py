"""The ``{{...}}`` templates of a Hyperas file: found, named, and those that Hyperas cannot take."""

import ast
import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

from snakeras.core.errors import UserError, flat

# The expression by which Hyperas finds templates (hyperas.optim.get_hyperparameters), also in comments and strings.
TEMPLATE = re.compile(r"\{\{[^}]+}\}")
# What Hyperas puts in the place of a template.
SUBSTITUTE = re.compile(r"space\['\w+'\]")
# hyperopt's distributions (hyperopt.hp), the only functions that Hyperas calls, and their arguments.
DISTRIBUTIONS = {
    "choice": "[option, ...]",
    "pchoice": "[(probability, option), ...]",
    "randint": "low, high",
    **dict.fromkeys(("uniform", "uniformint", "loguniform"), "low, high"),
    **dict.fromkeys(("quniform", "qloguniform"), "low, high, q"),
    **dict.fromkeys(("normal", "lognormal"), "mu, sigma"),
    **dict.fromkeys(("qnormal", "qlognormal"), "mu, sigma, q"),
}
_CALL = re.compile(rf"\{{\{{\s*(?:{'|'.join(DISTRIBUTIONS)})\s*\(")


class Template(NamedTuple):
    """What Hyperas takes for a template."""

    text: str
    start: int  # in the source of its definition
    line: int
    kind: Literal["code", "comment", "text"]  # Hyperas also draws those in comments, docstrings and texts
    place: str = ""  # in words, by ``Module.place``
    path: Path | None = None

    @property
    def flat(self) -> str:
        """The text on one line."""
        return flat(self.text)

    @property
    def calls(self) -> bool:
        """Whether it calls a distribution."""
        return _CALL.match(self.text) is not None


class Name(NamedTuple):
    """The names of a template."""

    label: str  # hyperopt's
    shown: str | None  # for people; None for a template that is no code
    template: Template


def found(source: str, definition: ast.AST) -> list[Template]:
    """Return the templates in a definition's ``source``; its line numbers are those of the tree."""
    nodes = list(ast.walk(definition))
    # To Python, a template is a set in a set.
    sets = {(node.lineno, node.col_offset) for node in nodes if isinstance(node, ast.Set)}
    unused = {id(node.value) for node in nodes if is_unused_string(node)}
    strings = [node for node in nodes if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in unused]
    result = []
    for match in TEMPLATE.finditer(source):
        *lines, last = source[: match.start()].split("\n")
        line, column = definition.lineno + len(lines), len(last.encode()) + (0 if lines else definition.col_offset)
        kind = "code" if (line, column) in sets else "comment"
        for node in strings if kind == "comment" else []:
            if (node.lineno, node.col_offset) < (line, column) < (node.end_lineno, node.end_col_offset):
                kind = "text"
        result.append(Template(match[0], match.start(), line, kind))
    return result


def names(source: str) -> list[Name]:
    """Return the names of the templates in a model function's source, in their order.

    Labels are Hyperas's (hyperas.optim.hyperparameter_names): each is named after the first place where its text
    stands, and without one as the template before it. These are shown too. But where comments or texts have templates,
    Hyperas may have taken names from there: then each of the others is named after its own place.
    """
    templates = found(source, ast.parse(source).body[0])
    bases: list[str] = []
    for template in templates:
        bases.append(_first_name(source, template.text) or bases[-1])
    labels = _numbered(bases)
    code = [template for template in templates if template.kind == "code"]
    if len(code) == len(templates):
        return [Name(*item) for item in zip(labels, labels, templates, strict=True)]
    base, shown = None, {}
    for template in code:
        before = source[: template.start]
        own = re.search(r"(\w+)\s*[=(]\s*$", before)
        base = own[1] if own else base or re.findall(r"\w+", before)[-1]
        numbered = (f"{base}_{count}" if count else base for count in range(len(code)))
        shown[template] = next(name for name in numbered if name not in shown.values())
    return [Name(label, shown.get(item), item) for label, item in zip(labels, templates, strict=True)]


def _first_name(source: str, template: str) -> str | None:
    name = re.search(r"\w+(?=\s*[\=\(]\s*" + re.escape(template) + r")", source)
    return name and name[0]


def _numbered(names: list[str]) -> list[str]:
    """Return names as Hyperas makes them differ: ``k1``, ``k1_1``, ``k1_2``."""
    counts = [names[:place].count(name) for place, name in enumerate(names)]
    return [f"{name}_{count}" if count else name for name, count in zip(names, counts, strict=True)]


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
    return _first_name(source, template) is not None


def blanked(template: str) -> str:
    """Return the text of a template, in a comment, as one of the same length that Hyperas does not take for one."""
    return re.sub(r"\{(?=\{)", " ", template)


def is_unused_string(node: ast.AST) -> bool:
    """Return whether a statement is a docstring or another string that nothing uses."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def check_braces(path: Path, text: str, definition: ast.AST, other_names: Collection[str]) -> None:
    """Raise UserError if templates of a function have braces inside, or less than two around them.

    ``other_names`` of distributions mean something else in the file.
    """
    source = ast.get_source_segment(text, definition)
    for template in found(source, definition):
        if "{" in template.text[2:] and template.calls:
            raise UserError(
                f"{path}, line {template.line}: Hyperas cannot take a brace inside a template, found {template.flat}; "
                "expected a choice of names, and the text looked up by name"
            )
    sets = [node for node in ast.walk(definition) if isinstance(node, ast.Set)]
    inner = {id(element) for node in sets for element in node.elts}
    for node in sets:
        if id(node) in inner:
            continue
        template = ast.get_source_segment(text, node)
        if template.startswith("{{") and not TEMPLATE.fullmatch(template):
            raise UserError(
                f"{path}, line {node.lineno}: Hyperas cannot take braces (a dict or set) inside a template, "
                f"found {flat(template)}; expected a choice of names, and the dict looked up by name"
            )
        if not template.startswith("{{") and _calls_distribution(node, other_names):
            raise UserError(
                f"{path}, line {node.lineno}: found {flat(template)}, expected two braces on each side, with no space "
                f"between them: {{{{{flat(template.strip('{} '))}}}}}"
            )


def _calls_distribution(node: ast.Set, other_names: Collection[str]) -> bool:
    names = {inner.func.id for inner in ast.walk(node) if isinstance(inner, ast.Call) and hasattr(inner.func, "id")}
    return bool(names & set(DISTRIBUTIONS) - set(other_names))


def check_calls(path: Path, text: str, definition: ast.AST, imported: Collection[str]) -> None:
    """Raise UserError if a function calls one of Hyperas's distributions, ``imported`` by name, outside a template."""
    inside = {id(inner) for node in ast.walk(definition) if isinstance(node, ast.Set) for inner in ast.walk(node)}
    for node in ast.walk(definition):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in imported and name in DISTRIBUTIONS:
                is_hyperopts = isinstance(first, ast.Constant) and isinstance(first.value, str)
                if id(node) not in inside and not is_hyperopts:
                    call = flat(ast.get_source_segment(text, node))
                    raise UserError(f"{path}, line {node.lineno}: found {call}, expected it in braces: {{{{{call}}}}}")


def check_strings(path: Path, text: str, definition: ast.AST) -> None:
    """Raise UserError if Hyperas would take a string of a function for a template, such as ``"{{x}}".format``."""
    nodes = list(ast.walk(definition))
    unused = {id(node.value) for node in nodes if is_unused_string(node)}
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in parts:
            continue
        literal, is_used = ast.get_source_segment(text, node) or "", id(node) not in unused
        for template in TEMPLATE.findall(literal):
            is_alone = TEMPLATE.fullmatch(str(getattr(node, "value", "")).strip())
            if is_used and is_alone and _CALL.match(template):
                raise UserError(
                    f"{path}, line {node.lineno}: {flat(template)} stands in quotes, so it is a text; expected it "
                    "without them"
                )
            if is_used and not _CALL.match(template) or _is_broken(literal):
                raise UserError(
                    f"{path}, line {node.lineno}: Hyperas takes {flat(template)} in a text for a template, expected "
                    "the text to be put together in another function"
                )


def _is_broken(literal: str) -> bool:
    """Return whether a string is no Python once Hyperas has replaced the templates in it."""
    try:
        ast.parse("(" + TEMPLATE.sub("space['x']", literal) + ")")
    except SyntaxError:
        return True
    return False
