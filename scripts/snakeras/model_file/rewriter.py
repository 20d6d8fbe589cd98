"""Functions of a Hyperas file as text that Hyperas can take. All else stays as the user wrote it."""

import ast

from snakeras.model_file import templates
from snakeras.model_file.syntax import Definition, Function, ImportStatement


def source_of(text: str, node: Definition) -> str:
    """Return the text of a function or class, changed where Hyperas would make invalid Python of it.

    Hyperas drops the first line of every import, and replaces templates in comments and docstrings too. ``text`` is
    that of the whole file.
    """
    # Not splitlines: it also splits at form feeds, which Python's line numbers do not count.
    lines = _with_simple_imports(_with_blank_comments(text.split("\n"), text, node), node)
    return _unindented(lines, node, node.lineno, node.end_lineno)


def decorators_of(text: str, node: Definition) -> str:
    """Return the lines of a definition's decorators."""
    first = min((decorator.lineno for decorator in node.decorator_list), default=node.lineno)
    return _unindented(text.split("\n"), node, first, node.lineno - 1)


def _unindented(lines: list[str], node: Definition, first: int, last: int) -> str:
    """Return the lines ``first`` to ``last`` of a file as at the top level: moved left, but for those of strings.

    Comments, and lines inside brackets, may have less indentation than their definition.
    """
    indent = lines[node.lineno - 1][: node.col_offset]
    in_string = _lines_in_strings(node)
    moved = list(lines)
    for number in set(range(first, last + 1)) - in_string:
        line = lines[number - 1]
        moved[number - 1] = line.removeprefix(indent) if line.startswith(indent) else line.lstrip()
    return "".join(f"{line}\n" for line in moved[first - 1 : last])


def _lines_in_strings(tree: ast.AST) -> set[int]:
    """Return the numbers of the lines that begin inside a string."""
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    return {number for node in strings for number in range(node.lineno + 1, node.end_lineno + 1)}


def with_first_statements(source: str, texts: list[str]) -> str:
    """Return a function's source with ``texts`` as the first statements of its body."""
    if not texts:
        return source
    lines = source.split("\n")
    first = ast.parse(source).body[0].body[0]
    indent = lines[first.lineno - 1][: first.col_offset]
    inserted = [_indented(text, indent) for text in texts]
    return "\n".join([*lines[: first.lineno - 1], *inserted, *lines[first.lineno - 1 :]])


def _with_blank_comments(lines: list[str], text: str, node: Definition) -> list[str]:
    """Return a file's lines without what Hyperas takes for templates in comments of a definition, but calls nothing."""
    lines, source = list(lines), ast.get_source_segment(text, node)
    for template in templates.found(source, node):
        if template.kind == "comment" and not template.calls:
            for number, line in enumerate(template.text.split("\n"), template.line - 1):
                lines[number] = lines[number].replace(line, templates.blanked(line), 1)
    return lines


def _with_simple_imports(lines: list[str], node: Definition) -> list[str]:
    """Return a file's lines with the imports of a definition each on a line of its own.

    ``pass`` takes the place of an import that shares its line, or that is all there is in a block: without that line
    the function would be invalid. The name is still imported, at the top of the module that Hyperas makes.
    """
    lines = list(lines)
    bodies = [getattr(inner, name, None) for inner in ast.walk(node) for name in ("body", "orelse", "finalbody")]
    blocks = [body for body in bodies if isinstance(body, list) and body]
    alone = {id(body[-1]) for body in blocks if all(isinstance(item, ImportStatement) for item in body)}
    imports = [inner for inner in ast.walk(node) if isinstance(inner, ImportStatement)]
    # From the end: a change moves what follows in the same line.
    for item in sorted(imports, key=lambda item: (item.lineno, item.col_offset), reverse=True):
        line = lines[item.lineno - 1]
        indent, rest = line[: item.col_offset], line[item.end_col_offset :]
        several_lines = item.end_lineno > item.lineno
        shares_line = not several_lines and (indent.strip() or rest.strip().startswith(";"))
        if isinstance(node, Function) and (shares_line or id(item) in alone):
            statement = f"pass{rest}" if shares_line else "pass"
        elif several_lines:
            statement = ast.unparse(item)
        else:
            continue
        blank = [""] * (item.end_lineno - item.lineno)
        lines[item.lineno - 1 : item.end_lineno] = [indent + statement, *blank]
    return lines


def _indented(source: str, indent: str) -> str:
    """Return a definition's source with more indentation, but for the lines of strings in it."""
    in_string = _lines_in_strings(ast.parse(source))
    lines = source.rstrip("\n").split("\n")
    return "\n".join(line if number in in_string or not line else indent + line for number, line in enumerate(lines, 1))
