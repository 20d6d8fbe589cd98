import functools
import http.server
import itertools
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakeras.tracking import uploads


class Interrupted(Exception):
    pass


class Cut:
    """A client that is cut off at a call that changes something: before it does, or just after.

    Parameters
    ----------
    client
        What the calls go to.
    at
        The number of the call, from 1.
    after
        Whether the call is still carried out.
    """

    def __init__(self, client: object, at: int, after: bool = False) -> None:
        self.client, self.at, self.after, self.calls = client, at, after, 0

    def __getattr__(self, name: str) -> object:
        attribute = getattr(self.client, name)
        if not name.startswith(("log_", "create_", "finalize_", "set_")):
            return attribute

        def call(*args: object, **kwargs: object) -> object:
            self.calls += 1
            if self.calls == self.at and not self.after:
                raise Interrupted
            try:
                return attribute(*args, **kwargs)
            finally:
                if self.calls == self.at:
                    raise Interrupted

        return call


class Tracker:
    """A tracker in a folder, with one experiment."""

    def __init__(self, folder: Path, template: Path) -> None:
        import mlflow

        folder.mkdir()
        shutil.copy(template, folder / "mlflow.db")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = mlflow.MlflowClient(self.uri, self.uri)
        self.experiment = self.client.create_experiment("mine", (folder / "artifacts").as_uri())

    def run(self) -> str:
        return self.client.create_run(self.experiment).info.run_id

    def artifacts(self, run: str) -> dict[str, bytes]:
        return _contents(self.client.get_run(run).info.artifact_uri)

    def models(self) -> list:
        return list(self.client.search_logged_models([self.experiment], max_results=1000))

    def model_files(self, model_id: str) -> dict[str, bytes]:
        return _contents(self.client.get_logged_model(model_id).artifact_location)


