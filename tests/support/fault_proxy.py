"""A proxy that makes faults, in front of a server."""

from __future__ import annotations

import functools
import http.client
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from servers import HOST

BLOCK = 1 << 16  # bytes passed on at once

# Of the method, the path without its query, and how many requests came before; see `proxy`.
Rule = Callable[[str, str, int], "int | float | str | None"]

ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_ALREADY_EXISTS",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}


@dataclass
class Proxy:
    """A proxy in front of a server: what was asked (method, path without query), and the rule that makes faults."""

    uri: str
    rule: Rule | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def proxy(target_uri: str, rule: Rule | None = None) -> Iterator[Proxy]:
    """A proxy in front of a server at ``http://HOST:PORT``.

    Its rule, which may be set at any time, says of each request what to do: a status code to answer it with an error
    as MLflow words it; ``"unknown"`` to answer it with a page, as a server does that has no such address; ``"cut"`` to
    read it and drop the connection; ``"lost"`` to pass it on, and drop the connection instead of answering; a float to
    wait so many seconds and pass it on; None to pass it on.
    """
    server = _ProxyServer((HOST, 0), _ProxyHandler)
    target = urlsplit(target_uri)
    server.target = (target.hostname, target.port)
    server.proxy = Proxy(f"http://{HOST}:{server.server_port}", rule)
    server.lock = threading.Lock()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _ProxyServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    target: tuple[str, int]
    proxy: Proxy
    lock: threading.Lock

    def handle_error(self, request: object, client_address: object) -> None:
        # Either side may go at any time; that is what tests do.
        if not isinstance(sys.exception(), (OSError, http.client.HTTPException)):
            super().handle_error(request, client_address)


class _ProxyHandler(BaseHTTPRequestHandler):
    """One request a connection, so that none outlives the proxy."""

    protocol_version = "HTTP/1.1"
    server: _ProxyServer
    # Of one connection only; a proxy adds its own.
    HOP = frozenset(("connection", "keep-alive", "proxy-connection", "te", "upgrade", "expect", "host"))

    def pass_on(self) -> None:
        self.close_connection = True
        path = urlsplit(self.path).path
        with self.server.lock:
            proxy = self.server.proxy
            count = len(proxy.requests)
            proxy.requests.append((self.command, path))
            action = proxy.rule(self.command, path, count) if proxy.rule else None
        if isinstance(action, int):
            self.read_body()
            self.answer_error(action, f"the proxy answers {self.command} {path} with {action}")
        elif action == "unknown":
            self.read_body()
            self.answer(404, "text/html; charset=utf-8", b"<!doctype html>\n<title>404 Not Found</title>\n")
        elif action == "cut":
            self.read_body()
        elif action in (None, "lost"):
            self.forward(lost=action == "lost")
        elif isinstance(action, float):
            time.sleep(action)
            self.forward()
        else:
            raise ValueError(f"a rule gave {action!r}")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = pass_on

    def forward(self, lost: bool = False) -> None:
        connection = http.client.HTTPConnection(*self.server.target, timeout=300)
        try:
            try:
                self.send_request(connection)
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                self.answer_error(502, f"no answer from the server: {error}")
                return
            if lost:
                answer.read()
            else:
                self.send_answer(answer)
        finally:
            connection.close()

    def send_request(self, connection: http.client.HTTPConnection) -> None:
        connection.putrequest(self.command, self.path, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in self.HOP:
                connection.putheader(name, value)
        connection.endheaders()
        chunked = self.is_chunked()
        # A server that has seen enough answers and closes; its answer counts.
        with suppress(BrokenPipeError, ConnectionResetError):
            for block in self.body:
                connection.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            if chunked:
                connection.send(b"0\r\n\r\n")
        self.read_body()

    def send_answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in (*self.HOP, "transfer-encoding"):
                self.send_header(name, value)
        # Its end is the end of an answer of unknown length.
        self.send_header("Connection", "close")
        self.end_headers()
        while block := answer.read1(BLOCK):
            self.wfile.write(block)

    def answer_error(self, status: int, message: str) -> None:
        body = json.dumps({"error_code": ERROR_CODES.get(status, "INTERNAL_ERROR"), "message": message}).encode()
        self.answer(status, "application/json", body)

    def answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("Transfer-Encoding", "").lower()

    @functools.cached_property
    def body(self) -> Iterator[bytes]:
        """What is left of the body, in blocks."""
        return self.chunks() if self.is_chunked() else self.counted(int(self.headers.get("Content-Length") or 0))

    def read_body(self) -> None:
        for _ in self.body:
            pass

    def counted(self, size: int) -> Iterator[bytes]:
        while size:
            block = self.rfile.read(min(size, BLOCK))
            if not block:
                raise ConnectionAbortedError("the client went in the middle of a body")
            size -= len(block)
            yield block

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield from self.counted(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def log_message(self, *_: object) -> None:
        """Nothing: the requests are recorded."""


def models_sent(requests: list[tuple[str, str]]) -> int:
    return sum(method == "PUT" and path.endswith("/model.keras") for method, path in requests)
