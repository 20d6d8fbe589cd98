from pathlib import Path

import pytest
from published import Search, search
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import connection, search_run, waiting_trials

pytestmark = pytest.mark.slow

WAITING = ["0001", "0002", "0003"]


@pytest.fixture
def found(tmp_path: Path, search: dict) -> Search:
    return new_search(tmp_path / "results", search)


def new_search(folder: Path, settings: dict) -> Search:
    return search(folder, settings, [0.5, 0.7, 0.3, None, 0.9])


def publish(found: Search, settings: TrackingSettings, parent: dict, trial: str) -> dict:
    return waiting_trials.publish_trial(
        tracking=settings,
        parent=parent,
        name=found.name,
        trial=trial,
        trials=found.trials,
        manifest=found.manifest,
        waiting=WAITING,
        published=found.folder / "published",
    )


def runs(settings: TrackingSettings, parent: dict) -> dict[str, str]:
    """The ids of the trials' runs, by the trials' numbers."""
    found = connection.connect(settings).search_runs([parent["experiment_id"]], "tags.`snakeras.trial` != ''")
    return {f"{int(run.data.tags['snakeras.trial']):04d}": run.info.run_id for run in found}


def test_the_first_job_publishes_all_that_wait(
    found: Search, local: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = search_run.publish_search(local, **found.opening())
    # One that has just ended waits for nobody, and takes nobody along.
    just_ended = publish(found, local, parent, "0004")
    assert runs(local, parent) == {"0004": just_ended["run_id"]}
    first = publish(found, local, parent, "0002")
    ids = runs(local, parent)
    assert sorted(ids) == [*WAITING, "0004"]
    with monkeypatch.context() as patch:
        patch.setattr(connection, "connect", lambda tracking: pytest.fail("the others have nothing to do"))
        told = {trial: publish(found, local, parent, trial) for trial in WAITING}
    assert told["0002"] == first
    assert {trial: result["run_id"] for trial, result in told.items()} | {"0004": ids["0004"]} == ids
    assert [trial for trial in WAITING if told[trial]["model_id"] is None] == ["0003"]


def test_one_that_cannot_be_published_fails_in_its_own_job_alone(found: Search, local: TrackingSettings) -> None:
    parent = search_run.publish_search(local, **found.opening())
    broken = found.trials / "0002.json"
    broken.write_text(broken.read_text().replace('"seed"', '"seeds"', 1))
    publish(found, local, parent, "0001")
    with pytest.raises(UserError, match="0002.json: was altered"):
        publish(found, local, parent, "0002")
    publish(found, local, parent, "0003")
    assert sorted(runs(local, parent)) == ["0001", "0003"]
    assert not (found.folder / "published" / "0002.json").exists()
    assert files.read_json(found.folder / "published" / "0003.json")["run_id"] == runs(local, parent)["0003"]
