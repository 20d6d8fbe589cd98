"""The job of the final model: computed by a child process, its files written here."""

from pathlib import Path
from typing import TextIO

from snakeras.core import files
from snakeras.core.settings import JobSettings
from snakeras.final import retraining
from snakeras.workflow import mistakes, training_job


def run(snakemake: object, terminal: TextIO) -> None:
    """Retrain the best trial's model, or average the members of an ensemble; test it and write its files.

    Raises:
        UserError: When it fails.
    """
    output, whose = snakemake.output, JobSettings(**snakemake.params.job).whose
    arguments = {
        "best": snakemake.input.winner,
        "sources": list(snakemake.input.model),
        "final": snakemake.params.final,
        "test_function": snakemake.params.test_function,
        "folder": output.folder,
        "mistakes": output.mistakes,
    }
    members = [path for path in map(Path, snakemake.input.members) if path.suffix == ".json"]
    doing = "retraining with the best hyperparameters, then testing it"
    if members:
        doing = f"averaging the models of {len(members)} members, then testing it and each"
    with mistakes.said_once(Path(output.folder).parent, snakemake):
        print(f"{whose}{doing}", file=terminal)
        computation = training_job.compute(snakemake, terminal, retraining.retrain, arguments | {"members": members})
    if computation.death:
        raise computation.death
    files.write_json(Path(output.run_record), computation.run_record)
    files.write_json(Path(output.example), computation.result.example)
    files.write_text(Path(output.layers), computation.result.layers)
    files.write_json(Path(output.metrics), computation.result.metrics)
