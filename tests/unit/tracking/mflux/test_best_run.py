import pytest
from mflux_answers import TOKEN, Server, complaint
from snakeras.tracking import mflux

BEST_RUN = "/api/best_run_by_model_group/best_run/?model_group_name="
RUN = {"info": {"run_id": "abc", "experiment_id": "1", "status": "FINISHED", "start_time": 1}, "data": {}}


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
