import io
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from mflux_answers import ACCESS, ENV_VARS, SECRET, TOKEN, Server, complaint, env_vars
from snakeras.core import files
from snakeras.data import arrays
from snakeras.tracking import mflux

XML = {"Content-Type": "application/xml"}
NAME = "mnist-5k-0123456789abcdef"


@pytest.fixture
def manifest(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    random = np.random.default_rng(1)
    content = {}
    for part, n in (("train", 5), ("validation", 3), ("test", 2)):
        content[f"x_{part}"] = random.random((n, 4, 4, 1), dtype=np.float32)
        content[f"y_{part}"] = np.eye(10, dtype=np.float32)[:n]
    entries = arrays.write(tmp_path / "arrays", content)
    document = {"dataset": "mnist-5k", "folder": "arrays", "digest": "0123456789abcdef" * 4, "arrays": entries}
    files.write_json(tmp_path / "data.json", document)
    return tmp_path / "data.json", content


def put_dataset(manifest: Path) -> dict:
    terminal = io.StringIO()
    found = mflux.put_dataset(manifest, None, terminal)
    assert terminal.getvalue() == ""
    return found


def test_a_dataset_is_stored_once_and_comes_back_as_it_was(server: Server, manifest: tuple, monkeypatch, capfd) -> None:
    import boto3
    import mflux_ai
    from moto.server import ThreadedMotoServer

    with ExitStack() as stack:
        moto = ThreadedMotoServer("127.0.0.1", 0)
        moto.start()
        stack.callback(moto.stop)
        store = "http://{}:{}".format(*moto.get_host_and_port())
        server.gives(ENV_VARS, env_vars(server.host, store))
        mflux.connect(TOKEN, server.host)
        where = {"bucket": "datasets", "object": NAME, "digest": "0123456789abcdef" * 4}
        assert put_dataset(manifest[0]) == where

        back = mflux_ai.get_dataset(NAME)
        assert list(back) == list(manifest[1])
        for name, array in back.items():
            assert type(array) is np.ndarray
            np.testing.assert_array_equal(array, manifest[1][name])

        client = boto3.client("s3", endpoint_url=store, region_name="us-east-1")
        before = client.head_object(Bucket="datasets", Key=NAME)["LastModified"]
        with monkeypatch.context() as patch:
            patch.setattr("mflux_ai.core.put_dataset", lambda *_, **__: pytest.fail("uploaded again"))
            assert put_dataset(manifest[0]) == where
        assert client.head_object(Bucket="datasets", Key=NAME)["LastModified"] == before
        # One that was cut off is stored again.
        client.put_object(Bucket="datasets", Key=NAME, Body=b"")
        put_dataset(manifest[0])
        assert mflux_ai.get_dataset(NAME).keys() == manifest[1].keys()
        monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", store.replace("127.0.0.1", "localhost") + "/")
        assert put_dataset(manifest[0]) == where
    printed = capfd.readouterr()
    assert not [secret for secret in (TOKEN, SECRET) if secret in printed.out + printed.err]


def test_a_store_that_is_away_is_one_line_soon(server: Server, manifest: tuple, capfd) -> None:
    mflux.connect(TOKEN, server.host)
    # The time of imports is not meant.
    complaint(put_dataset, manifest[0])
    start = time.monotonic()
    text = complaint(put_dataset, manifest[0])
    assert time.monotonic() - start < 3
    assert text.startswith(f"tracking.mflux: http://127.0.0.1:1 did not take datasets/{NAME} (Could not connect to ")
    assert capfd.readouterr().out == ""


@pytest.fixture
def store(server: Server) -> Server:
    """An S3 with an empty bucket."""
    server.gives(ENV_VARS, env_vars(server.host, server.host))
    mflux.connect(TOKEN, server.host)
    server.answers["PUT /datasets"] = (200, {"ETag": "x"}, b"")
    return server


def error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>not\nfor {ACCESS}</Message></Error>".encode()


@pytest.mark.parametrize(
    "answers, said",
    [
        ({f"PUT /datasets/{NAME}": (400, XML, error("Unheard"))}, "(Unheard) when calling the PutObject operation"),
        ({f"PUT /datasets/{NAME}": (403, XML, error("AccessDenied"))}, "(AccessDenied) when calling the PutObject"),
        (
            {"PUT /datasets": (403, XML, error("AccessDenied"))},
            "(AccessDenied) when calling the CreateBucket operation",
        ),
        ({f"HEAD /datasets/{NAME}": (403, {}, b"")}, "(403) when calling the HeadObject operation: Forbidden"),
        (
            {f"PUT /datasets/{NAME}": (503, {}, b"")},
            "(503) when calling the PutObject operation (reached max retries: 1)",
        ),
        ({f"PUT /datasets/{NAME}": (418, {}, b"<html>no XML")}, "(418) when calling the PutObject operation"),
        ({f"PUT /datasets/{NAME}": (200, {"ETag": "x"}, b"")}, "(nothing arrived there)"),
        (
            {f"HEAD /datasets/{NAME}": (200, {"Content-Length": "9"}, b"<html>no!")},
            "(nothing arrived there)",
        ),
    ],
)
def test_a_store_that_refuses_is_one_line(store: Server, manifest: tuple, capfd, answers: dict, said: str) -> None:
    store.answers |= answers
    text = complaint(put_dataset, manifest[0])
    assert text.startswith(f"tracking.mflux: {store.host} did not take datasets/{NAME} (")
    assert said in text
    if XML in next(iter(answers.values())):
        assert "not for [secret]" in text
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("endpoint", ["nonsense", "http://", "http://a b", "http://127.0.0.1:99999"])
def test_a_store_without_an_address_is_one_line(store: Server, manifest: tuple, monkeypatch, endpoint: str) -> None:
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", endpoint)
    text = complaint(put_dataset, manifest[0])
    assert text.startswith(f"tracking.mflux: {endpoint} did not take datasets/{NAME} (")
