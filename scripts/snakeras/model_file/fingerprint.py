"""What of the user's files decides a trial: their syntax and their templates, not their comments or their layout."""

import ast
import re
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import parser, syntax
from snakeras.model_file.templates import TEMPLATE, is_unused_string

Digests = dict[str, dict[str, str]]


def of_files(paths: list[Path], *named: object, for_test: bool = False) -> Digests:
    """Return a digest of each part of each file that decides a trial: by path, then by the part's name.

    Parts of the model file are the functions and classes that the model and its data use, all imports, and all
    templates. Any other file counts as a whole: a module without its comments, anything else by its bytes.

    Args:
        paths: The model file, then the others.
        named, for_test: As for ``parser.read``.

    Raises:
        UserError: When the model file cannot be read, or another file is missing.
    """
    script = parser.read(paths[0], *named, for_test=for_test)
    return {str(paths[0]): of_script(script)} | {str(path): {"": _of_file(path)} for path in paths[1:]}


def difference(before: Digests, now: Digests) -> str | None:
    """Return the first change in words; None where nothing has changed."""
    for path, parts in now.items():
        if path not in before:
            return f"{path} is new"
        names = [name for name in parts | before[path] if parts.get(name) != before[path].get(name)]
        if names:
            return f"{path} changed since" + (f" ({', '.join(names)})" if all(names) else "")
    return next((f"{path} is no longer used" for path in before if path not in now), None)


def of_script(script: parser.HyperasScript) -> dict[str, str]:
    """Return a digest of each part of a model file that decides a trial, by the part's name."""
    texts = TEMPLATE.findall(script.model_source)
    # Hyperas names a template after what stands before the first place of its text.
    names = [re.search(rf"(\w+)\s*[=(]\s*{re.escape(text)}", script.model_source) for text in texts]
    sources = {script.data or "": script.data_source or "", script.model: script.model_source}
    # A data function that is called is a helper: its own text is the call.
    sources |= {name: source + sources.get(name, "") for name, source in script.helpers.items()}
    return {f"function {name}": _of_code(source) for name, source in sources.items() if source} | {
        "imports": files.sha256_of([item.statement for item in script.imports]),
        "templates": files.sha256_of([texts, [name and name[1] for name in names]]),
    }


def _of_file(path: Path) -> str:
    try:
        return _of_code(syntax.parse(path).text) if path.suffix == ".py" else files.sha256_of_file(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not there") from None
    # Python says what is wrong with a module once a trial imports it.
    except UserError:
        return files.sha256_of_file(path)


def _of_code(text: str) -> str:
    """Return the digest of Python code without comments, docstrings and layout."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [item for item in body if not is_unused_string(item)] or [ast.Pass()]
    return files.sha256_of(ast.unparse(tree))
