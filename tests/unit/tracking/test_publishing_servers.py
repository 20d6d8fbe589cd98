"""Publishing to real servers, whole and broken ones."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fault_proxy
import psutil
import published
import pytest
import servers
from processes import GUARD, wait_for
from published import Search, tracking
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import connection, final_run, search_run, trial_run
from test_publishing import client, content, in_processes, new_search, publish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
SOON = 30.0  # seconds within which a broken tracker is given up
MODEL_FILE = "data/model.keras"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fault outlasts its test: ``connect`` sets variables, and MLflow keeps a few of them."""
    for name, value in connection.ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_S3_ENDPOINT_URL", raising=False)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, servers.S3]]:
    """The addresses of a server with PostgreSQL, to whose S3 clients write themselves, of its database and its S3."""
    folder = tmp_path_factory.mktemp("large")
    before = set(psutil.Process().children(recursive=True))
    with servers.postgresql(folder) as database, servers.s3(folder) as storage:
        options = {"backend": database, "artifacts": "s3://mlflow/tests", "environment": storage.environment()}
        with servers.mlflow_server(folder, **options) as server:
            yield server.uri, database, storage
            ours = set(psutil.Process().children(recursive=True)) - before
    _, left = psutil.wait_procs(ours, timeout=GUARD)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.fixture
