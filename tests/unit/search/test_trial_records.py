import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.search import earlier_trials, trial_records

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.datetimes(),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.floats(width=32).map(np.float32),
    st.floats().map(np.float64),
    st.booleans().map(np.bool_),
    st.lists(st.floats(), max_size=4).map(np.array),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(), st.just("$python")), inner, max_size=4),
    ),
    max_leaves=20,
)


def alike(a: object, b: object) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, float | np.floating):
        return a == b and math.copysign(1, a) == math.copysign(1, b) or (math.isnan(a) and math.isnan(b))
    return a == b


@given(values)
def test_values_go_to_json_and_back_without_loss(value: object) -> None:
    text = json.dumps(trial_records.encode(value), allow_nan=False)
    assert alike(trial_records.decode(json.loads(text)), value)


def test_an_object_of_memory_becomes_its_description() -> None:
    assert trial_records.encode({"model": Path("x")}) == {
        "model": {"$python": "object", "value": f"{type(Path('x')).__module__}.PosixPath"}
    }


FIXED = {"model": ["m"], "search": {"seed": 1}}


def chain(folder: Path, count: int, parallelism: int = 2) -> None:
    digests = [""]
    for trial in range(count):
        determined = FIXED | {"trial": trial, "history": digests[len(earlier_trials.visible(trial, parallelism))]}
        document = trial_records.sealed(
            {"format": trial_records.FORMAT, "loss": trial / 3, "determined_by": determined}
        )
        files.write_json(folder / f"{trial_records.name(trial)}.json", document)
        digests.append(trial_records.digest_after(digests[-1], [document]))


def edit(path: Path, seal: bool = False, **changes: object) -> None:
    document = json.loads(path.read_text())
    for key, value in changes.items():
        target = document["determined_by"] if key in document["determined_by"] else document
        target[key] = value
    if seal:
        document = trial_records.sealed({key: document[key] for key in document if key not in ("digest", "checksum")})
    path.write_text(json.dumps(document))


def test_a_chain_of_trials_is_read_in_order(tmp_path: Path) -> None:
    chain(tmp_path, 5)
    documents, digest = trial_records.read_first(tmp_path, 5, 2, FIXED)
    assert [document["loss"] for document in documents] == [n / 3 for n in range(5)]
    assert digest == trial_records.digest_after("", documents)


def test_each_trial_is_asked_for_its_own_point(tmp_path: Path) -> None:
    chain(tmp_path, 2)
    path = tmp_path / "0001.json"
    document = json.loads(path.read_text())
    edit(path, seal=True, determined_by=document["determined_by"] | {"point": {"k1": 3}})
    for points, complaint in (((), "0001"), (({"k1": 3},), "0000"), (({}, {"k1": 4}), "0001")):
        with pytest.raises(UserError, match=f"{complaint}.json: was made with point"):
            trial_records.read_first(tmp_path, 2, 2, FIXED, points)
    with pytest.raises(UserError, match=r"0000.json: was made with point None, expected {'k1': 3}"):
        trial_records.read_first(tmp_path, 1, 2, FIXED, [{"k1": 3}])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"loss": -1.0}, "was altered"),
        ({"loss": -1.0, "seal": True}, "0004.json: was made with history"),
        ({"search": {"seed": 2}, "seal": True}, "0002.json: was made with search {'seed': 2}, expected {'seed': 1}"),
        ({"trial": 3, "seal": True}, "0002.json: was made with trial 3, expected 2"),
        ({"format": 0, "seal": True}, "has format 0, expected 1"),
    ],
)
def test_a_trial_that_does_not_belong_is_named(tmp_path: Path, changes: dict, complaint: str) -> None:
    chain(tmp_path, 5)
    edit(tmp_path / "0002.json", **changes)
    with pytest.raises(UserError) as raised:
        trial_records.read_first(tmp_path, 5, 2, FIXED)
    assert complaint in str(raised.value)
    assert "snakemake" in str(raised.value)


def test_trials_that_read_different_files_do_not_go_together(tmp_path: Path) -> None:
    chain(tmp_path, 2)
    for trial, digest in (("0000", "a"), ("0001", "b")):
        path = tmp_path / f"{trial}.json"
        document = json.loads(path.read_text())
        document["determined_by"]["files"] = {"table.csv": digest}
        edit(path, seal=True, determined_by=document["determined_by"])
    with pytest.raises(UserError, match="0001.json: read another table.csv than the trials before it; to make it"):
        trial_records.read_first(tmp_path, 2, 2, FIXED)


def test_a_truncated_trial_is_named(tmp_path: Path) -> None:
    chain(tmp_path, 3)
    path = tmp_path / "0001.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(UserError, match="0001.json: cannot be read as JSON"):
        trial_records.read_first(tmp_path, 3, 2, FIXED)
