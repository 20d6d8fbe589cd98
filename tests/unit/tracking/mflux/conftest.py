from collections.abc import Iterator
from contextlib import closing

import pytest
from mflux_answers import ENV_VARS, TOKEN, Server, env_vars
from snakeras.tracking import mflux, redaction


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An MFlux.ai, which is its own tracker; what the client leaves behind is undone."""
    import mflux_ai.core
    import mlflow

    monkeypatch.setattr(mflux_ai.core, "SERVER_HOST", mflux_ai.core.SERVER_HOST)
    monkeypatch.setattr(mflux_ai.core, "_minio_client", None)
    monkeypatch.setattr(redaction, "_more", set())
    # Set first, so that what init sets is taken away again; MLflow goes by the variable while nothing else is set.
    for name in ("TRACKING_URI", "S3_ENDPOINT_URL", "TRACKING_TOKEN"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", None)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with closing(Server()) as server:
        server.gives(ENV_VARS, env_vars(server.host))
        yield server


@pytest.fixture
def connected(server: Server) -> Server:
    mflux.connect(TOKEN, server.host)
    server.requests.clear()
    return server
