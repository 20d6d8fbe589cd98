import os
import time
from collections.abc import Iterator
from pathlib import Path

import fault_proxy
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


def test_a_server_that_does_not_come_up_says_why(tmp_path) -> None:
    with (
        pytest.raises(RuntimeError, match=r"(?s)mlflow ended with exit code 1:.*Error initializing backend store"),
        servers.mlflow_server(tmp_path, backend="nonsense://x"),
    ):
        pass


def test_a_proxy_passes_an_artifact_both_ways(server, tmp_path) -> None:
    artifact = tmp_path / "artifact.bin"
    artifact.write_bytes(os.urandom(30 << 20))
    with fault_proxy.proxy(server.uri) as proxy:
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
    with fault_proxy.proxy(
        server.uri, lambda method, path, count: action if path.endswith("/create") else None
    ) as proxy:
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
    with fault_proxy.proxy(server.uri, lambda method, path, count: "cut" if method == "PUT" else None) as proxy:
        with pytest.raises(MlflowException, match="Connection aborted"):
            MlflowClient(proxy.uri).log_artifact(run, str(artifact))
        assert [method for method, _ in proxy.requests].count("PUT") == 1
    assert client.list_artifacts(run) == []
