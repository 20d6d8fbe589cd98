"""An MFlux.ai that answers what a test says, and the secrets that no message may hold."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
from snakeras.core.errors import UserError

TOKEN = "planted/token+4711"
ACCESS, SECRET = "planted-access-key", "planted-secret-key"
ENV_VARS = "/api/env_vars/"


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
