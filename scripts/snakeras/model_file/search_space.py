"""What is certain to be wrong with the templates of a Hyperas file, found by hyperopt alone before anything starts."""

import ast
import builtins
import contextlib
import difflib
import io
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from snakeras.core.errors import flat, one_line
from snakeras.model_file import hyperas_compat, parser, syntax, templates

# What a template may call without a look into the file's packages, and the packages that are cheap to look into.
HARMLESS = (abs, bool, dict, enumerate, float, int, len, list, map, max, min, pow, range, round, set, sorted, str, sum)
CHEAP = re.compile(r"(from|import) (math|numpy)\b|from hyperopt import hp\b|from hyperas\.distributions import ")
# hyperopt's words where ours are plainer.
IN_OTHER_WORDS = {
    "require string label": "a distribution inside another is written in hyperopt's form, as hp.uniform('name', 0, 1)",
    "high <= 0": "nothing to choose from",
}


@dataclass(frozen=True)
class Unseen:
    """An option of a choice that only a trial can evaluate."""

    text: str


def mistakes(script: parser.HyperasScript) -> Iterator[str]:
    """Yield a line for each template that Hyperas or hyperopt cannot take, with its place in the file.

    Each is evaluated as Hyperas does it. One with names that only the file's packages and data explain is not.
    """
    known, hidden = _names_seen(script)
    for template in script.templates:
        complaint = _not_a_call(template) or _unseen(script, template, known.keys() | hidden)
        complaint = complaint or _wrong_arguments(template) or _evaluated(template, known)
        if complaint:
            place = " (in a comment or text, where Hyperas draws it too)" if template.kind != "code" else ""
            yield f"{template.path}, line {template.line}: {template.flat}{place}: {complaint}"


def space(script: parser.HyperasScript) -> dict[str, object | None]:
    """Return hyperopt's search space by its labels, as far as it is known before a trial runs.

    An option that only the file's packages or data explain is ``Unseen``; a distribution that they decide is None.
    """
    known, _ = _names_seen(script)
    return {name.label: _distribution(name, known) for name in script.names}


def _distribution(name: templates.Name, known: dict) -> object | None:
    """Return the distribution of a template, a node of hyperopt's graph."""
    found = templates.distribution(name.template.text)
    try:
        if not syntax.names_used(ast.parse(_expression(name.template))) - known.keys():
            return eval(_expression(name.template, name.label), dict(known))[name.label]
    except OSError:  # a file that a trial may find
        return None
    if not found or found["kind"] != "choice":
        return None
    seen = [not syntax.names_used(ast.parse(text)) - known.keys() for text in found["arguments"]]
    pairs = zip(seen, found["arguments"], strict=True)
    options = [eval(text, dict(known)) if is_seen else Unseen(text) for is_seen, text in pairs]
    return hyperas_compat.import_hyperopt().hp.choice(name.label, options)


def why_unseen(script: parser.HyperasScript, name: str) -> str:
    """Return, in brackets, why templates cannot see a name; empty if that is not known."""
    if name in syntax.names_set(ast.parse(script.model_source)):
        return (
            f" (a variable of {script.model}(), which templates do not see: choose among names or numbers, and look "
            f"{name} up by what was chosen)"
        )
    if name in script.top_level_names:
        return (
            f" (set at the top level of the file, which Hyperas does not run: write what {name} is into the template)"
        )
    return ""


def _expression(template: templates.Template, label: str = "x") -> str:
    """Return the search space that Hyperas makes of a template (hyperas.optim.get_hyperopt_space)."""
    call = re.sub(r"\(", f"('{label}', ", re.sub(r"[{}]", "", template.text), count=1)
    return f"{{'{label}': hp.{call},\n}}"


