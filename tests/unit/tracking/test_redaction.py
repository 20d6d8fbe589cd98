import base64
import logging
import sys

import pytest
from snakeras.core.errors import UserError
from snakeras.tracking import redaction


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "pa/ss word")
    monkeypatch.setenv("MFLUX_AI_TOKEN", "t0ken")
    monkeypatch.setattr(redaction, "_more", set())
    return "pa/ss word"


def test_secrets_in_every_spelling_are_marked(planted: str) -> None:
    redaction.keep_secret("from a file")
    basic = base64.b64encode(f"me:{planted}".encode()).decode()
    text = f"{planted} pa%2Fss%20word {basic} t0ken from a file, but not this"
    assert redaction.redacted(text) == "[secret] [secret] [secret] [secret] [secret], but not this"


def test_what_is_printed_or_logged_inside_the_block_is_redacted(planted: str, capsys: pytest.CaptureFixture) -> None:
    logger = logging.getLogger("redacted")
    with redaction.redacting():
        handler = logging.StreamHandler(sys.stderr)
        logger.addHandler(handler)
        print("to", "t0", end="")
        print("ken")
        print(planted, file=sys.stderr)
        logger.warning("header %s", planted)
    logger.removeHandler(handler)
    printed = capsys.readouterr()
    assert printed.out == "to [secret]\n"
    assert printed.err == "[secret]\nheader [secret]\n"


def test_errors_are_one_redacted_line(planted: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(UserError, match=r"^tracking.uri: \[secret\] refused$"), redaction.redacting():
        raise UserError(f"tracking.uri: {planted} refused")
    with pytest.raises(UserError) as raised, redaction.redacting():
        raise ValueError(f"no\n{planted}")
    assert str(raised.value) == "ValueError: no [secret] (a traceback is in the log)"
    # Nor by way of the error that it came from.
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert planted not in said


def test_short_values_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_more", set())
    assert redaction.redacted("a b c", {"MLFLOW_TRACKING_PASSWORD": "b"}) == "a b c"
