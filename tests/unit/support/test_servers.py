import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import servers
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[servers.Server]:
    with servers.mlflow_server(tmp_path_factory.mktemp("mlflow")) as started:
        yield started


@pytest.fixture
def once(monkeypatch) -> None:
    """A client that asks once and no more."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def log_run(client: MlflowClient, artifact: Path) -> str:
    run = client.create_run("0").info.run_id
    client.log_metric(run, "loss", 0.25)
    client.log_artifact(run, str(artifact))
    client.set_terminated(run)
    return run


def test_postgresql_and_s3_keep_what_a_killed_server_logged(tmp_path, monkeypatch) -> None:
    servers.require(servers.missing_postgresql, servers.missing_s3)
    artifact = tmp_path / "artifact.bin"
    artifact.write_bytes(os.urandom(1 << 20))
    before = set(psutil.Process().children(recursive=True))
    with ExitStack() as stack:
        database = stack.enter_context(servers.postgresql(tmp_path))
        storage = stack.enter_context(servers.s3(tmp_path, "planted-key", "planted-secret"))
        for name, value in storage.environment().items():
            monkeypatch.setenv(name, value)

        def start(port: int | None = None) -> servers.Server:
            options = {"backend": database, "artifacts": "s3://mlflow/x", "environment": storage.environment()}
            return stack.enter_context(servers.mlflow_server(tmp_path, port, **options))

        first = start()
        client = MlflowClient(first.uri)
        run = log_run(client, artifact)
        first.kill()
        assert first.process.returncode == -9
        second = start(first.port)
        assert second.uri == first.uri
        found = client.get_run(run)
        assert found.data.metrics == {"loss": 0.25}
        assert found.info.artifact_uri.startswith("s3://mlflow/x/0/")
        (tmp_path / "got").mkdir()
        got = client.download_artifacts(run, artifact.name, str(tmp_path / "got"))
        assert Path(got).read_bytes() == artifact.read_bytes()
        # Clients wrote to S3 themselves.
        assert f"PUT /mlflow/x/0/{run}/artifacts/{artifact.name}" in (tmp_path / "s3.log").read_text()
        ours = set(psutil.Process().children(recursive=True)) - before
        assert len(ours) > 4
    _, left = psutil.wait_procs(ours, timeout=5)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


def test_a_server_that_does_not_come_up_says_why(tmp_path) -> None:
    with (
        pytest.raises(RuntimeError, match=r"(?s)mlflow ended with exit code 1:.*Error initializing backend store"),
        servers.mlflow_server(tmp_path, backend="nonsense://x"),
    ):
        pass


def test_a_proxy_passes_an_artifact_both_ways(server, tmp_path) -> None:
    artifact = tmp_path / "artifact.bin"
    artifact.write_bytes(os.urandom(30 << 20))
    with servers.proxy(server.uri) as proxy:
        client = MlflowClient(proxy.uri)
        run = log_run(client, artifact)
        (tmp_path / "got").mkdir()
        got = client.download_artifacts(run, artifact.name, str(tmp_path / "got"))
    assert Path(got).read_bytes() == artifact.read_bytes()
    assert ("POST", "/api/2.0/mlflow/runs/create") in proxy.requests
    assert any(method == "PUT" and path.endswith(f"{run}/artifacts/artifact.bin") for method, path in proxy.requests)
    assert MlflowClient(server.uri).get_run(run).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("action", "said", "created"),
    [
        (500, "too many 500 error responses", 0),
        (401, "the proxy answers POST /api/2.0/mlflow/runs/create with 401", 0),
        ("cut", "Connection aborted", 0),
        ("lost", "Connection aborted", 1),
    ],
)
def test_a_proxy_makes_faults(server, once, action, said, created) -> None:
    direct = MlflowClient(server.uri)
    experiment = direct.create_experiment(f"faults-{action}")
    with servers.proxy(server.uri, lambda method, path, count: action if path.endswith("/create") else None) as proxy:
        client = MlflowClient(proxy.uri)
        with pytest.raises(MlflowException, match=said):
            client.create_run(experiment)
        assert len(direct.search_runs([experiment])) == created
        proxy.rule = lambda method, path, count: 0.3 if count == 1 else None
        begin = time.monotonic()
        client.create_run(experiment)
        assert time.monotonic() - begin >= 0.3
        assert len(direct.search_runs([experiment])) == created + 1
        assert proxy.requests == [("POST", "/api/2.0/mlflow/runs/create")] * 2


def test_a_proxy_cuts_an_upload_after_reading_it(server, once, tmp_path) -> None:
    artifact = tmp_path / "artifact.bin"
    artifact.write_bytes(bytes(5 << 20))
    client = MlflowClient(server.uri)
    run = client.create_run("0").info.run_id
    with servers.proxy(server.uri, lambda method, path, count: "cut" if method == "PUT" else None) as proxy:
        with pytest.raises(MlflowException, match="Connection aborted"):
            MlflowClient(proxy.uri).log_artifact(run, str(artifact))
        assert [method for method, _ in proxy.requests].count("PUT") == 1
    assert client.list_artifacts(run) == []


def test_a_browser_shows_mlflow(server) -> None:
    servers.require(servers.missing_browser)
    with servers.browser() as browser:
        page = browser.new_page()
        page.goto(server.uri)
        # Its own script adds the name of the page in front.
        assert page.title().endswith("MLflow")
