"""An ensemble: the models of several trainings, averaged into one that is tested like any other final model."""

import io
import math
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import FinalSettings, TrialSettings
from snakeras.final import average, final_model, held_out, retraining
from snakeras.model_file import kept_models, loader, mlflow_capture, opened_files, parser
from snakeras.search import trial_records

# What metrics.json says of each member: of its training, then of its test.
TRAINED = ("trial", "number", "seed", "hyperparameters", "loss", "val_accuracy", "fits")
TESTED = ("parameters", "test_loss", "test_metrics", "test_accuracy", "test_accuracy_interval", "outputs", "not_tested")


@dataclass(frozen=True)
class Member:
    """One training whose model may be averaged."""

    record: dict
    folder: Path  # of its model

    @property
    def name(self) -> str:
        """For lines and layers, such as ``0003_1``: its trial and its seed."""
        return self.folder.name

    @property
    def failure(self) -> str | None:
        """Why there is no model to average; None if there is."""
        loss = self.record["loss"]
        if self.record["failure"]:
            return trial_records.reason(self.record)
        if loss is not None and not math.isfinite(trial_records.decode(loss)):
            return f"its loss is {trial_records.decode(loss)}"
        return None if kept_models.find(self.folder) else "it gave no model to keep"


def make(
    best: Path,
    members: list[Path],
    sources: list[Path],
    search: TrialSettings,
    final: FinalSettings,
    manifest: Path | None,
    mnist_folder: str | None,
    folder: Path,
    mistakes: Path,
    test_function: str | None = None,
) -> final_model.FinalResult:
    """Average the members' models into one, save it, and test it and each of them.

    Args:
        members: The members' JSON files, the best trial's first; their models are in folders beside them.
        best, manifest, sources, mnist_folder, folder, mistakes, test_function: As for ``retraining.retrain``.

    Raises:
        UserError: When the test function fails, no member has a model, or the models cannot be averaged.
    """
    script = parser.read(
        sources[0], manifest is None, search.model_function, search.data_function, test_function, for_test=True
    )
    winner, notes = files.read_json(best), io.StringIO()
    found = [Member(trial_records.read(path), path.with_suffix("")) for path in members]
    whole = [member for member in found if not member.failure]
    for member in found:
        if member.failure:
            notes.write(f"member {member.name} is left out: {member.failure}\n")
    if not whole:
        raise UserError(f"final.ensemble: all {len(found)} members failed, the first: {found[0].failure}")
    arrays, test = None, None
    if manifest:
        arrays, test = retraining.prepared(manifest, final.train_on, mnist_folder, notes, for_test=True)
    with (
        tempfile.TemporaryDirectory(prefix="snakeras-") as logged,
        mlflow_capture.capture_runs(Path(logged)),  # which is kept for the search's trials only
        opened_files.recorded() as opened,
        loader.loaded(script, arrays, search, mnist_folder) as model_file,
    ):
        test = test or retraining.returned_test(model_file, search.seed) or held_out.kept([one.folder for one in whole])
        with kept_models.known(vars(model_file.module)):
            models = {member.name: kept_models.load(member.folder) for member in whole}
            # Each by itself, before the average changes their names.
            tests = {name: final_model.tested(one, test, None)[0] for name, one in models.items()}
            model = average.of(models)
    known = {
        "trial": winner["trial"],
        "hyperparameters": winner["hyperparameters"],
        "train_on": final.train_on if manifest else "train",
        "fits": [],  # each member has its own
        "members": [_described(member, tests.get(member.name)) for member in found],
    }
    if files_read := opened.digests(sources, script.strings):
        known["files"] = files_read
    result = final_model.conclude(model, test, model_file, folder, mistakes, known)
    return replace(result, notes=notes.getvalue())


def _described(member: Member, test: dict | None) -> dict:
    """Return what metrics.json says of a member: its training, and its test or why it was left out."""
    trained = {key: member.record[key] for key in TRAINED}
    if test is None:
        return trained | {"failure": member.failure}
    return trained | {key: test[key] for key in TESTED if key in test}
