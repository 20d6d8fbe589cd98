"""Which trial is the best: the one rule for it."""

from collections.abc import Iterable


def best(records: Iterable[dict]) -> dict | None:
    """Return the completed trial with the lowest loss, the earlier of equals; without any, the best pruned one.

    None if there is neither.
    """
    # "completed" sorts before "pruned".
    ended = [record for record in records if record["status"] in ("completed", "pruned")]
    return min(ended, key=lambda record: (record["status"], record["loss"], record["trial"]), default=None)
