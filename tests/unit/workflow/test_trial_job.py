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


def test_a_trial_that_the_stop_rule_skips_starts_no_process(
    snakemake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = run_trial.unfinished(0, 1337) | {"status": "completed", "loss": 0.5}
    run(snakemake, monkeypatch, run_trial.TrialResult(record, {}, ""))
    before = Path(snakemake.output.result)
    snakemake.wildcards.trial = "0001"
    for name, ending in {"result": ".json", "run_record": ".run.json", "model": ""}.items():
        setattr(snakemake.output, name, str(before.with_name(f"0001{ending}")))
    snakemake.params.job["stop"] = {"target": 0.6, "monitor": "auto", "mode": "auto"}
    monkeypatch.setattr(training_job, "compute", None)
    terminal = io.StringIO()
    trial_job.run(snakemake, terminal)
    made = trial_records.read(Path(snakemake.output.result), {"trial": 1})
    reason = "target: loss 0.5 of trial 0000 reached search.stop.target, 0.6"
    assert (made["status"], made["skipped"], made["loss"], made["epochs"]) == ("skipped", reason, None, 0)
    assert list(Path(snakemake.output.model).iterdir()) == []
    assert terminal.getvalue().startswith(f"trial 0001: skipped ({reason}); best so far loss 0.5 (trial 0000); 2 of 12")
