"""Which earlier trials a trial sees, by its number and ``search.parallelism`` alone, never by timing."""


def visible(trial: int, parallelism: int) -> range:
    """Return the trials whose results ``trial`` may look back on: all but the last ``parallelism - 1`` before it."""
    return range(max(0, trial - parallelism + 1))


def direct_dependencies(trial: int, parallelism: int) -> range:
    """Return the visible trials that the job of ``trial`` waits for; the earlier ones follow transitively."""
    return range(max(0, trial - 2 * parallelism + 1), max(0, trial - parallelism + 1))
