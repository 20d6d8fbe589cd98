"""Optuna's dashboard on all searches of a folder, live: reads their files, and never writes."""

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from snakeras.core.errors import UserError
from snakeras.report import search_data, study

EVERY = 3.0  # seconds after which the files are looked at again
READING = ("GET", "HEAD", "OPTIONS")


class Dashboard:
    """A WSGI application: optuna-dashboard on the searches in ``folder``, made anew when their files have changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._looked, self._state, self._application = 0.0, None, None
        self._names: list[str] = []  # a study's number in the dashboard's addresses must stay

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        """Answer a request; one that would change something is refused."""
        if environ["REQUEST_METHOD"] not in READING:
            start_response("405 Method Not Allowed", [("Content-Type", "application/json")])
            return [b'{"reason": "This dashboard only shows the search; nothing can be changed here."}']
        with self._lock:
            if time.monotonic() - self._looked > EVERY:
                self.refresh()
                self._looked = time.monotonic()
        return self._application(environ, start_response)

    def refresh(self) -> None:
        """Look at the files, and make the studies anew where they have changed; raise UserError without a search."""
        import optuna
        import optuna_dashboard

        names = [path.parent.name for path in sorted(self._folder.glob("results/*/trials"))]
        self._names += [name for name in names if name not in self._names]
        if not names:
            raise UserError(f"{self._folder}: no search was run here yet, expected results/<name>/trials")
        unfinished = {name: self._unfinished(name) for name in self._names}
        paths = [path for name in self._names for path in search_data.trial_paths(self._folder / "results" / name)]
        state = unfinished, [(path, path.stat().st_mtime_ns) for path in paths]
        if state == self._state:
            return
        storage = optuna.storages.InMemoryStorage()
        for name in self._names:
            try:
                search = search_data.read(self._folder / "results" / name)
            except UserError as error:
                print(error, file=sys.stderr)
                search = search_data.describe(name, [], [], [], {}, {})
            study.from_search(search, unfinished[name], storage)
        self._application, self._state = optuna_dashboard.wsgi(storage), state

    def _unfinished(self, name: str) -> dict[int, str]:
        """Return the trials without a result among those that have begun: they run, or wait for the next run.

        Also those before the last one with a result, so that every trial has its own number in the dashboard.
        """
        results = self._folder / "results" / name
        ended = {int(path.stem) for path in search_data.trial_paths(results)}
        logs = {int(path.stem) for path in (results / "logs" / "trials").glob("*.log") if path.stem.isdigit()}
        locks = self._folder / ".snakemake" / "locks"
        runs = locks.is_dir() and any(locks.iterdir())
        first = set(range(max(ended | (logs if runs else set()), default=-1) + 1))
        return {trial: "RUNNING" if runs and trial in logs else "WAITING" for trial in sorted(first - ended)}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Leave the terminal to what matters."""


def main(arguments: list[str] | None = None) -> None:
    """Serve the dashboard until Ctrl-C; raise UserError when there is no search, or the address is not free."""
    parser = argparse.ArgumentParser(prog="make dashboard", description="Optuna's dashboard on this folder's searches.")
    parser.add_argument("--port", type=int, default=8080, help="the port to listen at (default: 8080)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at (default: this machine only)")
    parser.add_argument("--directory", type=Path, default=Path(), help="where Snakemake runs (default: here)")
    given = parser.parse_args(arguments)
    dashboard = Dashboard(given.directory.resolve())
    dashboard.refresh()
    try:
        server = make_server(given.host, given.port, dashboard, server_class=_Server, handler_class=_Handler)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"cannot listen at {given.host}:{given.port}: {getattr(error, 'strerror', None) or error}; "
            "choose another port, e.g. --port 8081"
        ) from None
    with server:
        print(f"The searches are shown at http://{given.host}:{server.server_port}/ until Ctrl-C.", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
