import os
from contextlib import closing
from pathlib import Path

import pytest
from mflux_answers import ACCESS, ENV_VARS, SECRET, TOKEN, Server, complaint, env_vars
from snakeras.tracking import mflux, redaction


def test_the_tracker_is_sent_the_token_and_nobody_elses_password(server: Server, monkeypatch) -> None:
    from mlflow.utils import credentials

    monkeypatch.setattr(credentials, "_read_mlflow_creds_from_file", lambda: ("other", "from a file"))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "other")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "0ther-passw0rd")
    mflux.connect(TOKEN, server.host)
    found = credentials.get_default_host_creds(server.host)
    assert (found.username, found.password, found.token) == (None, None, TOKEN)
    assert "0ther" not in redaction.redacted("0ther-passw0rd")


def test_connecting_leaves_what_mlflow_needs_in_the_environment(server: Server, capfd) -> None:
    import mflux_ai.core
    import requests

    # One that init warns of, with the token in its warning.
    token = f"your_{TOKEN}"
    assert mflux.connect(token, f"{server.host}/") == os.environ["MLFLOW_TRACKING_URI"] == server.host
    assert os.environ["MLFLOW_S3_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert os.environ["AWS_ACCESS_KEY_ID"] == ACCESS
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert os.environ["MLFLOW_TRACKING_TOKEN"] == token
    [(path, headers)] = server.requests
    assert path == f"GET {ENV_VARS}"
    assert headers["Authorization"] == f"api-key {token}"
    assert mflux_ai.core.requests is requests
    assert redaction.redacted(f"{token} {ACCESS} {SECRET}", {}) == " ".join([redaction.MARK] * 3)
    assert capfd.readouterr() == ("", "")


def test_a_netrc_does_not_take_the_token_s_place(server: Server, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    mflux.connect(TOKEN, server.host)
    assert server.requests[0][1]["Authorization"] == f"api-key {TOKEN}"


def connecting(server: Server, capfd) -> str:
    """The complaint of a connection that fails without a trace."""
    before = dict(os.environ)
    text = complaint(mflux.connect, TOKEN, server.host)
    assert text.startswith(f"tracking.mflux: {server.host} ")
    assert dict(os.environ) == before
    assert capfd.readouterr() == ("", "")
    return text


@pytest.mark.parametrize(
    "status, body, said",
    [
        (204, b"", "does not know the token (status 204)"),
        (401, b"", "refused the token (status 401)"),
        (403, b"", "refused the token (status 403)"),
        (404, b"", "has no /api/env_vars/ (status 404)"),
        (406, b'"Invalid version"', "wants another version of the package mflux-ai than 0.7.0 (status 406)"),
        (400, TOKEN.encode(), "failed (status 400)"),
        (500, TOKEN.encode(), "failed (status 500)"),
        (200, f"<html>{TOKEN}</html>".encode(), "gave something else (text/html), expected a JSON object"),
        (200, b"", "gave something else (text/html), expected a JSON object"),
        (200, b'["list"]', "gave something else"),
        (200, b"null", "gave something else"),
        (200, b"[" * 100_000, "gave something else"),
    ],
)
def test_an_answer_that_is_none_is_one_line(server: Server, capfd, status: int, body: bytes, said: str) -> None:
    server.answers[f"GET {ENV_VARS}"] = (status, {"Content-Type": "text/html"}, body)
    assert said in connecting(server, capfd)


@pytest.mark.parametrize("value", [None, "", " ", 7, ["x"], "a\0b", "a\nb"])
@pytest.mark.parametrize("names", [mflux.FIELDS[:1], mflux.FIELDS[1:]])
def test_fields_that_are_no_texts_are_named(server: Server, capfd, names: list[str], value: object) -> None:
    server.gives(ENV_VARS, env_vars(server.host) | dict.fromkeys(names, value))
    assert connecting(server, capfd).endswith(f" gave no text for {', '.join(names)}")
    server.gives(ENV_VARS, {key: text for key, text in env_vars(server.host).items() if key not in names})
    assert connecting(server, capfd).endswith(f" gave no text for {', '.join(names)}")


def test_a_redirect_is_not_followed(server: Server, capfd) -> None:
    with closing(Server()) as other:
        server.answers[f"GET {ENV_VARS}"] = (302, {"Location": f"{other.host}/login?token={TOKEN}"}, b"")
        assert f"sends on to {other.host}/login, which is not given the token" in connecting(server, capfd)
        assert other.requests == []


def test_a_server_that_does_not_answer_is_given_up(server: Server, capfd, monkeypatch) -> None:
    monkeypatch.setattr(mflux, "TIMEOUT", 0.2)
    server.free.clear()
    assert connecting(server, capfd).endswith(" did not answer within 0.2 s")


def test_a_server_that_is_away_is_named(server: Server, capfd) -> None:
    server.close()
    assert connecting(server, capfd).endswith(" cannot be reached (ConnectionError)")


@pytest.mark.parametrize(
    "host",
    [
        "",
        "mflux.ai",
        "ftp://mflux.ai",
        "http://",
        "http://a:b",
        f"http://me:{TOKEN}@mflux.ai",
        "http://[",
        "http://a?b",
    ],
)
def test_what_is_no_address_of_a_server_is_named(server: Server, host: str) -> None:
    text = complaint(mflux.connect, TOKEN, host)
    assert f"tracking.mflux: {host.rpartition('@')[2]!r} is no address of a server" in text
