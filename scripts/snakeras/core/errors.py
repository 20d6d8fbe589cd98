"""``UserError``: a mistake that is reported as one line, without a traceback."""

import re


class UserError(Exception):
    """A mistake that the user can fix. Its text is one line, shown without a traceback."""


class Mistake(UserError):
    """One that every attempt, and every job that runs the same file, meets again."""


class SaidBefore(Mistake):
    """One that another job has told the user of already."""


def one_line(error: BaseException) -> str:
    """Return any other error as one line: its type and its text."""
    return ": ".join(filter(None, [type(error).__name__, flat(error)]))


def flat(text: object) -> str:
    """Return a text without line breaks and colours of a terminal."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", str(text))
    return " ".join(text.encode(errors="backslashreplace").decode().split())
