"""Publishing to a server with PostgreSQL and S3, whole and broken ones."""

from collections.abc import Iterator
from pathlib import Path

import fault_proxy
import psutil
import published
import pytest
import servers
from fault_proxy import models_sent
from processes import GUARD
from published import Search, comparable, tracking
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import search_run, trial_run
from test_publishing import client, content, in_processes, publish, refusal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_environment")]

MODEL_FILE = "data/model.keras"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, servers.S3]]:
    """The addresses of a server with PostgreSQL, to whose S3 clients write themselves, of its database and its S3."""
    folder = tmp_path_factory.mktemp("large")
    before = set(psutil.Process().children(recursive=True))
    with servers.postgresql(folder) as database, servers.s3(folder) as storage:
        options = {"backend": database, "artifacts": "s3://mlflow/tests", "environment": storage.environment()}
        with servers.mlflow_server(folder, **options) as server:
            yield server.uri, database, storage
            ours = set(psutil.Process().children(recursive=True)) - before
    _, left = psutil.wait_procs(ours, timeout=GUARD)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture
def large_settings(
    large: tuple[str, str, servers.S3], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> TrackingSettings:
    uri, _, storage = large
    for name, value in storage.environment().items():
        monkeypatch.setenv(name, value)
    return tracking(uri=uri, experiment=tmp_path.name)


def downloaded(uri: str, folder: Path) -> bytes:
    import mlflow

    folder.mkdir(parents=True, exist_ok=True)
    return (Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))) / MODEL_FILE).read_bytes()


def test_postgresql_and_s3_hold_what_sqlite_does(
    found: Search,
    large_settings: TrackingSettings,
    large: tuple[str, str, servers.S3],
    local: TrackingSettings,
    tmp_path: Path,
) -> None:
    import boto3

    opened = publish(found, large_settings)
    runs = content(large_settings, opened)
    assert publish(found, large_settings) == opened
    assert content(large_settings, opened) == runs
    tracker = client(large_settings)
    assert len(tracker.search_model_versions("name='squares'")) == 1
    assert len(tracker.search_logged_models([opened["experiment_id"]])) == 6

    got = downloaded(opened["model_uri"], tmp_path / "version")
    final = (found.folder / "final" / "model.keras").read_bytes()
    assert got == downloaded("models:/squares@champion", tmp_path / "champion") == final
    storage = boto3.client("s3", endpoint_url=large[2].endpoint)
    for trial in (0, 4):
        (model,), (run, *_) = (runs[f"squares {trial:04d}"][key] for key in ("models", "info"))
        expected = (found.trials / f"{trial:04d}" / "model.keras").read_bytes()
        assert downloaded(f"models:/{model}", tmp_path / model) == expected
        assert downloaded(f"runs:/{run}/model", tmp_path / run) == expected
        location = tracker.get_logged_model(model).artifact_location
        bucket, _, key = location.removeprefix("s3://").partition("/")
        assert storage.get_object(Bucket=bucket, Key=f"{key}/{MODEL_FILE}")["Body"].read() == expected

    assert comparable(content(local, publish(found, local))) == comparable(runs)


def test_four_publishers_at_once_on_postgresql(tmp_path: Path, search: dict, large_settings: TrackingSettings) -> None:
    found = published.search(tmp_path / "results", search, [0.5 + trial / 100 for trial in range(4)])
    # Two are at the same trial at the same time.
    in_processes(found, large_settings, [[number // 2, 2 + number // 2] for number in range(4)])
    opened = search_run.publish_search(large_settings, **found.opening())
    runs = content(large_settings, opened)
    assert sorted(runs) == ["squares", *(f"squares {trial:04d}" for trial in range(4))]
    tracker = client(large_settings)
    assert len(tracker.search_runs([opened["experiment_id"]])) == 5
    assert sorted(model.source_run_id for model in tracker.search_logged_models([opened["experiment_id"]])) == sorted(
        run["info"][0] for name, run in runs.items() if name != "squares"
    )
    assert all(len(run["models"]) == 1 for name, run in runs.items() if name != "squares")


def test_a_database_that_is_not_there_is_one_line(found: Search, large: tuple[str, str, servers.S3]) -> None:
    line = refusal(tracking(uri=f"{large[1]}-absent"), search_run.publish_search, **found.opening())
    assert "does not exist" in line


@pytest.mark.parametrize("action", [500, 403, "cut", "lost"])
def test_a_broken_s3_is_one_line(
    found: Search,
    large_settings: TrackingSettings,
    large: tuple[str, str, servers.S3],
    action: int | str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault_proxy.proxy(large[2].endpoint) as proxy:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", proxy.uri)
        opened = search_run.publish_search(large_settings, **found.opening())
        proxy.rule = lambda method, path, count: action if path.endswith("model.keras") else None
        refusal(large_settings, trial_run.publish_trial, opened, **found.arguments(0))
        run = content(large_settings, opened)["squares 0000"]
        assert (run["info"][1], run["models"]) == ("RUNNING", [])
        proxy.rule, sent = None, len(proxy.requests)
        trial_run.publish_trial(large_settings, opened, **found.arguments(0))
        assert models_sent(proxy.requests[sent:]) == (action != "lost")
        run = content(large_settings, opened)["squares 0000"]
        assert (run["info"][1], len(run["models"])) == ("FINISHED", 1)
        assert len(client(large_settings).search_logged_models([opened["experiment_id"]])) == 1
