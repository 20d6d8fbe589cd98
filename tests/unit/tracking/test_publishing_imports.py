"""What publishing imports, and when."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from processes import GUARD
from published import Search
from snakeras.core.settings import TrackingSettings

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_environment")]

ROOT = Path(__file__).parents[3]


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
