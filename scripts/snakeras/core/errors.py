"""The one error that people see: a line that names the file or key, what was found and what was expected."""


class UserError(Exception):
    """A mistake that the user can mend. Its text is one line, shown without a traceback."""


def one_line(error: BaseException) -> str:
    """Any other error in one line: its kind and its text."""
    return ": ".join(filter(None, [type(error).__name__, flat(error)]))


def flat(text: object) -> str:
    """A text without line breaks."""
    return " ".join(str(text).encode(errors="backslashreplace").decode().split())
