from pathlib import Path

import pytest
from mflux_answers import TOKEN, complaint
from snakeras.tracking import mflux, redaction


def written(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "token"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_a_token_is_taken_from_the_environment_else_from_its_file(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(redaction, "_more", set())
    file = written(tmp_path, f" {TOKEN}\n".encode())
    assert mflux.token(file, {"MFLUX_AI_TOKEN": "other-token"}) == "other-token"
    assert mflux.token(str(tmp_path / "missing"), {"MFLUX_AI_TOKEN": "other-token"}) == "other-token"
    assert mflux.token(file, {"MFLUX_AI_TOKEN": ""}) == TOKEN
    assert redaction.redacted(f"other-token {TOKEN}", {}) == f"{redaction.MARK} {redaction.MARK}"


def test_without_a_token_both_ways_to_give_it_are_named() -> None:
    text = complaint(mflux.token, None, {})
    assert "MFLUX_AI_TOKEN" in text
    assert "tracking.mflux_token_file" in text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_token_that_others_can_use_is_refused(mode: int, tmp_path: Path) -> None:
    file = written(tmp_path, TOKEN.encode(), mode)
    text = complaint(mflux.token, file, {})
    assert text == f"tracking.mflux_token_file: {file} can be used by others: found mode {mode:o}, expected 600"


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (f"{TOKEN} {TOKEN}".encode(), "without blanks"),
        (f"{TOKEN}\n{TOKEN}".encode(), "without blanks"),
        (f"{TOKEN}\x07".encode(), "printable ASCII"),
        (f"{TOKEN}ü".encode(), "printable ASCII"),
        (f"{TOKEN}ü".encode("latin-1"), "printable ASCII"),
        (b"Your_project_token_goes_here", "placeholder"),
    ],
)
def test_what_can_be_no_token_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    text = complaint(mflux.token, written(tmp_path, content), {})
    assert said in text
    assert text.startswith(f"tracking.mflux_token_file: {tmp_path / 'token'}")
    if content.strip():
        environment = {"MFLUX_AI_TOKEN": content.decode(errors="surrogateescape")}
        assert complaint(mflux.token, None, environment).startswith("MFLUX_AI_TOKEN: ")


def test_a_token_file_that_is_none_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        assert f"tracking.mflux_token_file: {path} is not there" in complaint(mflux.token, str(path), {})
