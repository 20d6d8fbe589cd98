import os
import threading
from pathlib import Path

import pytest
from published import TRACKING, tracking
from snakeras.core.errors import UserError
from snakeras.tracking import connection


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*connection.ENVIRONMENT, "MLFLOW_S3_ENDPOINT_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:9", "http://127.0.0.1:9/path", "postgresql+psycopg2://u@127.0.0.1:9/x"]
)
def test_a_dead_tracker_is_one_line(uri: str) -> None:
    with pytest.raises(UserError, match=rf"^tracking.uri: {uri.replace('+', '.')} cannot be reached \(.*refused\)"):
        connection.connect(tracking(uri=uri))


def test_a_dead_store_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="^MLFLOW_S3_ENDPOINT_URL: http://127.0.0.1:9 cannot be reached"):
        connection.connect(tracking(uri=f"sqlite:///{tmp_path}/mlflow.db"))


def test_behind_a_proxy_nothing_can_be_seen_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    connection._check_listening("http://tracker.invalid", "tracking.uri")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(UserError):
        connection._check_listening("http://127.0.0.1:9", "tracking.uri")


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    with pytest.raises(UserError):
        connection.connect(tracking(uri="http://127.0.0.1:9"))
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"


def test_any_error_of_a_tracker_is_one_short_line(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(UserError) as raised, connection.explained(TRACKING):
        raise KeyError("a\nb" + "long " * 1000)
    line = str(raised.value)
    assert line.startswith("tracking.uri: sqlite:///mlflow.db did not take it ('a\\nb")
    assert len(line) < 500
    assert "\n" not in line
    assert "Traceback" in capsys.readouterr().err


def test_a_lock_keeps_others_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refused = []

    def other(*names: str) -> None:
        try:
            with connection.locked(*names, timeout=0.2):
                refused.append(False)
        except UserError as error:
            refused.append(str(error))

    with connection.locked("tracker", "a"):
        for names in (("tracker", "a"), ("tracker", "b"), ("trackera",)):
            thread = threading.Thread(target=other, args=names)
            thread.start()
            thread.join()
    assert "another process has kept this lock" in refused[0]
    assert refused[1:] == [False, False]
