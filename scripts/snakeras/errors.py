"""The one error that people see: a line that names the file or key, what was found and what was expected."""


class UserError(Exception):
    """A mistake that the user can mend. Its text is one line, shown without a traceback."""
