import io
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.data import arrays
from snakeras.tracking import mflux, redaction

TOKEN = "planted/token+4711"
ACCESS, SECRET = "planted-access-key", "planted-secret-key"
ENV_VARS = "/api/env_vars/"
BEST_RUN = "/api/best_run_by_model_group/best_run/?model_group_name="
RUN = {"info": {"run_id": "abc", "experiment_id": "1", "status": "FINISHED", "start_time": 1}, "data": {}}
XML = {"Content-Type": "application/xml"}


class Server:
    """Answers with what ``answers`` has for a method and path (the longest that the request begins with)."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.free = Event()
        self.free.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append((f"{self.command} {self.path}", dict(self.headers)))
                server.free.wait(10)
                fitting = [key for key in server.answers if server.requests[-1][0].startswith(key)]
                status, headers, body = server.answers[max(fitting, key=len)] if fitting else (404, {}, b"")
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            do_GET = do_PUT = do_HEAD = answer

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        # A client that has gone by the time its answer comes is no news.
        self._http.handle_error = lambda *_: None
        self.host = f"http://127.0.0.1:{self._http.server_port}"
        Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def gives(self, path: str, document: object, status: int = 200) -> None:
        self.answers[f"GET {path}"] = (status, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def close(self) -> None:
        self.free.set()
        self._http.shutdown()
        self._http.server_close()


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
    with ExitStack() as stack:
        server = Server()
        stack.callback(server.close)
        server.gives(ENV_VARS, env_vars(server.host))
        yield server


def env_vars(tracker: str, store: str = "http://127.0.0.1:1") -> dict:
    keys = {"minio_access_key": ACCESS, "minio_secret_key": SECRET}
    return {"mlflow_server": tracker, "minio_server": store} | keys


def complaint(call: object, *arguments: object) -> str:
    """The one line that a call ends with, which has no secret in it."""
    with pytest.raises(UserError) as raised:
        call(*arguments)
    text = str(raised.value)
    assert "\n" not in text
    assert not [secret for secret in (TOKEN, ACCESS, SECRET) if secret in text]
    return text


# The token


def written(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_token_is_taken_from_the_environment_else_from_its_file(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(redaction, "_more", set())
    file = written(tmp_path, f" {TOKEN}\n".encode())
    assert mflux.token(file, {"MFLUX_AI_TOKEN": "other-token"}) == "other-token"
    assert mflux.token(str(tmp_path / "missing"), {"MFLUX_AI_TOKEN": "other-token"}) == "other-token"
    assert mflux.token(file, {"MFLUX_AI_TOKEN": ""}) == TOKEN
    assert redaction.redacted(f"other-token {TOKEN}", {}) == f"{redaction.MARK} {redaction.MARK}"


def test_without_a_token_both_ways_to_give_it_are_named() -> None:
    text = complaint(mflux.token, None, {})
    assert "MFLUX_AI_TOKEN" in text
    assert "tracking.mflux_token_file" in text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_token_that_others_can_use_is_refused(mode: int, tmp_path: Path) -> None:
    file = written(tmp_path, TOKEN.encode(), mode)
    text = complaint(mflux.token, file, {})
    assert text == f"tracking.mflux_token_file: {file} can be used by others: found mode {mode:o}, expected 600"


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (f"{TOKEN} {TOKEN}".encode(), "without blanks"),
        (f"{TOKEN}\n{TOKEN}".encode(), "without blanks"),
        (f"{TOKEN}\x07".encode(), "printable ASCII"),
        (f"{TOKEN}ü".encode(), "printable ASCII"),
        (f"{TOKEN}ü".encode("latin-1"), "printable ASCII"),
        (b"Your_project_token_goes_here", "placeholder"),
    ],
)
def test_what_can_be_no_token_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    text = complaint(mflux.token, written(tmp_path, content), {})
    assert said in text
    assert text.startswith(f"tracking.mflux_token_file: {tmp_path / 'token'}")
    if content.strip():
        environment = {"MFLUX_AI_TOKEN": content.decode(errors="surrogateescape")}
        assert complaint(mflux.token, None, environment).startswith("MFLUX_AI_TOKEN: ")


def test_a_token_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        assert f"tracking.mflux_token_file: {path} is not there" in complaint(mflux.token, str(path), {})


# The connection


def test_the_tracker_is_sent_the_token_and_nobody_elses_password(server: Server, monkeypatch) -> None:
    from mlflow.utils import credentials

    monkeypatch.setattr(credentials, "_read_mlflow_creds_from_file", lambda: ("other", "from a file"))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "other")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "0ther-passw0rd")
    mflux.connect(TOKEN, server.host)
    found = credentials.get_default_host_creds(server.host)
    assert (found.username, found.password, found.token) == (None, None, TOKEN)
    assert "0ther" not in redaction.redacted("0ther-passw0rd")


def test_connecting_leaves_what_mlflow_needs_in_the_environment(server: Server, capfd) -> None:
    import mflux_ai.core
    import requests

    # One that init warns of, with the token in its warning.
    token = f"your_{TOKEN}"
    assert mflux.connect(token, f"{server.host}/") == os.environ["MLFLOW_TRACKING_URI"] == server.host
    assert os.environ["MLFLOW_S3_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert os.environ["AWS_ACCESS_KEY_ID"] == ACCESS
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == token
    [(path, headers)] = server.requests
    assert path == f"GET {ENV_VARS}"
    assert headers["Authorization"] == f"api-key {token}"
    assert mflux_ai.core.requests is requests
    assert redaction.redacted(f"{token} {ACCESS} {SECRET}", {}) == " ".join([redaction.MARK] * 3)
    assert capfd.readouterr() == ("", "")


def test_a_netrc_does_not_take_the_token_s_place(server: Server, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    mflux.connect(TOKEN, server.host)
    assert server.requests[0][1]["Authorization"] == f"api-key {TOKEN}"


def connecting(server: Server, capfd) -> str:
    """The complaint of a connection that fails without a trace."""
    before = dict(os.environ)
    text = complaint(mflux.connect, TOKEN, server.host)
    assert text.startswith(f"tracking.mflux: {server.host} ")
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")
    return text


@pytest.mark.parametrize(
    "status, body, said",
    [
        (204, b"", "does not know the token (status 204)"),
        (401, b"", "refused the token (status 401)"),
        (403, b"", "refused the token (status 403)"),
        (404, b"", "has no /api/env_vars/ (status 404)"),
        (406, b'"Invalid version"', "wants another version of the package mflux-ai than 0.7.0 (status 406)"),
        (400, TOKEN.encode(), "failed (status 400)"),
        (500, TOKEN.encode(), "failed (status 500)"),
        (200, f"<html>{TOKEN}</html>".encode(), "gave something else (text/html), expected a JSON object"),
        (200, b"", "gave something else (text/html), expected a JSON object"),
        (200, b'["list"]', "gave something else"),
        (200, b"null", "gave something else"),
        (200, b"[" * 100_000, "gave something else"),
    ],
)
def test_an_answer_that_is_none_is_one_line(server: Server, capfd, status: int, body: bytes, said: str) -> None:
    server.answers[f"GET {ENV_VARS}"] = (status, {"Content-Type": "text/html"}, body)
    assert said in connecting(server, capfd)


@pytest.mark.parametrize("value", [None, "", " ", 7, ["x"], "a\0b", "a\nb"])
@pytest.mark.parametrize("names", [mflux.FIELDS[:1], mflux.FIELDS[1:]])
def test_fields_that_are_no_texts_are_named(server: Server, capfd, names: list[str], value: object) -> None:
    server.gives(ENV_VARS, env_vars(server.host) | dict.fromkeys(names, value))
    assert connecting(server, capfd).endswith(f" gave no text for {', '.join(names)}")
    server.gives(ENV_VARS, {key: text for key, text in env_vars(server.host).items() if key not in names})
    assert connecting(server, capfd).endswith(f" gave no text for {', '.join(names)}")


def test_a_redirect_is_not_followed(server: Server, capfd) -> None:
    with ExitStack() as stack:
        other = Server()
        stack.callback(other.close)
        server.answers[f"GET {ENV_VARS}"] = (302, {"Location": f"{other.host}/login?token={TOKEN}"}, b"")
        assert f"sends on to {other.host}/login, which is not given the token" in connecting(server, capfd)
        assert other.requests == []


def test_a_server_that_does_not_answer_is_given_up(server: Server, capfd, monkeypatch) -> None:
    monkeypatch.setattr(mflux, "TIMEOUT", 0.2)
    server.free.clear()
    assert connecting(server, capfd).endswith(" did not answer within 0.2 s")


def test_a_server_that_is_away_is_named(server: Server, capfd) -> None:
    server.close()
    assert connecting(server, capfd).endswith(" cannot be reached (ConnectionError)")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "mflux.ai",
        "ftp://mflux.ai",
        "http://",
        "http://a:b",
        f"http://me:{TOKEN}@mflux.ai",
        "http://[",
        "http://a?b",
    ],
)
def test_what_is_no_address_of_a_server_is_named(server: Server, host: str) -> None:
    text = complaint(mflux.connect, TOKEN, host)
    assert f"tracking.mflux: {host.rpartition('@')[2]!r} is no address of a server" in text


# Datasets


@pytest.fixture
def manifest(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    random = np.random.default_rng(1)
    content = {}
    for part, n in (("train", 5), ("validation", 3), ("test", 2)):
        content[f"x_{part}"] = random.random((n, 4, 4, 1), dtype=np.float32)
        content[f"y_{part}"] = np.eye(10, dtype=np.float32)[:n]
    entries = arrays.write(tmp_path / "arrays", content)
    document = {"dataset": "mnist-5k", "folder": "arrays", "digest": "0123456789abcdef" * 4, "arrays": entries}
    files.write_json(tmp_path / "data.json", document)
    return tmp_path / "data.json", content


NAME = "mnist-5k-0123456789abcdef"


def put_dataset(manifest: Path) -> dict:
    terminal = io.StringIO()
    found = mflux.put_dataset(manifest, None, terminal)
    assert terminal.getvalue() == ""
    return found


def test_a_dataset_is_stored_once_and_comes_back_as_it_was(server: Server, manifest: tuple, monkeypatch, capfd) -> None:
    import boto3
    import mflux_ai
    from moto.server import ThreadedMotoServer

    with ExitStack() as stack:
        moto = ThreadedMotoServer("127.0.0.1", 0)
        moto.start()
        stack.callback(moto.stop)
        store = "http://{}:{}".format(*moto.get_host_and_port())
        server.gives(ENV_VARS, env_vars(server.host, store))
        mflux.connect(TOKEN, server.host)
        where = {"bucket": "datasets", "object": NAME, "digest": "0123456789abcdef" * 4}
        assert put_dataset(manifest[0]) == where

        back = mflux_ai.get_dataset(NAME)
        assert list(back) == list(manifest[1])
        for name, array in back.items():
            assert type(array) is np.ndarray
            np.testing.assert_array_equal(array, manifest[1][name])

        client = boto3.client("s3", endpoint_url=store, region_name="us-east-1")
        before = client.head_object(Bucket="datasets", Key=NAME)["LastModified"]
        with monkeypatch.context() as patch:
            patch.setattr("mflux_ai.core.put_dataset", lambda *_, **__: pytest.fail("uploaded again"))
            assert put_dataset(manifest[0]) == where
        assert client.head_object(Bucket="datasets", Key=NAME)["LastModified"] == before
        # One that was cut off is stored again.
        client.put_object(Bucket="datasets", Key=NAME, Body=b"")
        put_dataset(manifest[0])
        assert mflux_ai.get_dataset(NAME).keys() == manifest[1].keys()
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", store.replace("127.0.0.1", "localhost") + "/")
        assert put_dataset(manifest[0]) == where
    printed = capfd.readouterr()
    assert not [secret for secret in (TOKEN, SECRET) if secret in printed.out + printed.err]


def test_a_store_that_is_away_is_one_line_soon(server: Server, manifest: tuple, capfd) -> None:
    mflux.connect(TOKEN, server.host)
    # The time of imports is not meant.
    complaint(put_dataset, manifest[0])
    start = time.monotonic()
    text = complaint(put_dataset, manifest[0])
    assert time.monotonic() - start < 3
    assert text.startswith(f"tracking.mflux: http://127.0.0.1:1 did not take datasets/{NAME} (Could not connect to ")
    assert capfd.readouterr().out == ""


@pytest.fixture
def store(server: Server) -> Server:
    """An S3 with an empty bucket."""
    server.gives(ENV_VARS, env_vars(server.host, server.host))
    mflux.connect(TOKEN, server.host)
    server.answers["PUT /datasets"] = (200, {"ETag": "x"}, b"")
    return server


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>not\nfor {ACCESS}</Message></Error>".encode()


@pytest.mark.parametrize(
    "answers, said",
    [
        ({f"PUT /datasets/{NAME}": (400, XML, error("Unheard"))}, "(Unheard) when calling the PutObject operation"),
        ({f"PUT /datasets/{NAME}": (403, XML, error("AccessDenied"))}, "(AccessDenied) when calling the PutObject"),
        (
            {"PUT /datasets": (403, XML, error("AccessDenied"))},
            "(AccessDenied) when calling the CreateBucket operation",
        ),
        ({f"HEAD /datasets/{NAME}": (403, {}, b"")}, "(403) when calling the HeadObject operation: Forbidden"),
        (
            {f"PUT /datasets/{NAME}": (503, {}, b"")},
            "(503) when calling the PutObject operation (reached max retries: 1)",
        ),
        ({f"PUT /datasets/{NAME}": (418, {}, b"<html>no XML")}, "(418) when calling the PutObject operation"),
        ({f"PUT /datasets/{NAME}": (200, {"ETag": "x"}, b"")}, "(nothing arrived there)"),
        (
            {f"HEAD /datasets/{NAME}": (200, {"Content-Length": "9"}, b"<html>no!")},
            "(nothing arrived there)",
        ),
    ],
)
def test_a_store_that_refuses_is_one_line(store: Server, manifest: tuple, capfd, answers: dict, said: str) -> None:
    store.answers |= answers
    text = complaint(put_dataset, manifest[0])
    assert text.startswith(f"tracking.mflux: {store.host} did not take datasets/{NAME} (")
    assert said in text
    if XML in next(iter(answers.values())):
        assert "not for [secret]" in text
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://a b", "http://127.0.0.1:99999"])
def test_a_store_without_an_address_is_one_line(store: Server, manifest: tuple, monkeypatch, endpoint: str) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
    text = complaint(put_dataset, manifest[0])
    assert text.startswith(f"tracking.mflux: {endpoint} did not take datasets/{NAME} (")


# The best run


@pytest.fixture
def connected(server: Server) -> Server:
    mflux.connect(TOKEN, server.host)
    server.requests.clear()
    return server


def test_the_best_run_of_a_group_is_found_by_its_name_whatever_it_is(connected: Server) -> None:
    connected.gives(f"{BEST_RUN}all%20%26%20%C3%BCber%2F%23%3F%25", {"run_uuid": "abc"})
    connected.gives("/api/2.0/mlflow/runs/get", {"run": RUN})
    assert mflux.best_run("all & über/#?%") == "abc"
    (_, mine), (path, mlflows) = connected.requests
    assert path.startswith("GET /api/2.0/mlflow/runs/get?")
    assert "run_id=abc" in path
    assert mine["Authorization"] == f"api-key {TOKEN}"
    assert mlflows["Authorization"] == f"Bearer {TOKEN}"


def test_a_group_without_runs_has_no_best_run(connected: Server) -> None:
    connected.gives(f"{BEST_RUN}g", {"run_uuid": None})
    assert mflux.best_run("g") is None


@pytest.mark.parametrize(
    "status, document, said",
    [
        (404, {}, "has no model group 'g\\n' (status 404), expected one that it has in tracking.mflux_model_group"),
        (200, {}, "gave no run_uuid for the model group 'g\\n'"),
        (200, {"run_uuid": ""}, "gave no run_uuid"),
        (200, {"run_uuid": 7}, "gave no run_uuid"),
        (200, [], "gave something else"),
        (204, {}, "does not know the token"),
        (403, {}, "refused the token"),
        (406, "Invalid version", "wants another version of the package mflux-ai"),
        (500, TOKEN, "failed (status 500)"),
    ],
)
def test_an_answer_without_a_best_run_is_one_line(
    connected: Server, capfd, status: int, document: object, said: str
) -> None:
    connected.gives(BEST_RUN, document, status)
    text = complaint(mflux.best_run, "g\n")
    assert text.startswith(f"tracking.mflux: {connected.host} {said}")
    assert capfd.readouterr() == ("", "")


def test_a_best_run_that_mlflow_does_not_have_is_one_line(connected: Server, capfd) -> None:
    connected.gives(BEST_RUN, {"run_uuid": "abc"})
    what = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"No run\nfor {TOKEN}"}
    connected.gives("/api/2.0/mlflow/runs/get", what, 404)
    text = complaint(mflux.best_run, "g")
    assert text.startswith(f"tracking.mflux: {connected.host} names a best run of the model group 'g' that MLflow does")
    assert "No run for [secret]" in text
    assert capfd.readouterr().out == ""


def test_a_best_run_of_a_server_that_went_away_is_one_line(connected: Server) -> None:
    connected.close()
    assert complaint(mflux.best_run, "g") == f"tracking.mflux: {connected.host} cannot be reached (ConnectionError)"
