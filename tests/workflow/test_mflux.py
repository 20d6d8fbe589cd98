"""A search on MFlux.ai, by way of all that can go wrong there; and no secret anywhere."""

import base64
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from urllib.parse import quote, quote_plus

import mflux_server
import psutil
import pytest
import servers
from tracked_runs import client_of, complaints, runs
from workflow_folder import Folder

pytestmark = pytest.mark.slow

TOKEN, ACCESS, SECRET = "planted/Tok+en=QUAGGA", "PLANTEDQUOKKA4711", "planted/Sec+ret=NUMBAT"
USER, PASSWORD = "planted-user", "planted/Pass+word:OKAPI"


def spellings(secret: str) -> set[bytes]:
    """As it is, in a URL, in JSON, and in base64 wherever in the encoded text it stands."""
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret.encode()).decode()
        # The first and the last characters depend on what stands beside it.
        inner = encoded[(0, 2, 3)[before] : -4]
        found |= {inner, inner.replace("+", "-").replace("/", "_"), quote(inner, safe="")}
    return {text.encode() for text in found}


GIVEAWAYS = {spelling for secret in (TOKEN, ACCESS, SECRET, PASSWORD) for spelling in spellings(secret)}


def giveaways(content: bytes) -> list[bytes]:
    return [spelling for spelling in GIVEAWAYS if spelling in content]


