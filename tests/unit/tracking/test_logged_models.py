import itertools
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from snakeras.tracking import logged_models
from trackers import Cut, Interrupted, Tracker


class Destination:
    """Files by their path, and what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.listed: list[str | None] = []
        self.logged: list[str] = []

    def list_folder(self, folder: str | None) -> list[SimpleNamespace]:
        self.listed.append(folder)
        inside = [path for path in self.files if str(Path(path).parent) == (folder or ".")]
        folders = [SimpleNamespace(path=f"{folder or ''}/sub", is_dir=True, file_size=None)]
        return folders + [SimpleNamespace(path=path, is_dir=False, file_size=len(self.files[path])) for path in inside]

    def upload(self, file: Path, folder: str | None) -> None:
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


def test_files_are_uploaded_once(local: Path) -> None:
    place = Destination()
    logged_models.upload_missing(place.list_folder, place.upload, local)
    assert place.files == {"a": b"one", "sub/b": b"two", "sub/deep/er/c": b"three"}
    assert place.listed == [None, "sub", "sub/deep/er"]
    place.logged.clear()
    logged_models.upload_missing(place.list_folder, place.upload, local)
    assert place.logged == []


def test_missing_and_half_files_are_completed(local: Path) -> None:
    place = Destination()
    logged_models.upload_missing(place.list_folder, place.upload, local)
    place.logged.clear()
    place.files["sub/b"] = b"t"
    del place.files["a"]
    logged_models.upload_missing(place.list_folder, place.upload, local)
    assert place.logged == ["a", "sub/b"]
    assert place.files["sub/b"] == b"two"


def test_artifacts_of_a_run(tracker: Tracker, local: Path) -> None:
    run = tracker.run()
    with pytest.raises(Interrupted):
        logged_models.upload_artifacts(Cut(tracker.client, 2), run, local)
    assert len(tracker.artifacts(run)) == 1
    for calls in (2, 0):
        client = Cut(tracker.client)
        logged_models.upload_artifacts(client, run, local)
        assert len(client.calls) == calls
        assert tracker.artifacts(run) == {"a": b"one", "sub/b": b"two", "sub/deep/er/c": b"three"}


def log(tracker: Tracker, run: str, local: Path, client: object = None, **more: str) -> str:
    return logged_models.log_model(
        client or tracker.client,
        tracker.client.get_run(run),
        "model",
        lambda model_id: nullcontext(local),
        tags={"a": "b"},
        params={"p": "1"},
        model_type="keras",
        **more,
    )


@pytest.mark.slow
def test_a_model_that_was_cut_off_anywhere_is_completed(tracker: Tracker, local: Path) -> None:
    whole = Cut(tracker.client)
    log(tracker, tracker.run(), local, whole)
    # Create, three files, output, ready
    assert len(whole.calls) == 6
    for at, after in itertools.product(range(1, len(whole.calls) + 1), (False, True)):
        run = tracker.run()
        with pytest.raises(Interrupted):
            log(tracker, run, local, Cut(tracker.client, at, after))
        made = log(tracker, run, local)
        [found] = [found for found in tracker.models() if found.source_run_id == run]
        assert (found.model_id, str(found.status), found.model_type) == (made, "READY", "keras")
        assert found.tags == {"a": "b", logged_models.MODEL_TAG: "model"}
        assert found.params == {"p": "1"}
        assert tracker.model_files(made) == {"a": b"one", "sub/b": b"two", "sub/deep/er/c": b"three"}
        assert [output.model_id for output in tracker.client.get_run(run).outputs.model_outputs] == [made]
        again = Cut(tracker.client)
        assert log(tracker, run, local, again) == made
        assert again.calls == []


def test_a_script_s_model_of_the_same_name_is_another(tracker: Tracker, local: Path) -> None:
    run = tracker.run()
    other = tracker.client.create_logged_model(tracker.experiment, "model", run)
    assert log(tracker, run, local) != other.model_id


def test_models_of_one_name_are_told_apart(tracker: Tracker, local: Path) -> None:
    run = tracker.run()
    first, second = (log(tracker, run, local, identity=identity) for identity in ("first", "second"))
    assert first != second
    assert [log(tracker, run, local, identity=identity) for identity in ("first", "second")] == [first, second]
    # The newest is the version that was logged last.
    old, new = (log(tracker, run, local, version=version) for version in ("old", "new"))
    assert log(tracker, run, local, version="new") == new
    assert log(tracker, run, local, version="old") not in (old, new)
    assert len(tracker.models()) == 5


def test_the_folder_of_a_model_is_made_only_if_needed(tracker: Tracker, local: Path) -> None:
    run, asked = tracker.run(), []

    def folder_for(model_id: str) -> AbstractContextManager[Path]:
        asked.append(model_id)
        return nullcontext(local)

    for _ in range(2):
        made = logged_models.log_model(tracker.client, tracker.client.get_run(run), "model", folder_for)
    assert asked == [made]


def test_a_copied_model_has_the_same_size_each_time(tmp_path: Path) -> None:
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
        with logged_models.copied(folder, f"m-{number:032x}", f"{number + 1:032x}") as copy:
            written.append((copy / "MLmodel").read_bytes())
            assert (copy / "data" / "weights").read_bytes() == b"\0\1"
        changed = yaml.safe_load(written[-1])
        assert changed["model_id"] == changed["model_uuid"] == f"m-{number:032x}"
        assert (changed["run_id"], changed["artifact_path"]) == (f"{number + 1:032x}", f"models:/m-{number:032x}")
        assert {key: changed[key] for key in ("utc_time_created", "flavors")}.items() <= document.items()
    assert len(written[0]) == len(written[1])
