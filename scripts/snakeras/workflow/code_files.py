"""The code that a rule runs: its script and the modules of this package that it imports."""

import ast
import os
from functools import cache
from pathlib import Path

from snakeras.core import files


class CodeFiles:
    """The code of each rule. Paths are relative, so that a moved folder runs nothing again.

    Args:
        scripts: The workflow's folder of scripts.
    """

    def __init__(self, scripts: Path) -> None:
        self._scripts = scripts

    def of(self, script: str) -> list[str]:
        """Return a rule's script and all modules that it imports: as inputs, an edit of one runs the rule again."""
        return [os.path.relpath(path) for path in _imported(self._scripts, self._scripts / script)]

    def digest(self, script: str) -> str:
        """Return the digest of all that ``of`` returns: as a param, an edit runs the rule again too.

        Snakemake looks through the inputs of every job, so rules with a job per trial take this instead.
        """
        return files.sha256_of([files.sha256_of_file(Path(path)) for path in self.of(script)])

    def script(self, script: str) -> str:
        """Return the path of a rule's script."""
        return os.path.relpath(self._scripts / script)


@cache
def _imported(scripts: Path, path: Path) -> list[Path]:
    """Return ``path`` and the modules that it imports, directly or through each other, at any depth of code."""
    found, waiting = set(), [path]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for node in ast.walk(ast.parse(current.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "snakeras":
                module = scripts / node.module.replace(".", "/")
                candidates = [module, *(module / alias.name for alias in node.names)]
                waiting += [file for path in candidates if (file := path.with_suffix(".py")).is_file()]
    return sorted(found)
