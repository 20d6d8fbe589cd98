"""Publishing to a real server, by way of all that can go wrong there."""

import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import fault_proxy
import published
import pytest
import servers
from fault_proxy import models_sent
from processes import wait_for
from published import Search, comparable, tracking
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import connection, final_run, search_run, trial_run
from test_publishing import client, content, publish, refusal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_environment")]


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
