"""The command line that a script sees: its own name and ``search.args``, not that of the process that runs it."""

import argparse
import ast
import optparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from snakeras.core.patching import put

ADVICE = "search.args hands arguments over, as in search.args: [--size, 3]"


class Arguments(list):
    """A list as ``sys.argv`` that says how to get what it lacks."""

    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Return an argument, or several."""
        try:
            return super().__getitem__(place)
        except IndexError:
            raise IndexError(f"there is no sys.argv[{place}]; {ADVICE}") from None

    def __reduce__(self) -> tuple:
        """Be a list in processes that a script starts: these get ``sys.argv`` before they can import this module."""
        return list, (list(self),)


@contextmanager
def handed_over(path: Path, arguments: list[str]) -> Iterator[None]:
    """Let ``sys.argv`` be that of ``python path arguments``, and argparse say what it lacks in what it raises."""

    def error(_parser: object, message: str) -> NoReturn:
        # The exit code 2, as which SystemExit comes otherwise, says nothing.
        raise SystemExit(f"{message}; {ADVICE}")

    with ExitStack() as undo:
        put(undo, sys, "argv", Arguments([str(path.absolute()), *arguments]))
        put(undo, argparse.ArgumentParser, "error", error)
        put(undo, optparse.OptionParser, "error", error)
        yield


def missing(text: str) -> tuple[str, str] | None:
    """Return the name of an argument that code certainly asks for, and the line that does; None if it needs none."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    methods = [(node, getattr(node.func, "attr", None)) for node in calls]
    # It may give arguments of its own.
    if not any(name in ("parse_args", "parse_known_args") and not node.args + node.keywords for node, name in methods):
        return None
    for node, name in methods:
        names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if name == "add_argument" and names:
            options = {keyword.arg: getattr(keyword.value, "value", keyword.value) for keyword in node.keywords}
            by_position = not names[0].startswith("-") and options.get("nargs") not in ("?", "*")
            if by_position or options.get("required") is True:
                return names[0], text.split("\n")[node.lineno - 1]
    return None
