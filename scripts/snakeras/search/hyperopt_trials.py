"""Convert between trial records and hyperopt's documents of trials."""

from collections.abc import Iterable

from snakeras.search import trial_records

# hyperopt's JOB_STATE_DONE, STATUS_OK and STATUS_FAIL; it is not imported for three constants.
DONE, OK, FAIL = 2, "ok", "fail"


def from_records(records: Iterable[dict], labels: Iterable[str]) -> object:
    """Return hyperopt's ``Trials`` with the trials of these records.

    A trial that died before it proposed anything has no hyperparameters; hyperopt expects all ``labels`` to be named.
    """
    from hyperopt import Trials

    documents = [trial_records.decode(record["hyperopt"]) for record in records]
    for document in documents:
        for key in ("idxs", "vals"):
            for label in labels:
                document["misc"][key].setdefault(label, [])
    trials = Trials()
    trials.insert_trial_docs(documents)
    trials.refresh()
    return trials


def encoded(document: dict) -> dict:
    """Return hyperopt's document of a trial as JSON, without its times: these are in run.json."""
    return trial_records.encode(document | {"book_time": None, "refresh_time": None})


def proposed_nothing(trial: int) -> dict:
    """Return hyperopt's document of a trial that died before anything was proposed."""
    misc = {"tid": trial, "cmd": ["domain_attachment", "FMinIter_Domain"], "workdir": None, "idxs": {}, "vals": {}}
    unknown = {"spec": None, "exp_key": None, "owner": None, "version": 0, "book_time": None, "refresh_time": None}
    return {"state": DONE, "tid": trial, "result": {"status": FAIL}, "misc": misc} | unknown
