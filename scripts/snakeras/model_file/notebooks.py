"""A notebook as plain Python: IPython makes calls of its magics and shell commands, which are taken out here."""

import ast
import json
from contextlib import suppress
from pathlib import PurePath

# Magics that run what follows them as Python in the notebook itself.
RUNNING = ("time", "timeit", "prun", "capture", "memit", "debug")
# Cell magics whose cells may be Python, but run elsewhere or not at all.
FOREIGN = ("file", "writefile", "script", "pypy", "python", "python2", "python3")
# What every notebook has without an import.
BUILTINS = {
    "display": "from IPython.display import display",
    "get_ipython": "from IPython import get_ipython",
}
# Methods of IPython's shell, and what stands in the place of their calls.
CALLS = {
    "run_line_magic": "None",
    "run_cell_magic": "None",
    "magic": "None",
    "system": "None",
    "getoutput": "[]",
    "set_next_input": "None",
}


def code(text: str) -> str:
    """Return the code cells of a notebook's JSON as one text. Raise KeyError, TypeError or ValueError if it is none."""
    notebook = json.loads(text)
    # Until 2015 (format 3) a notebook had worksheets, and its cells an input.
    cells = notebook["cells"] if "cells" in notebook else sum([sheet["cells"] for sheet in notebook["worksheets"]], [])
    sources = [cell["source"] if "source" in cell else cell["input"] for cell in cells if cell["cell_type"] == "code"]
    parts = [_plain(source if isinstance(source, str) else "".join(source)) for source in sources]
    parts += [statement for name, statement in BUILTINS.items() if any(f"{name}(" in cell for cell in parts)]
    return "\n\n".join(parts) + "\n"


def _plain(source: str) -> str:
    """Return a cell, or a piece of code in one, as Python; empty if another program runs it."""
    from IPython.core.inputtransformer2 import TransformerManager

    # The parser says what is wrong with such a cell, and where.
    with suppress(SyntaxError):
        source = TransformerManager().transform_cell(source)
    return without_ipython(source).rstrip("\n")


def without_ipython(text: str) -> str:
    """Return Python code without calls of IPython's shell: as IPython writes them, and ``jupyter nbconvert``.

    A magic that runs Python gives way to what it runs.
    """
    if "get_ipython()" not in text:
        return text
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return text
    # Columns count bytes.
    lines = [line.encode() for line in text.split("\n")]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _method(node) in CALLS]
    for node in sorted(calls, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        before, after = lines[node.lineno - 1][: node.col_offset], lines[node.end_lineno - 1][node.end_col_offset :]
        instead = _run_by(node) or CALLS[_method(node)]
        lines[node.lineno - 1 : node.end_lineno] = [before + instead.encode() + after]
    return b"\n".join(lines).decode()


def _method(call: ast.Call) -> str | None:
    """Return the name of the method of IPython's shell that is called; None if it is another call."""
    match call.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=name):
            return name
    return None


def _run_by(call: ast.Call) -> str | None:
    """Return the Python that a magic runs; None if it runs none."""
    match [_method(call), *(getattr(argument, "value", None) for argument in call.args)]:
        case ["run_line_magic", str(magic), str(body)] if magic in RUNNING:
            pass
        case ["run_cell_magic", str(magic), str(), str(body)] if magic not in FOREIGN:
            pass
        # It defines the functions of another file. Python takes such an import at the top level alone.
        case ["run_line_magic", "run", str(path)] if call.col_offset == 0 and path.endswith(".py"):
            return f"from {'.'.join(PurePath(path).with_suffix('').parts)} import *"
        case _:
            return None
    plain = _plain(body)
    try:
        ast.parse(plain)
    except (SyntaxError, ValueError):
        return None
    return plain
