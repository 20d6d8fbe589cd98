"""The ``{{...}}`` templates of a Hyperas file: found, named, and those that Hyperas cannot take."""

import ast
import itertools
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
# Functions that only convert a hyperparameter, so that it is not named after them.
CONVERSIONS = {"int", "float", "bool", "str", "round", "abs", "min", "max", "pow", "list", "tuple"}
# The label of a distribution inside another.
_INNER_LABEL = re.compile(r"""\bhp\.\w+\(\s*['"](\w+)""")
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
    stands, and without one as the template before it; the first of all, for which Hyperas then fails, after its own
    place. Shown are the names of their own places, by ``_own_name``.
    """
    definition = ast.parse(source).body[0]
    templates = found(source, definition)
    own = _own_names(definition)
    places = [own.get((template.line, _column(source, template))) for template in templates]
    bases: list[str] = []
    for template, place in zip(templates, places, strict=True):
        before = bases[-1] if bases else place or _distribution_name(template.text)
        bases.append(_first_name(source, template.text) or before)
    code = [place for place, template in enumerate(templates) if template.kind == "code"]
    shown_bases: list[str] = []
    for place in code:
        before = shown_bases[-1] if shown_bases else _distribution_name(templates[place].text)
        shown_bases.append(places[place] or before)
    labels = _numbered(bases)
    unique = _unique(shown_bases, set(_INNER_LABEL.findall(source)))
    # Two templates with one label (k1, k1 and k1_1) are one hyperparameter.
    shown = {labels[place]: name for place, name in zip(code, unique, strict=True)}
    return [Name(label, shown.get(label), template) for label, template in zip(labels, templates, strict=True)]


def _column(source: str, template: Template) -> int:
    """Return where in its line a template begins, in bytes, as the syntax tree has it."""
    return len(source[source.rfind("\n", 0, template.start) + 1 : template.start].encode())


def _own_names(definition: ast.AST) -> dict[tuple[int, int], str]:
    """Return the name that each set of a function has by its own place, by line and column; not of those without."""
    above = {id(child): node for node in ast.walk(definition) for child in ast.iter_child_nodes(node)}
    result = {}
    for node in ast.walk(definition):
        if isinstance(node, ast.Set) and (name := _own_name(node, above)):
            result[node.lineno, node.col_offset] = name
    return result


def _own_name(node: ast.AST, above: dict[int, ast.AST]) -> str | None:
    """Return what a value is called in its file: the variable, key or parameter that it goes to, else the function.

    Conversions and formulas in between (``int(...)``, ``10 ** ...``, ``math.exp(...)``) do not count. ``above`` has the
    node above each.
    """
    value = node
    passed = None  # the innermost function that only converts
    while not isinstance(node, ast.stmt) and id(node) in above:
        child, node = node, above[id(node)]
        match node:
            case ast.keyword(arg=str(name)):
                return name
            case ast.Call(func=function) if child is not function and (name := _word(function)):
                if name not in CONVERSIONS and ast.unparse(function).partition(".")[0] not in ("math", "np", "numpy"):
                    return name
                passed = passed or name
            case ast.Dict() if child in node.values and (name := _word(node.keys[node.values.index(child)])):
                return name
            case ast.arguments() if child in (values := [*node.defaults, *node.kw_defaults]):
                positional = [*node.posonlyargs, *node.args]
                parameters = [*positional[len(positional) - len(node.defaults) :], *node.kwonlyargs]
                return parameters[values.index(child)].arg
            case ast.NamedExpr(target=target) | ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                return _word(target) or passed
            case ast.For(target=target) | ast.AsyncFor(target=target) | ast.withitem(optional_vars=target):
                return _word(target) or passed
            case ast.Assign(targets=[target, *_]):
                return _word(_target(target, node.value, value)) or passed
    return passed


def _target(target: ast.expr, assigned: ast.expr, value: ast.AST) -> ast.expr:
    """Return the part of a target to which a value inside of what is ``assigned`` goes."""
    match target, assigned:
        case (ast.Tuple() | ast.List(), ast.Tuple(elts=elements) | ast.List(elts=elements)):
            for part, element in zip(target.elts, elements, strict=False):
                if isinstance(element, ast.Starred):
                    break
                if value in ast.walk(element):
                    return _target(part, element, value)
    return target


def _word(node: ast.AST | None) -> str | None:
    """Return the last name of a variable, attribute, item, text or tuple of these, as a word; None without one."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str(text))) | ast.Constant(value=str(text)):
            return re.sub(r"\W+", "_", text).strip("_") or None
        case ast.Subscript(value=inner) | ast.Starred(value=inner):
            return _word(inner)
        case ast.Tuple(elts=[*_, last]) | ast.List(elts=[*_, last]):
            return _word(last)
    return None


def _unique(bases: list[str], taken: set[str]) -> list[str]:
    """Return names that differ: ``k1``, ``k1_1``, ``k1_2``; none is ``taken``, or the base of another."""
    result: list[str] = []
    for base in bases:
        others = (f"{base}_{count}" for count in itertools.count(1))
        free = (name for name in others if name not in result and name not in taken and name not in bases)
        result.append(base if base not in result and base not in taken else next(free))
    return result


def _distribution_name(template: str) -> str:
    return re.search(r"\w+", template)[0]


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
