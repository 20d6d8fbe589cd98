import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from published import MODEL
from snakeras.core import files
from snakeras.core.settings import JobSettings, Settings
from snakeras.process import child_process
from snakeras.search import run_trial, trial_records
from snakeras.workflow import training_job, trial_job

RUN = {"started": "2026-01-01T10:00:00+00:00", "finished": "2026-01-01T10:00:10+00:00"}


@pytest.fixture
def snakemake(tmp_path: Path, search: dict) -> SimpleNamespace:
    """The first of two attempts at trial 0."""
    (tmp_path / "model.py").write_text(MODEL)
    return SimpleNamespace(
        wildcards=SimpleNamespace(trial="0000"),
        input=SimpleNamespace(model=[str(tmp_path / "model.py")], data=[], warm_start=[]),
        output=SimpleNamespace(
            result=str(tmp_path / "0000.json"), run_record=str(tmp_path / "0000.run.json"), model=str(tmp_path / "0000")
        ),
        params=SimpleNamespace(
            search=search, data={"dataset": "model"}, job=JobSettings.of(Settings()).model_dump() | {"retries": 1}
        ),
        resources=SimpleNamespace(attempt=1),
    )


def run(
    snakemake: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    result: run_trial.TrialResult | None,
    death: child_process.Died | None = None,
) -> str:
    computation = training_job.Computation(result, death, RUN)
    monkeypatch.setattr(training_job, "compute", lambda *_arguments: computation)
    terminal = io.StringIO()
    trial_job.run(snakemake, terminal)
    return terminal.getvalue()


def test_the_record_is_written_last(snakemake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    write = files.write_json
    monkeypatch.setattr(files, "write_json", lambda path, document: (written.append(path.name), write(path, document)))
    record = run_trial.unfinished(0, 1337) | {"status": "completed", "loss": 0.5}
    said = run(snakemake, monkeypatch, run_trial.TrialResult(record, {}, ""))
    assert written == ["0000.run.json", "0000.json"]
    assert Path(snakemake.output.model).is_dir()
    expected = {"search": snakemake.params.search, "trial": 0}
    assert trial_records.read(Path(snakemake.output.result), expected)["loss"] == 0.5
    assert said == (
        "trial 0000 starts, one of 12\n"
        "trial 0000: loss 0.5; best so far loss 0.5 (trial 0000); 1 of 12 done; about 2 min left\n"
    )


def test_a_trial_that_died_is_tried_again_then_recorded(
    snakemake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    death = child_process.Died("the computing process ended with exit code 3")
    with pytest.raises(child_process.Died):
        run(snakemake, monkeypatch, None, death)
    assert not Path(snakemake.output.result).exists()
    snakemake.resources.attempt = 2
    said = run(snakemake, monkeypatch, None, death)
    record = trial_records.read(Path(snakemake.output.result), {"search": snakemake.params.search, "trial": 0})
    assert (record["status"], record["failure"]) == ("failed", str(death))
    assert record["hyperopt"]["result"] == {"status": "fail", "failure": str(death)}
    assert files.read_json(Path(snakemake.output.run_record)) == RUN
    assert "failed (the computing process ended with exit code 3)" in said


def test_a_trial_over_its_time_is_recorded_at_once_with_what_it_reported(
    snakemake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = run_trial.unfinished(0, 1337) | {"hyperparameters": {"x": 1.0}}
    run(snakemake, monkeypatch, None, child_process.TimedOut("timeout: too long", reported))
    record = trial_records.read(Path(snakemake.output.result))
    assert (record["hyperparameters"], record["failure"]) == ({"x": 1.0}, "timeout: too long")


def test_a_skipped_trial_starts_nothing(snakemake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run_trial.unfinished(0, 1337) | {"status": "completed", "loss": 0.5}
    run(snakemake, monkeypatch, run_trial.TrialResult(record, {}, ""))
    monkeypatch.setattr(training_job, "compute", lambda *_: pytest.fail("a skipped trial computes nothing"))
    folder, lines = Path(snakemake.output.result).parent, []
    snakemake.params.job |= {"stop": {"target": 0.5}, "max_evals": 3}
    for trial in ("0001", "0002"):
        snakemake.wildcards.trial = trial
        paths = {"result": f"{trial}.json", "run_record": f"{trial}.run.json", "model": trial}
        snakemake.output = SimpleNamespace(**{key: str(folder / path) for key, path in paths.items()})
        terminal = io.StringIO()
        trial_job.run(snakemake, terminal)
        lines.append(terminal.getvalue())
        assert list((folder / trial).iterdir()) == []
    reason = "target: loss 0.5 of trial 0000 reached search.stop.target, 0.5"
    assert lines == [
        f"trial 0001: skipped ({reason}); best so far loss 0.5 (trial 0000); 2 of 3 done (1 skipped)\n",
        "trial 0002: skipped; 3 of 3 done (2 skipped)\n",
    ]
    record = trial_records.read(folder / "0002.json", {"search": snakemake.params.search, "trial": 2})
    assert (record["status"], record["skipped"], record["failure"]) == ("skipped", reason, None)
    assert (record["loss"], record["epochs"], record["fits"], record["hyperparameters"]) == (None, 0, [], {})
    assert record["hyperopt"]["misc"]["vals"] == {}
    ran = files.read_json(folder / "0002.run.json")
    assert ran["device"] is None
    # A larger max_evals, or another rule, takes it as it is.
    expected = {key: record["determined_by"][key] for key in ("search", "data", "model")}
    assert len(trial_records.read_first(folder, 3, 1, expected)[0]) == 3
    # Even without a rule: nothing that runs looks back on a skipped trial.
    snakemake.params.job |= {"stop": None}
    snakemake.wildcards.trial = "0002"
    trial_job.run(snakemake, io.StringIO())
    assert trial_records.read(folder / "0002.json") == record