def large_settings(
    large: tuple[str, str, servers.S3], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> TrackingSettings:
    uri, _, storage = large
    for name, value in storage.environment().items():
        monkeypatch.setenv(name, value)
    return tracking(uri=uri, experiment=tmp_path.name)


@pytest.fixture(scope="module")
def server(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    """One with SQLite, which writes artifacts for its clients."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copy(empty_store, folder / "mlflow.db")
    with servers.mlflow_server(folder) as started:
        yield started


@pytest.fixture
def proxy(server: servers.Server) -> Iterator[fault_proxy.Proxy]:
    with fault_proxy.proxy(server.uri) as started:
        yield started


@pytest.fixture
def settings(proxy: fault_proxy.Proxy, tmp_path: Path) -> TrackingSettings:
    return tracking(uri=proxy.uri, experiment=tmp_path.name, registered_model=tmp_path.name)


@pytest.fixture
def found(tmp_path: Path, search: dict) -> Search:
    return new_search(tmp_path / "results", search)


def refusal(settings: TrackingSettings, call: Callable, *args: object, **kwargs: object) -> str:
    """The one line of a call that a tracker fails, which comes soon."""
    begin = time.monotonic()
    with pytest.raises(UserError) as raised:
        call(settings, *args, **kwargs)
    assert time.monotonic() - begin < SOON
    line = str(raised.value)
    assert line.startswith(f"tracking.uri: {settings.uri} "), line
    assert "\n" not in line
    assert "call again to publish what is missing" in line
    return line


def downloaded(uri: str, folder: Path) -> bytes:
    import mlflow

    folder.mkdir(parents=True, exist_ok=True)
    return (Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder))) / MODEL_FILE).read_bytes()


def comparable(runs: dict) -> dict:
    """What two trackers hold of the same search, without the ids that each gives by itself."""
    return {
        name: run
        | {
            "info": run["info"][1:],
            "tags": {key: value for key, value in run["tags"].items() if key != "mlflow.parentRunId"},
            "models": len(run["models"]),
        }
        for name, run in runs.items()
    }


def test_postgresql_and_s3_hold_what_sqlite_does(
    found: Search,
    large_settings: TrackingSettings,
    large: tuple[str, str, servers.S3],
    local: TrackingSettings,
    tmp_path: Path,
) -> None:
    import boto3

    opened = publish(found, large_settings)
    runs = content(large_settings, opened)
    assert publish(found, large_settings) == opened
    assert content(large_settings, opened) == runs
    tracker = client(large_settings)
    assert len(tracker.search_model_versions("name='squares'")) == 1
    assert len(tracker.search_logged_models([opened["experiment_id"]])) == 6

    got = downloaded(opened["model_uri"], tmp_path / "version")
    final = (found.folder / "final" / "model.keras").read_bytes()
    assert got == downloaded("models:/squares@champion", tmp_path / "champion") == final
    storage = boto3.client("s3", endpoint_url=large[2].endpoint)
    for trial in (0, 4):
        (model,), (run, *_) = (runs[f"squares {trial:04d}"][key] for key in ("models", "info"))
        expected = (found.trials / f"{trial:04d}" / "model.keras").read_bytes()
        assert downloaded(f"models:/{model}", tmp_path / model) == expected
        assert downloaded(f"runs:/{run}/model", tmp_path / run) == expected
        location = tracker.get_logged_model(model).artifact_location
        bucket, _, key = location.removeprefix("s3://").partition("/")
        assert storage.get_object(Bucket=bucket, Key=f"{key}/{MODEL_FILE}")["Body"].read() == expected

    assert comparable(content(local, publish(found, local))) == comparable(runs)


def test_four_publishers_at_once_on_postgresql(tmp_path: Path, search: dict, large_settings: TrackingSettings) -> None:
    found = published.search(tmp_path / "results", search, [0.5 + trial / 100 for trial in range(4)])
    # Two are at the same trial at the same time.
    in_processes(found, large_settings, [[number // 2, 2 + number // 2] for number in range(4)])
    opened = search_run.publish_search(large_settings, **found.opening())
    runs = content(large_settings, opened)
    assert sorted(runs) == ["squares", *(f"squares {trial:04d}" for trial in range(4))]
    tracker = client(large_settings)
    assert len(tracker.search_runs([opened["experiment_id"]])) == 5
    assert sorted(model.source_run_id for model in tracker.search_logged_models([opened["experiment_id"]])) == sorted(
        run["info"][0] for name, run in runs.items() if name != "squares"
    )
    assert all(len(run["models"]) == 1 for name, run in runs.items() if name != "squares")


def test_a_database_that_is_not_there_is_one_line(found: Search, large: tuple[str, str, servers.S3]) -> None:
    line = refusal(tracking(uri=f"{large[1]}-absent"), search_run.publish_search, **found.opening())
    assert "does not exist" in line


@pytest.mark.parametrize("status", [500, 401])
def test_a_tracker_that_refuses_everything_is_one_line(
    found: Search, settings: TrackingSettings, proxy: fault_proxy.Proxy, status: int
) -> None:
    opened = search_run.publish_search(settings, **found.opening())
    proxy.rule = lambda method, path, count: status
    for call, arguments in (
        (search_run.publish_search, found.opening()),
        (trial_run.publish_trial, {"parent": opened, **found.arguments(0)}),
        (final_run.publish_final, {"parent": opened, **found.final()}),
    ):
        assert str(status) in refusal(settings, call, **arguments)
    proxy.rule = None
    assert len(content(settings, publish(found, settings, range(1), final=False))) == 2


def requests_of(found: Search, settings: TrackingSettings, proxy: fault_proxy.Proxy, opened: dict, trial: int) -> list:
    before = len(proxy.requests)
    trial_run.publish_trial(settings, opened, **found.arguments(trial))
    return proxy.requests[before:]


def models_sent(requests: list[tuple[str, str]]) -> int:
    return sum(method == "PUT" and path.endswith("/model.keras") for method, path in requests)


def assert_whole(found: Search, settings: TrackingSettings, opened: dict, expected: dict, trials: set[int]) -> None:
    """One run for each trial, with all that the expected one has, and one model each."""
    runs = content(settings, opened)
    tracker = client(settings)
    assert sorted(runs) == ["squares", *(f"squares {trial:04d}" for trial in sorted(trials))]
    assert len(tracker.search_runs([opened["experiment_id"]])) == 1 + len(trials)
    models = list(tracker.search_logged_models([opened["experiment_id"]]))
    assert len(models) == len(trials)
    assert {str(model.status) for model in models} == {"READY"}
    for trial in trials:
        run = runs[f"squares {trial:04d}"]
        assert len(run["models"]) == 1
        assert run["info"][1] == "FINISHED"
        assert {key: set(run[key]) for key in ("params", "metrics", "tags")} == {
            key: set(expected[key]) for key in ("params", "metrics", "tags")
        }
        assert all(len(points) == len(expected["metrics"][key]) for key, points in run["metrics"].items())
        assert run["datasets"] == expected["datasets"]
        assert run["artifacts"][0][0] == f"{trial:04d}.json"
        repository = tracker.get_logged_model(run["models"][0]).artifact_location
        assert repository.startswith("mlflow-artifacts:")


@pytest.fixture
def many(tmp_path: Path, search: dict) -> Search:
    """A search of trials that are all alike."""
    settings = search | {"algo": "random"}
    return published.search(tmp_path / "many", settings, [0.5 + trial / 1000 for trial in range(40)])


@pytest.mark.parametrize(("action", "first"), [("cut", 0), ("lost", 1)])
def test_a_connection_cut_anywhere_is_gone_on_with(
    many: Search,
    settings: TrackingSettings,
    proxy: fault_proxy.Proxy,
    action: str,
    first: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A client that asks once.
    monkeypatch.setenv(connection.RETRIES, "0")
    opened = search_run.publish_search(settings, **many.opening())
    alike = [trial for trial in range(len(list(many.trials.glob("*.run.json")))) if trial % 3 != 2]
    whole = requests_of(many, settings, proxy, opened, alike[0])
    expected = content(settings, opened)["squares 0000"]
    (sent,) = (at for at, request in enumerate(whole) if models_sent([request]))
    assert len(whole) > 20
    trials = alike[1:]
    cuts = {*range(first, len(whole), 4), sent, *(at for at, request in enumerate(whole) if is_made_once(request))}
    # This one is tried twice.
    cuts -= {at for at, (_, path) in enumerate(whole) if path.endswith("/runs/log-inputs")}
    assert len(cuts) >= 8
    for at, trial in zip(sorted(cuts), trials, strict=False):
        start = len(proxy.requests)
        proxy.rule = lambda method, path, count, at=start + at: action if count == at else None
        # What is made is looked for, should only the answer be lost.
        if action == "lost" and is_made_once(whole[at]):
            trial_run.publish_trial(settings, opened, **many.arguments(trial))
        else:
            refusal(settings, trial_run.publish_trial, opened, **many.arguments(trial))
        assert proxy.requests[start + at][0] == whole[at][0]
        proxy.rule = None
        before = models_sent(proxy.requests[start:])
        again = models_sent(requests_of(many, settings, proxy, opened, trial))
        # What was on its way when the connection was cut is sent again, nothing else.
        assert (before, again) == (1, 1) if (at, action) == (sent, "cut") else before + again == 1
    assert_whole(many, settings, opened, expected, {alike[0], *trials[: len(cuts)]})


def is_made_once(request: tuple[str, str]) -> bool:
    return request[0] == "POST" and request[1].endswith(("/runs/create", "/mlflow/logged-models", "/runs/outputs"))


def test_lost_answers_make_nothing_twice(
    found: Search,
    settings: TrackingSettings,
    proxy: fault_proxy.Proxy,
    local: TrackingSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each address loses its first answer, to a client that asks twice."""
    for name in ("FACTOR", "JITTER"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_BACKOFF_{name}", "0")
    seen = set()

    def lose(method: str, path: str, count: int) -> str | None:
        key = method, re.sub("[0-9a-f]{32}", "<id>", path)
        if key in seen:
            return None
        seen.add(key)
        return "lost"

    proxy.rule = lose
    opened = publish(found, settings)
    proxy.rule = None
    assert len(seen) > 20
    again = publish(found, settings)
    assert again == opened
    tracker = client(settings)
    assert len(content(settings, opened)) == len(tracker.search_runs([opened["experiment_id"]])) == 7
    assert len(tracker.search_logged_models([opened["experiment_id"]])) == 6
    assert len(tracker.search_model_versions(f"name='{settings.registered_model}'")) == 1
    assert comparable(content(settings, opened)) == comparable(content(local, publish(found, local)))


def test_a_slow_tracker_is_given_up(
    found: Search, settings: TrackingSettings, proxy: fault_proxy.Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    opened = search_run.publish_search(settings, **found.opening())
    for slow in ("/experiments/search", "/runs/create"):
        proxy.rule = lambda method, path, count, slow=slow: 3.0 if path.endswith(slow) else None
        assert "imed out" in refusal(settings, trial_run.publish_trial, opened, **found.arguments(0))
    proxy.rule = None
    # What came too late for the client still comes to the server.
    tracker = client(settings)
    wait_for(lambda: len(tracker.search_runs([opened["experiment_id"]])) == 2)
    trial_run.publish_trial(settings, opened, **found.arguments(0))
    assert sorted(content(settings, opened)) == ["squares", "squares 0000"]
    assert len(tracker.search_runs([opened["experiment_id"]])) == 2


NEW = re.compile(r"/mlflow/(logged-models.*|runs/(log-inputs|outputs)|registered-models/alias)$")


def test_a_tracker_older_than_mlflow_3_is_one_line_of_one_job(
    found: Search, settings: TrackingSettings, proxy: fault_proxy.Proxy
) -> None:
    proxy.rule = lambda method, path, count: "unknown" if NEW.search(path) else None
    with pytest.raises(UserError) as raised:
        search_run.publish_search(settings, **found.opening())
    line = str(raised.value)
    assert line.startswith(f"tracking.uri: {settings.uri} lacks an endpoint (")
    assert "/api/2.0/mlflow/logged-models/search" in line
    assert line.endswith("expected a server of MLflow 3 or newer")


def in_a_process(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=GUARD)


CONNECT = """
import sys
sys.path.insert(0, "scripts")
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import connection
try:
    connection.connect(TrackingSettings(uri=sys.argv[1]))
except UserError as error:
    print(error)
print([name for name in ("mlflow", "tensorflow", "keras", "boto3") if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("variables", "uri", "said"),
    [
        ({}, "http://127.0.0.1:9", "tracking.uri: http://127.0.0.1:9 cannot be reached"),
        (
            {"MLFLOW_S3_ENDPOINT_URL": "http://127.0.0.1:9"},
            "sqlite:///mlflow.db",
            "MLFLOW_S3_ENDPOINT_URL: http://127.0.0.1:9 cannot be reached",
        ),
    ],
)
def test_an_absent_server_is_found_out_before_mlflow_is_imported(
    variables: dict, uri: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    line, imported = in_a_process(CONNECT, uri).stdout.splitlines()
    assert line.startswith(said)
    assert imported == "[]"


PUBLISH_ALL = """
import json, sys
sys.path[:0] = ["scripts", "tests/support"]
from pathlib import Path
from published import Search
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import final_run, search_run, trial_run
folder, settings, search = sys.argv[1], TrackingSettings(**json.loads(sys.argv[2])), json.loads(sys.argv[3])
found = Search(Path(folder), "squares", search)
opened = search_run.publish_search(settings, **found.opening())
trial_run.publish_trial(settings, opened, **found.arguments(0))
print(final_run.publish_final(settings, opened, **found.final())["model_uri"])
print([name for name in ("tensorflow", "keras", "jax", "torch", "sklearn", "matplotlib") if name in sys.modules])
"""


def test_publishing_imports_no_framework(found: Search, local: TrackingSettings) -> None:
    ended = in_a_process(PUBLISH_ALL, str(found.folder), local.model_dump_json(), json.dumps(found.settings))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-2:] == ["models:/squares/1", "[]"]


def test_what_is_deleted_on_the_tracker_is_made_again_or_one_line(found: Search, settings: TrackingSettings) -> None:
    first = publish(found, settings)
    tracker = client(settings)
    runs = content(settings, first)
    tracker.delete_run(runs["squares 0001"]["info"][0])
    assert publish(found, settings) == first
    again = content(settings, first)
    assert list(again) == list(runs)
    assert comparable(again)["squares 0001"] == comparable(runs)["squares 0001"]

    tracker.delete_run(first["run_id"])
    gone = f"results/squares/tracking: the run of the search, {first['run_id']}, is no longer on the tracker; delete "
    for call, arguments in ((trial_run.publish_trial, found.arguments(0)), (final_run.publish_final, found.final())):
        with pytest.raises(UserError, match=f"^{gone}"):
            call(settings, first, **arguments)
    second = publish(found, settings)
    assert second["run_id"] != first["run_id"]
    version = tracker.get_model_version_by_alias(settings.registered_model, "champion")
    assert version.run_id == second["run_id"]


def test_a_deleted_experiment_is_one_line(found: Search, settings: TrackingSettings) -> None:
    opened = publish(found, settings, range(1), final=False)
    tracker = client(settings)
    tracker.delete_experiment(opened["experiment_id"])
    for call, arguments in ((trial_run.publish_trial, found.arguments(0)), (final_run.publish_final, found.final())):
        with pytest.raises(UserError, match="is no longer on the tracker"):
            call(settings, opened, **arguments)
    with pytest.raises(UserError, match=f"^tracking.experiment: {settings.experiment} is deleted on the tracker"):
        search_run.publish_search(settings, **found.opening())
    tracker.restore_experiment(opened["experiment_id"])
    assert publish(found, settings, range(1), final=False) == opened


def test_a_new_tracker_at_the_same_address_is_one_line(
    found: Search, local: TrackingSettings, empty_store: Path, tmp_path: Path
) -> None:
    opened = search_run.publish_search(local, **found.opening())
    # Connections that are open keep the old one.
    other = tracking(uri=f"sqlite:///{tmp_path}/other.db")
    shutil.copy(empty_store, tmp_path / "other.db")
    with pytest.raises(UserError, match="is no longer on the tracker; delete this folder to publish the search anew"):
        trial_run.publish_trial(other, opened, **found.arguments(0))


@pytest.mark.parametrize("name", ["it's", "'", "a \"b\" 'c'", "100% ü"])
def test_registered_models_may_have_any_name(found: Search, settings: TrackingSettings, name: str) -> None:
    settings = settings.model_copy(update={"registered_model": name, "models": "none"})
    opened = search_run.publish_search(settings, **found.opening())
    uris = [final_run.publish_final(settings, opened, **found.final())["model_uri"] for _ in range(2)]
    assert uris == [f"models:/{name}/1"] * 2


def test_a_name_that_is_a_prompt_s_is_one_line(found: Search, settings: TrackingSettings) -> None:
    client(settings).register_prompt("a_prompt", "say {{it}}")
    settings = settings.model_copy(update={"registered_model": "a_prompt"})
    opened = search_run.publish_search(settings, **found.opening())
    with pytest.raises(UserError, match="tracking.registered_model: a_prompt is on the tracker, but no model"):
        final_run.publish_final(settings, opened, **found.final())


def test_a_locked_database_is_waited_for(found: Search, local: TrackingSettings, tmp_path: Path) -> None:
    opened = search_run.publish_search(local, **found.opening())
    holder = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None, check_same_thread=False)
    holder.execute("begin exclusive")
    released = threading.Timer(1.5, holder.rollback)
    released.start()
    begin = time.monotonic()
    trial_run.publish_trial(local, opened, **found.arguments(0))
    assert time.monotonic() - begin > 1.0
    released.join()
    holder.close()
    assert sorted(content(local, opened)) == ["squares", "squares 0000"]


def test_a_database_that_cannot_be_opened_is_one_line(found: Search, tmp_path: Path) -> None:
    settings = tracking(uri=f"sqlite:///{tmp_path}")
    assert "unable to open database file" in refusal(settings, search_run.publish_search, **found.opening())


@pytest.mark.parametrize("action", [500, 403, "cut", "lost"])
def test_a_broken_s3_is_one_line(
    found: Search,
    large_settings: TrackingSettings,
    large: tuple[str, str, servers.S3],
    action: int | str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault_proxy.proxy(large[2].endpoint) as proxy:
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", proxy.uri)
        opened = search_run.publish_search(large_settings, **found.opening())
        proxy.rule = lambda method, path, count: action if path.endswith("model.keras") else None
        refusal(large_settings, trial_run.publish_trial, opened, **found.arguments(0))
        run = content(large_settings, opened)["squares 0000"]
        assert (run["info"][1], run["models"]) == ("RUNNING", [])
        proxy.rule, sent = None, len(proxy.requests)
        trial_run.publish_trial(large_settings, opened, **found.arguments(0))
        assert models_sent(proxy.requests[sent:]) == (action != "lost")
        run = content(large_settings, opened)["squares 0000"]
        assert (run["info"][1], len(run["models"])) == ("FINISHED", 1)
        assert len(client(large_settings).search_logged_models([opened["experiment_id"]])) == 1