@contextmanager
def watched_processes(told: set[str]) -> Iterator[None]:
    """Add the command line of every process that gives a secret away."""
    over = Event()

    def watch() -> None:
        while not over.wait(0.1):
            for process in psutil.process_iter(["cmdline"]):
                line = " ".join(process.info["cmdline"] or [])
                if giveaways(line.encode(errors="replace")):
                    told.add(line)

    thread = Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Hosted:
    """A finished search, published to MFlux.ai by way of everything that can go wrong there."""

    folder: Folder
    service: mflux_server.MFlux
    temporary: Path
    server: servers.Server | None = None
    store: servers.S3 | None = None
    said: dict[str, str] = field(default_factory=dict)  # what was printed, by what went wrong
    logs: dict[str, str] = field(default_factory=dict)  # what was in the logs of publishing then
    found: dict[str, list[bytes]] = field(default_factory=dict)  # secrets, by where
    command_lines: set[str] = field(default_factory=set)  # with secrets

    def run(self, what: str, fails: bool = False) -> None:
        values = {
            "mflux": "true",
            "mflux_host": self.service.host,
            "mflux_token_file": str(self.temporary / "token"),
            "mflux_model_group": "digits",
        }
        text = ", ".join(f"{key}: '{value}'" for key, value in values.items())
        with watched_processes(self.command_lines):
            self.said[what] = self.folder.run("--config", f"tracking={{{text}}}", fails=fails)
        logs = (self.folder.results / "logs" / "tracking").glob("*.log")
        self.logs[what] = "".join(path.read_text() for path in logs)
        self.look(what)

    def look(self, when: str) -> None:
        """Look for secrets in all that was printed and written, also between the temporary files."""
        places = {f"printed, {when}": self.said[when].encode()}
        for folder in (self.folder.path, self.server.folder, self.temporary / "temporary"):
            places |= {f"{path}, {when}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert f"{self.server.folder}/mlflow.db, {when}" in places
        self.found |= {where: found for where, content in places.items() if (found := giveaways(content))}

    def told(self, name: str) -> dict:
        """What a job wrote down of what it published."""
        return json.loads((self.folder.results / "tracking" / f"{name}.json").read_text())

    def best(self) -> int:
        return json.loads((self.folder.results / "best.json").read_text())["trial"]


@pytest.fixture(scope="module")
def hosted(finished: Folder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    path = tmp_path_factory.mktemp("hosted")
    with ExitStack() as stack:
        store = stack.enter_context(servers.s3(path / "store", ACCESS, SECRET))
        server = stack.enter_context(
            servers.mlflow_server(path / "server", artifacts="s3://mlflow/all", environment=store.environment())
        )
        service = stack.enter_context(mflux_server.mflux(TOKEN, ACCESS, SECRET))
        (path / "token").write_text(f"{TOKEN}\n")
        (path / "token").chmod(0o600)
        twin = finished.copy(path / "search")
        shutil.rmtree(twin.results / "tracking")
        (twin.path / "mlflow.db").unlink()
        shutil.rmtree(twin.path / "mlruns")
        variables = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("MFLUX_AI_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_TOKEN"):
            variables.delenv(name, raising=False)
        # Of some other tracker.
        variables.setenv("MLFLOW_TRACKING_USERNAME", USER)
        variables.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        (path / "temporary").mkdir()
        variables.setenv("TMPDIR", str(path / "temporary"))

        found = Hosted(twin, service, path, server, store)
        service.statuses = [401, 500]
        found.run("refused", fails=True)
        found.run("a tracker that is broken", fails=True)
        service.tracker = server.uri
        found.run("a store that is broken", fails=True)
        service.store = store.endpoint
        # The trials' runs come in any order; the search's own is there before any.
        service.best = lambda group: found.told("search")["run_id"]
        found.run("another is best")
        (twin.results / "tracking" / "final.json").unlink()
        service.best = lambda group: found.told(f"{found.best():04d}")["run_id"]
        found.run("agreed")
        yield found


def test_a_service_that_fails_is_a_line_for_each_rule(hosted: Hosted) -> None:
    host = hosted.service.host
    assert sorted(line.partition(": ")[2] for line in complaints(hosted.said["refused"])) == [
        f"tracking.mflux: {host} failed (status 500)",
        f"tracking.mflux: {host} refused the token (status 401)",
    ]
    words = {
        "a tracker that is broken": "UNAUTHENTICATED: no use for",
        "a store that is broken": "which is not [secret]",
    }
    for what, word in words.items():
        search, data = sorted(complaints(hosted.said[what]), reverse=True)
        assert search.startswith(f"publish_search: tracking.mflux: {host} did not take it ("), search
        assert word in search, search
        assert re.match("publish_data: tracking.mflux: .* did not take datasets/mnist-5k-[0-9a-f]{16} [(]", data), data


def test_everything_is_on_mflux(hosted: Hosted) -> None:
    folder, uri = hosted.folder, hosted.server.uri
    assert not (folder.path / "mlflow.db").exists()
    search, nested = runs(uri, "test")
    assert [run.info.run_name for run in nested] == [f"five {number:04d}" for number in range(4)]
    for run, row in zip(nested, folder.rows(), strict=True):
        assert run.data.metrics["val_acc"] == float(row["val_accuracy"])
        assert len(run.outputs.model_outputs) == 1
    assert search.info.artifact_uri.startswith("s3://mlflow/all/")
    assert client_of(uri).get_model_version_by_alias("five", "champion").version in ("1", 1)
    names = [name.rpartition("/")[2] for name, _ in objects(hosted, "mlflow")]
    assert names.count("model.keras") == 5
    assert names.count("best.json") == 1


def objects(hosted: Hosted, bucket: str) -> list[tuple[str, bytes]]:
    """Names and contents of what is in the store."""
    import boto3

    client = boto3.session.Session(ACCESS, SECRET, region_name=servers.REGION).client(
        "s3", endpoint_url=hosted.store.endpoint
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    return [(key, client.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def test_the_arrays_are_on_mflux_once(hosted: Hosted) -> None:
    import io

    import joblib
    import numpy as np

    stored = hosted.told("data")
    ((name, content),) = objects(hosted, "datasets")
    assert (stored["bucket"], stored["object"]) == ("datasets", name)
    back = joblib.load(io.BytesIO(content))
    (prepared,) = (hosted.folder.path / "resources" / "prepared").iterdir()
    for key in ("x_train", "y_validation", "x_test"):
        np.testing.assert_array_equal(back[key], np.load(prepared / f"{key}.npy"))
    assert hosted.said["another is best"].count("rule publish_data:") == 1
    assert hosted.said["agreed"].count("rule publish_data:") == 0


def test_the_best_run_of_the_group_is_compared(hosted: Hosted) -> None:
    search, nested = runs(hosted.server.uri, "test")
    best = nested[hosted.best()].info.run_id
    assert [line for line in hosted.said["another is best"].splitlines() if line.startswith("tracking.mflux")] == [
        f"tracking.mflux_model_group: the best run of 'digits' on MFlux.ai is {search.info.run_id}, the best trial "
        f"of this search is run {best}"
    ]
    assert not re.search("^tracking.mflux", hosted.said["agreed"], re.MULTILINE)
    told = hosted.told("final")
    assert told["mflux_best_run_id"] == told["best_run_id"] == best


def test_a_tracker_gets_the_token_and_nobody_else_s_password(hosted: Hosted) -> None:
    sent = {told for _, path, told in hosted.service.requests if path.startswith("/api/2.0/")}
    assert sent == {f"Bearer {TOKEN}"}


def test_no_secret_is_left_anywhere(hosted: Hosted) -> None:
    assert not hosted.found
    assert not hosted.command_lines
    for what in ("a tracker that is broken", "a store that is broken"):
        # It was in what the server answered, and would have been found.
        assert "[secret]" in hosted.logs[what]
        assert "[secret]" in "".join(complaints(hosted.said[what]))
        assert "Traceback" in hosted.logs[what]
    stored = [*objects(hosted, "mlflow"), *objects(hosted, "datasets")]
    assert not {name: found for name, content in stored if (found := giveaways(name.encode() + content))}
    for planted in (f"{USER}:{PASSWORD}", f"x{TOKEN}", f"xx{SECRET}"):
        assert giveaways(base64.b64encode(planted.encode()))
