"""The code that a rule runs: its script and the modules that it imports, at any depth."""

import ast
import os
from functools import cache
from pathlib import Path

from snakeras.core import files


class RuleCode:
    """Find the code of rules, so that an edit of any of it runs the rule again.

    Paths are relative to the working directory: absolute ones would run every job again when the folder moves.
    """

    def __init__(self, basedir: str) -> None:
        self._scripts = Path(basedir) / "scripts"

    def script(self, name: str) -> str:
        """Return the path of a rule's script."""
        return os.path.relpath(self._scripts / name)

    def files(self, script: str) -> list[str]:
        """Return the paths of a rule's script and of all modules of snakeras that it imports: a rule's input."""
        return [os.path.relpath(path) for path in _with_imports(self._scripts, self._scripts / script)]

    def digest(self, script: str) -> str:
        """Return the digest of ``files``: a param, for rules with so many jobs that inputs would take too long."""
        return files.sha256_of([files.sha256_of_file(Path(path)) for path in self.files(script)])


@cache
def _with_imports(scripts: Path, path: Path) -> list[Path]:
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
