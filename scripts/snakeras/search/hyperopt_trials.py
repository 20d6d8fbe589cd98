"""Convert between trial records and hyperopt's documents of trials."""

import math
from collections.abc import Iterable

from snakeras.search import trial_records

# hyperopt's JOB_STATE_DONE, STATUS_OK and STATUS_FAIL; it is not imported for three constants.
DONE, OK, FAIL = 2, "ok", "fail"


def from_records(records: Iterable[dict], labels: Iterable[str], before: Iterable[dict] = ()) -> object:
    """Return hyperopt's ``Trials`` with the documents ``before``, then the trials of these records.

    A trial that died before it proposed anything has no hyperparameters; hyperopt expects all ``labels`` to be named.
    """
    from hyperopt import Trials

    records = list(records)
    documents = [trial_records.decode(record["hyperopt"]) for record in records]
    for place, loss in comparable_losses(records).items():
        documents[place]["result"]["loss"] = loss
    documents = [*before, *documents]
    for document in documents:
        for key in ("idxs", "vals"):
            for label in labels:
                document["misc"][key].setdefault(label, [])
    trials = Trials()
    trials.insert_trial_docs(documents)
    trials.refresh()
    return trials


def comparable_losses(records: list[dict]) -> dict[int, float]:
    """Return new losses for the pruned trials, by place, where theirs cannot be compared with those of completed ones.

    A pruned trial's loss is a value of the monitored metric, a completed trial's is the script's own. Where these are
    not on one scale, pruned trials come after all completed ones, in the order of their own losses.
    """
    pruned = {place: record for place, record in enumerate(records) if record.get("status") == "pruned"}
    completed = [record for record in records if record.get("status") == "completed"]
    if not pruned or not completed:
        return {}
    sample = next(iter(pruned.values()))
    sign = 1 if sample["loss"] == sample["pruned"]["value"] else -1
    if all(_has_value(record, sample["pruned"]["monitor"], sign * record["loss"]) for record in completed):
        return {}
    losses = [record["loss"] for record in completed]
    step = (max(losses) - min(losses)) / len(losses) or abs(max(losses)) or 1.0
    order = sorted({record["loss"] for record in pruned.values()})
    return {place: max(losses) + step * (1 + order.index(record["loss"])) for place, record in pruned.items()}


def _has_value(record: dict, metric: str, value: float) -> bool:
    """Return whether a metric had this value after an epoch of a trial, but for rounding."""
    curves = trial_records.decode([fit["metrics"].get(metric, []) for fit in record["fits"]])
    known = [reached for curve in curves for reached in curve if reached is not None]
    return any(math.isclose(reached, value, rel_tol=1e-5, abs_tol=1e-9) for reached in known)


def encoded(document: dict) -> dict:
    """Return hyperopt's document of a trial as JSON, without its times: these are in run.json."""
    return trial_records.encode(document | {"book_time": None, "refresh_time": None})


def proposed_nothing(trial: int) -> dict:
    """Return hyperopt's document of a trial that died before anything was proposed."""
    misc = {"tid": trial, "cmd": ["domain_attachment", "FMinIter_Domain"], "workdir": None, "idxs": {}, "vals": {}}
    unknown = {"spec": None, "exp_key": None, "owner": None, "version": 0, "book_time": None, "refresh_time": None}
    return {"state": DONE, "tid": trial, "result": {"status": FAIL}, "misc": misc} | unknown