def _contents(uri: str) -> dict[str, bytes]:
    folder = Path(uri.removeprefix("file://"))
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture
def tracker(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    import mlflow

    # Making one takes seconds, so once for all modules that import this fixture.
    template = tmp_path_factory.getbasetemp() / "tracker.db"
    if not template.exists():
        mlflow.MlflowClient(f"sqlite:///{template}").search_experiments()
    return Tracker(tmp_path / "tracker", template)


class Destination:
    """Files by their path, and what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.listed: list[str | None] = []
        self.logged: list[str] = []

    def list_(self, folder: str | None) -> list[SimpleNamespace]:
        self.listed.append(folder)
        inside = [path for path in self.files if str(Path(path).parent) == (folder or ".")]
        folders = [SimpleNamespace(path=f"{folder or ''}/sub", is_dir=True, file_size=None)]
        return folders + [SimpleNamespace(path=path, is_dir=False, file_size=len(self.files[path])) for path in inside]

    def log(self, file: Path, folder: str | None) -> None:
        path = f"{folder}/{file.name}" if folder else file.name
        self.files[path] = file.read_bytes()
        self.logged.append(path)


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    for path, text in {"a": "one", "sub/b": "two", "sub/deep/er/c": "three"}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "empty" / "too").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("to", ["", "there/now"])
def test_files_are_uploaded_once(local: Path, to: str) -> None:
    place = Destination()
    uploads.upload_missing(place.list_, place.log, local, to)
    before = f"{to}/" if to else ""
    assert place.files == {f"{before}a": b"one", f"{before}sub/b": b"two", f"{before}sub/deep/er/c": b"three"}
    assert place.listed == [to or None, f"{before}sub", f"{before}sub/deep/er"]
    place.logged.clear()
    uploads.upload_missing(place.list_, place.log, local, to)
    assert place.logged == []


def test_missing_and_half_files_are_completed(local: Path) -> None:
    place = Destination()
    uploads.upload_missing(place.list_, place.log, local)
    place.logged.clear()
    place.files["sub/b"] = b"t"
    del place.files["a"]
    uploads.upload_missing(place.list_, place.log, local)
    assert place.logged == ["a", "sub/b"]
    assert place.files["sub/b"] == b"two"


def test_artifacts_of_a_run(tracker: Tracker, local: Path) -> None:
    run = tracker.run()
    with pytest.raises(Interrupted):
        uploads.run_artifacts(Cut(tracker.client, 2), run, local, "to")
    assert len(tracker.artifacts(run)) == 1
    for calls in (2, 0):
        client = Cut(tracker.client, 0)
        uploads.run_artifacts(client, run, local, "to")
        assert client.calls == calls
        assert tracker.artifacts(run) == {"to/a": b"one", "to/sub/b": b"two", "to/sub/deep/er/c": b"three"}


def model(tracker: Tracker, run: str, local: Path, client: object = None) -> str:
    return uploads.logged_model(
        client or tracker.client, tracker.experiment, run, "model", local, {"a": "b"}, {"p": "1"}, "keras"
    )


@pytest.mark.slow
def test_a_model_that_was_cut_off_anywhere_is_completed(tracker: Tracker, local: Path) -> None:
    whole = Cut(tracker.client, 0)
    model(tracker, tracker.run(), local, whole)
    # Create, three files, output, ready
    assert whole.calls == 6
    for at, after in itertools.product(range(1, whole.calls + 1), (False, True)):
        run = tracker.run()
        with pytest.raises(Interrupted):
            model(tracker, run, local, Cut(tracker.client, at, after))
        made = model(tracker, run, local)
        [found] = [found for found in tracker.models() if found.source_run_id == run]
        assert (found.model_id, str(found.status), found.model_type) == (made, "READY", "keras")
        assert found.tags == {"a": "b", uploads.MODEL_TAG: "model"}
        assert found.params == {"p": "1"}
        assert tracker.model_files(made) == {"a": b"one", "sub/b": b"two", "sub/deep/er/c": b"three"}
        assert [output.model_id for output in tracker.client.get_run(run).outputs.model_outputs] == [made]
        again = Cut(tracker.client, 0)
        assert model(tracker, run, local, again) == made
        assert again.calls == 0


def test_a_script_s_model_of_the_same_name_is_another(tracker: Tracker, local: Path) -> None:
    run = tracker.run()
    other = tracker.client.create_logged_model(tracker.experiment, "model", run)
    assert model(tracker, run, local) != other.model_id


def test_a_folder_made_for_the_model_is_made_only_if_needed(tracker: Tracker, local: Path, tmp_path: Path) -> None:
    run, asked = tracker.run(), []

    def give(model_id: str) -> Path:
        asked.append(model_id)
        return local

    made = model(tracker, run, give)
    model(tracker, run, give)
    assert asked == [made]


def test_a_tracker_without_models_takes_artifacts(tracker: Tracker, local: Path, old_tracker: str) -> None:
    import mlflow

    run = tracker.run()
    old = mlflow.MlflowClient(old_tracker, old_tracker)
    client = Cut(tracker.client, 0)
    # As an older tracker answers
    client.search_logged_models = old.search_logged_models
    assert model(tracker, run, local, client) == model(tracker, run, local, client) == ""
    assert set(tracker.artifacts(run)) == {"model/a", "model/sub/b", "model/sub/deep/er/c"}
    assert client.calls == 3


def test_other_refusals_are_not_taken_for_an_old_tracker(tracker: Tracker, local: Path) -> None:
    import mlflow

    client = Cut(tracker.client, 0)

    def refuse(*_: object, **__: object) -> None:
        raise mlflow.exceptions.MlflowException("no", error_code=mlflow.protos.databricks_pb2.PERMISSION_DENIED)

    client.create_logged_model = refuse
    with pytest.raises(mlflow.exceptions.MlflowException, match="no"):
        model(tracker, tracker.run(), local, client)


@pytest.fixture
def old_tracker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that answers as Flask does where it has nothing."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_readdressed_model_has_the_same_size_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "weights").write_bytes(b"\0\1")
    document = {
        "model_id": f"m-{0:032x}",
        "model_uuid": f"m-{0:032x}",
        "run_id": f"{0:032x}",
        "artifact_path": "file:///elsewhere",
        "utc_time_created": "2026-01-01 00:00:00.000001",
        "flavors": {"python_function": {"loader_module": "é"}},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(document))
    written = []
    for number in (1, 2):
        into = tmp_path / f"copy {number}"
        uploads.readdressed(folder, into, f"m-{number:032x}", f"{number + 1:032x}")
        written.append((into / "MLmodel").read_bytes())
        changed = yaml.safe_load(written[-1])
        assert changed["model_id"] == changed["model_uuid"] == f"m-{number:032x}"
        assert (changed["run_id"], changed["artifact_path"]) == (f"{number + 1:032x}", f"models:/m-{number:032x}")
        assert {key: changed[key] for key in ("utc_time_created", "flavors")}.items() <= document.items()
        assert (into / "data" / "weights").read_bytes() == b"\0\1"
    assert len(written[0]) == len(written[1])
    uploads.readdressed(folder, tmp_path / "old", "", "1" * 32)
    assert yaml.safe_load((tmp_path / "old" / "MLmodel").read_text()).keys() & {"model_id", "artifact_path"} == set()
