"""``UserError``: a mistake that is reported as one line, without a traceback."""


class UserError(Exception):
    """A mistake that the user can fix. Its text is one line, shown without a traceback."""


def one_line(error: BaseException) -> str:
    """Return any other error as one line: its type and its text."""
    return ": ".join(filter(None, [type(error).__name__, flat(error)]))


def flat(text: object) -> str:
    """Return a text without line breaks."""
    return " ".join(str(text).encode(errors="backslashreplace").decode().split())
