import shutil
from pathlib import Path

import published
import pytest
from published import ACCURACIES, Search, tracking
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import connection
from trackers import Tracker


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs: making one takes seconds, a copy nothing."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch:
        # Not kept for tests that set the environment themselves.
        for name in connection.ENVIRONMENT:
            patch.setenv(name, connection.ENVIRONMENT[name])
        connection.connect(tracking(uri=f"sqlite:///{path}"))
    return path


@pytest.fixture
def local(empty_store: Path, tmp_path: Path) -> TrackingSettings:
    """An empty SQLite store of the test's own."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tracking(uri=f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def tracker(empty_store: Path, tmp_path: Path) -> Tracker:
    return Tracker(tmp_path / "tracker", empty_store)


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fault outlasts its test: ``connect`` sets variables, and MLflow keeps a few of them."""
    for name, value in connection.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_S3_ENDPOINT_URL", raising=False)


@pytest.fixture
def found(tmp_path: Path, search: dict) -> Search:
    """A finished search, one of whose trials failed."""
    return published.search(tmp_path / "results", search, ACCURACIES)
