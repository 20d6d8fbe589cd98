"""The one error that people see: a line that names the file or key, what was found and what was expected."""


class UserError(Exception):
    """A mistake that the user can fix. Its text is one line, shown without a traceback."""


def one_line(error: BaseException) -> str:
    """Return any other error as one line: its type and its text."""
    return ": ".join(filter(None, [type(error).__name__, flat(error)]))


def flat(text: object) -> str:
    """Return a text without line breaks."""
    return " ".join(str(text).encode(errors="backslashreplace").decode().split())
