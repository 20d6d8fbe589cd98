import gzip
import io
import pickle
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from snakeras.core.errors import UserError
from snakeras.data import mnist


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Four small files that take the place of MNIST's, their digests included."""
    rng = np.random.default_rng(0)
    shapes = [(60, 28, 28), (60,), (10, 28, 28), (10,)]
    found = {
        name: mnist.to_idx(rng.integers(0, 10, shape, dtype=np.uint8))
        for name, shape in zip(mnist.FILES, shapes, strict=True)
    }
    monkeypatch.setattr(mnist, "SHA256", {name: mnist.hashlib.sha256(data).hexdigest() for name, data in found.items()})
    return found


def source_list(*sources: tuple) -> object:
    return lambda _named: list(sources)


def broken(_terminal: object) -> dict:
    raise OSError("no route to host")


@pytest.mark.parametrize("shape", [(3,), (2, 4), (2, 3, 5), (0,)])
def test_idx_round_trip(shape: tuple) -> None:
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(mnist.from_idx(mnist.to_idx(array)), array)


def test_idx_header_is_that_of_the_published_files() -> None:
    assert mnist.to_idx(np.zeros((60_000, 28, 28)))[:16].hex() == "00000803" + "0000ea60" + "0000001c" * 2


def test_other_data_is_no_idx() -> None:
    with pytest.raises(ValueError, match="no IDX"):
        mnist.from_idx(b"<html>")


def test_the_first_source_that_works_is_taken(digits: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "sources", source_list(("one", broken), ("two", lambda _: digits)))
    assert mnist.fetch(tmp_path) == "two"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == digits


def test_altered_digits_are_refused(digits: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = digits | {mnist.FILES[1]: digits[mnist.FILES[1]][:-1] + b"\x09\x09"}
    monkeypatch.setattr(mnist, "sources", source_list(("bad", lambda _: altered), ("worse", broken)))
    with pytest.raises(UserError) as raised:
        mnist.fetch(tmp_path)
    said = str(raised.value)
    assert "bad: train-labels-idx1-ubyte has SHA-256" in said
    assert "worse: no route to host" in said
    assert "\n" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_named_folder_comes_first_plain_or_gzipped(digits: dict, tmp_path: Path) -> None:
    named = tmp_path / "named"
    named.mkdir()
    for number, (name, data) in enumerate(digits.items()):
        if number % 2:
            (named / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (named / name.replace("-idx", ".idx")).write_bytes(data)
    assert mnist.fetch(tmp_path / "raw", str(named)) == f"the folder {named}"
    assert mnist.read(tmp_path / "raw")["x_train"].shape == (60, 28, 28)


def test_a_broken_raw_file_is_named_and_fetched_again(
    digits: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "sources", source_list(("here", lambda _: digits)))
    mnist.fetch(tmp_path)
    (tmp_path / mnist.FILES[2]).write_bytes(b"cut")
    with pytest.raises(UserError, match=mnist.FILES[2]):
        mnist.read(tmp_path)
    terminal = io.StringIO()
    assert mnist.read_or_fetch(tmp_path, terminal=terminal)["x_test"].shape == (10, 28, 28)
    assert mnist.FILES[2] in terminal.getvalue()


def wheel(folder: Path, content: object) -> Path:
    path = folder / "mnist.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mnist/data/mnist.pkl.gz", gzip.compress(pickle.dumps(content, protocol=2)))
    return path


def test_the_wheel_gives_the_original_bytes(digits: dict, tmp_path: Path) -> None:
    train_x, train_y, test_x, test_y = (mnist.from_idx(data) for data in digits.values())

    def part(x: np.ndarray, y: np.ndarray) -> tuple:
        return (x.reshape(len(x), -1) / np.float32(256)).astype(np.float32), y.astype(np.int64)

    content = (part(train_x[:50], train_y[:50]), part(train_x[50:], train_y[50:]), part(test_x, test_y))
    assert mnist.read_wheel(wheel(tmp_path, content)) == digits


class Evil:
    def __reduce__(self) -> tuple:
        return (print, ("this must never run",))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(pickle.UnpicklingError, match="only NumPy arrays"):
        mnist.read_wheel(wheel(tmp_path, Evil()))
    assert "never run" not in capsys.readouterr().out


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def answer(server: socket.socket, text: bytes) -> str:
    """Answer one request with ``text`` and then stay silent; returns the address."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(text)
            connection.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return "http://{}:{}/digits.gz".format(*server.getsockname())


def test_a_download_gives_the_bytes_and_draws_nothing_into_a_file(server: socket.socket) -> None:
    terminal = io.StringIO()
    assert mnist._download(answer(server, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), terminal) == b"abc"
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_silent_server_does_not_hold_a_download(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setattr(mnist, "TIMEOUT", 0.2)
    url, started = answer(server, text), time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        mnist._download(url, io.StringIO())
    assert time.monotonic() - started < 10


def test_an_error_of_the_server_is_one_line(
    server: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = answer(server, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.setattr(mnist, "sources", source_list(("there", lambda terminal: mnist._download(url, terminal))))
    terminal = io.StringIO()
    with pytest.raises(UserError, match="there: 404 Client Error: Not Found"):
        mnist.fetch(tmp_path, terminal=terminal)
    assert terminal.getvalue().startswith("MNIST cannot be had from there: 404")
    assert terminal.getvalue().count("\n") == 1


@pytest.mark.slow
def test_mnist_itself_can_be_fetched(tmp_path: Path) -> None:
    try:
        mnist.fetch(tmp_path)
    except UserError as error:
        # Without any network there is nothing to test; other bytes than MNIST's would be a failure.
        if "SHA-256" in str(error):
            raise
        pytest.skip(f"no source of MNIST is reached from here: {error}")
    found = mnist.read(tmp_path)
    assert {name: array.shape for name, array in found.items()} == {
        "x_train": (60_000, 28, 28),
        "y_train": (60_000,),
        "x_test": (10_000, 28, 28),
        "y_test": (10_000,),
    }
