"""Which trial is the best: the one rule for it."""

from collections.abc import Iterable


def best(records: Iterable[dict]) -> dict | None:
    """Return the completed trial with the lowest loss, the earlier of equals; without any, the best pruned one.

    None if there is neither.
    """
    return next(iter(candidates(records, 1)), None)


def candidates(records: Iterable[dict], count: int) -> list[dict]:
    """Return the ``count`` best of the completed trials, the best first, or all of them if they are fewer.

    Without any, it is the best pruned one alone; empty if there is neither.
    """
    # "completed" sorts before "pruned".
    ended = [record for record in records if record["status"] in ("completed", "pruned")]
    ended.sort(key=lambda record: (record["status"], record["loss"], record["trial"]))
    return [record for record in ended if record["status"] == "completed"][:count] or ended[:1]
