"""A stand-in for MFlux.ai that, where it fails, repeats what it was told in confidence, as servers do."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

BEST_RUN = "/api/best_run_by_model_group/best_run/"


@dataclass
class MFlux:
    """The service: what it knows, and what it was asked.

    It is also a tracker and a store, at the same address, that refuse everything: by statuses 401 and 403.
    """

    host: str
    token: str
    access_key: str
    secret_key: str
    tracker: str = ""  # "": this server
    store: str = ""
    statuses: list[int] = field(default_factory=list)  # of the next requests for the settings, instead of an answer
    best: Callable[[str], str | None] = lambda group: None  # run id of the best run of a model group
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, authorization

    def settings(self) -> dict[str, str]:
        return {
            "mlflow_server": self.tracker or self.host,
            "minio_server": self.store or self.host,
            "minio_access_key": self.access_key,
            "minio_secret_key": self.secret_key,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.close_connection = True
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        service: MFlux = self.server.service
        url = urlsplit(self.path)
        authorization = self.headers.get("Authorization") or ""
        service.requests.append((self.command, url.path, authorization))
        told = f"no use for {authorization}, which is not {service.token} of {service.secret_key}"
        if url.path in ("/api/env_vars/", BEST_RUN):
            if authorization != f"api-key {service.token}":
                self.send(204, b"", "text/plain")
            elif url.path == BEST_RUN:
                group = parse_qs(url.query)["model_group_name"][0]
                self.send_json(200, {"run_uuid": service.best(group)})
            elif service.statuses:
                self.send_json(service.statuses.pop(0), {"detail": told})
            else:
                self.send_json(200, service.settings())
        elif url.path.startswith("/api/2.0/"):
            self.send_json(401, {"error_code": "UNAUTHENTICATED", "message": told})
        else:
            key = (re.findall("Credential=([^/]+)", authorization) or ["none"])[0]
            text = f"<Error><Code>InvalidAccessKeyId</Code><Message>{told}</Message><AWSAccessKeyId>{key}"
            self.send(403, f"{text}</AWSAccessKeyId></Error>".encode(), "application/xml")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def send_json(self, status: int, document: object) -> None:
        self.send(status, json.dumps(document).encode(), "application/json")

    def send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the requests are recorded."""


@contextmanager
def mflux(token: str, access_key: str, secret_key: str) -> Iterator[MFlux]:
    """The service, until the context ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.service = MFlux(f"http://127.0.0.1:{server.server_port}", token, access_key, secret_key)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