def _not_a_call(template: templates.Template) -> str | None:
    """Return what is wrong with a template that calls no distribution."""
    if template.calls:
        return None
    inside = template.flat.strip("{} ")
    name = re.match(r"(?:(?:hp|hyperopt|distributions)\.)*(\w*)", inside)
    if name[1] in templates.DISTRIBUTIONS:
        form = f"{name[1]}({templates.DISTRIBUTIONS[name[1]]})"
        return f"expected {{{{{form}}}}}, a call that begins with the distribution's name"
    if inside.startswith(f"{name[1]}(") and (close := difflib.get_close_matches(name[1], templates.DISTRIBUTIONS, n=1)):
        return f"no distribution is called {name[1]}, did you mean {close[0]}?"
    return f"calls no distribution, expected one of {', '.join(templates.DISTRIBUTIONS)}, as in {{{{uniform(0, 1)}}}}"


def _unseen(script: parser.HyperasScript, template: templates.Template, seen: set[str]) -> str | None:
    """Return what is wrong with a template whose text is no Python, or that has names it cannot see."""
    try:
        names = syntax.names_used(ast.parse(_expression(template)))
    except SyntaxError as error:
        return f"no Python ({error.msg}), expected a call as {{{{uniform(0, 1)}}}}"
    for name in sorted(names - seen) if "*" not in seen else []:
        return f"cannot see {name}{why_unseen(script, name)}"
    return None


def _wrong_arguments(template: templates.Template) -> str | None:
    """Return how a distribution's arguments are too many or too few."""
    match ast.parse(_expression(template)).body[0].value.values[0]:
        case ast.Call(func=ast.Attribute(value=ast.Name(), attr=name), args=arguments, keywords=[]):
            form = templates.DISTRIBUTIONS[name]
            wanted = {1} if form.startswith("[") else {len(form.split(", "))} | ({1} if name == "randint" else set())
            count = len(arguments) - 1
            starred = any(isinstance(argument, ast.Starred) for argument in arguments)
            if count not in wanted and not starred:
                return f"has {count} argument{'s' if count != 1 else ''}, expected {name}({form})"
    return None


def _evaluated(template: templates.Template, known: dict) -> str | None:
    """Return why hyperopt cannot draw from a template."""
    if syntax.names_used(ast.parse(_expression(template))) - known.keys():
        return None
    hyperopt = hyperas_compat.import_hyperopt()
    import numpy as np

    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(action="ignore"),
    ):
        try:
            space = hyperopt.pyll.as_apply(eval(_expression(template), dict(known)))
            hyperopt.base.Domain(None, space)
            value = hyperopt.pyll.stochastic.sample(space, np.random.default_rng(0))["x"]
        except OSError:  # a file that a trial may find
            return None
        except Exception as error:
            name = re.match(r"\W*(\w+)", template.text)[1]
            form = f"{one_line(error)}, expected {name}({templates.DISTRIBUTIONS[name]})"
            return IN_OTHER_WORDS.get(flat(error), form)
    return "draws nan, which is no number" if isinstance(value, float) and math.isnan(value) else None


def _names_seen(script: parser.HyperasScript) -> tuple[dict[str, object], set[str]]:
    """Return the names that a template can see: those with known values, and the others.

    They are those of the module that Hyperas writes: imports, hyperopt's, helper functions, the data.
    """
    hyperopt = hyperas_compat.import_hyperopt()
    known: dict[str, object] = {function.__name__: function for function in (*HARMLESS, tuple, zip)}
    others = {"fmin", "tpe", "Trials", "STATUS_OK"}
    for item in script.imports:
        try:
            if CHEAP.match(item.statement):
                exec(item.statement, known)
                continue
        except Exception:  # as in Hyperas, a package that is not there matters only where it is used
            pass
        others.add(item.name)
    others.discard("hp")  # Hyperas imports hyperopt's after all others
    data = ast.parse(script.data_source or "")
    others |= {*script.helpers, *script.parameters} | syntax.names_set(data)
    others |= {node.name for node in ast.walk(data) if isinstance(node, syntax.Definition)}
    others |= {name for node in ast.walk(ast.parse(script.text)) if isinstance(node, ast.Global) for name in node.names}
    known = {name: value for name, value in (known | {"hp": hyperopt.hp}).items() if name not in others}
    return known, others | set(dir(builtins)) - known.keys()
