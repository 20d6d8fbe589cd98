from pathlib import Path
from types import SimpleNamespace

import pytest
from snakeras.core.errors import Mistake, SaidBefore, UserError
from snakeras.workflow import mistakes

RESULTS = Path("results/mine")


@pytest.fixture(autouse=True)
def snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.chdir(tmp_path)
    Path("0000.log").write_text("a traceback\n")
    return SimpleNamespace(log=["0000.log"])


def test_a_mistake_is_said_once(snakemake: SimpleNamespace, capsys: pytest.CaptureFixture) -> None:
    # Both have begun before either met it.
    with pytest.raises(Mistake) as first, mistakes.said_once(RESULTS, snakemake):
        with pytest.raises(SaidBefore, match="line 3"), mistakes.said_once(RESULTS, snakemake):
            with pytest.raises(Mistake) as said, mistakes.said_once(RESULTS, snakemake):
                raise Mistake("line 3")
            assert said.type is Mistake
            raise Mistake("line 3")
        raise Mistake("line 4")
    assert first.type is Mistake

    # None that comes later begins; its log has what the first one's had.
    with pytest.raises(SaidBefore, match="not started again"), mistakes.said_once(RESULTS, snakemake):
        raise AssertionError("begun")
    assert "a traceback\nline " in capsys.readouterr().out

    # Another search does, and so does the next run of this one.
    with mistakes.said_once(Path("results/other"), snakemake):
        pass
    mistakes.forget("mine")
    with mistakes.said_once(RESULTS, snakemake):
        pass


def test_what_may_pass_is_said_each_time(snakemake: SimpleNamespace) -> None:
    for _ in range(2):
        with pytest.raises(UserError) as raised, mistakes.said_once(RESULTS, snakemake):
            raise UserError("no network")
        assert raised.type is UserError
