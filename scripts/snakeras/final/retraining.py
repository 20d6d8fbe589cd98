"""The final model: the best hyperparameters trained again on all training data, then tested once."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import numpy as np

from snakeras.core import files, seeds
from snakeras.core.errors import UserError
from snakeras.core.settings import FinalSettings, TrialSettings
from snakeras.data import datasets
from snakeras.final import ensemble, final_model, held_out
from snakeras.model_file import kept_models, loader, mlflow_capture, opened_files, parser
from snakeras.search import fit_hook


def retrain(
    best: Path,
    sources: list[Path],
    search: TrialSettings,
    final: FinalSettings,
    manifest: Path | None,
    mnist_folder: str | None,
    folder: Path,
    mistakes: Path,
    test_function: str | None = None,
    members: tuple[Path, ...] = (),
) -> final_model.FinalResult:
    """Train the best trial's model function again in this process, with its hyperparameters fixed, and test it.

    The model function gets the training images (with ``train_on: all`` also those held out for the search) and, as
    its test arrays, the held-out ones. It never gets the test images. It starts from the seed of the best trial.
    A model file with its own data is tested on what its function ``test_data`` returns, else by ``held_out.find``.
    Where there are members of an ensemble, nothing is trained: their models are averaged, and each is tested too.

    Args:
        best, manifest: ``winner.json``, and the manifest of the prepared arrays (None: the file's own data function).
        sources, mnist_folder: As for ``run_trial.run``.
        folder, mistakes: As for ``final_model.conclude``.
        test_function: Another name of the function ``test_data``.
        members: As for ``ensemble.read``.

    Raises:
        UserError: When the test function fails, or the model function before or in its last fit; as ``ensemble.read``
            and ``ensemble.averaged``.
    """
    named = search.model_function, search.data_function, test_function
    script = parser.read(sources[0], manifest is None, *named, for_test=True)
    winner, notes = files.read_json(best), io.StringIO()
    averaged = ensemble.read(members, notes)
    arrays, test = None, None
    if manifest:
        arrays, test = prepared(manifest, final.train_on, mnist_folder, notes, for_test=True)
    with loaded(script, arrays, search, mnist_folder) as (model_file, opened):
        test = test or returned_test(model_file, search.seed)  # before the training, lest that be lost
        if averaged:
            test = test or held_out.kept([member.folder for member in averaged if not member.failure])
            network, described = ensemble.averaged(averaged, model_file, test)
            made, ran = {"members": described}, {}
        else:
            network, loss, fits = trained(model_file, winner, final.epochs)
            made, ran = {"loss": loss, "fits": fits.as_json()["fits"]}, {"epochs_ended": fits.ended}
            if test is None and network is not None:
                test = found_test(model_file, fits)
    known = {
        "loss": None,
        "trial": winner["trial"],
        "hyperparameters": winner["hyperparameters"],
        "train_on": final.train_on if manifest else "train",
        "fits": [],  # each member has its own
    } | made
    if files_read := opened.digests(sources, script.strings):
        known["files"] = files_read
    result = final_model.conclude(network, test, model_file, folder, mistakes, known)
    return replace(result, run=result.run | ran, notes=notes.getvalue())


@contextmanager
def loaded(
    script: parser.HyperasScript,
    arrays: tuple[np.ndarray, ...] | None,
    search: TrialSettings,
    mnist_folder: str | None,
) -> Iterator[tuple[loader.Loaded, opened_files.OpenedFiles]]:
    """Yield a model file with all its data, and the record of the files that it reads; as ``loader.loaded``."""
    # train_samples makes the search cheaper; the final model gets all there is, and so do those that stand for it.
    search = search.model_copy(update={"train_samples": None})
    with (
        tempfile.TemporaryDirectory(prefix="snakeras-") as logged,
        mlflow_capture.capture_runs(Path(logged)),  # which is kept for the search's trials only
        opened_files.recorded() as opened,
        loader.loaded(script, arrays, search, mnist_folder) as model_file,
    ):
        yield model_file, opened


def trained(
    model_file: loader.Loaded, winner: dict, epochs: int | None
) -> tuple[object | None, float | None, fit_hook.Fits]:
    """Call the model function with the hyperparameters of the best trial, by ``winner.json``.

    Return the model (None if there is none to keep), the loss (None if the function failed after its last fit) and the
    fits. What the function does to the model after its last ``fit`` is undone, but a model that it returns is
    taken as it is.
    """
    script = model_file.script
    point = model_file.point(winner["point"])
    seeds.seed_everything(winner["seed"])
    loss, returned = None, None
    with fit_hook.recorded(epochs, is_final=True) as fits:
        try:
            result = loader.checked(model_file.function(point))
            loss, returned = result["loss"], kept_models.returned(result)
        except (Exception, SystemExit) as error:
            reason = fits.reason(loader.explained(script, error))
            if not fits.calls or not fits.calls[-1].finished:
                raise loader.failure(script, "the model function", error, reason) from error
            # A script may index its curves by its own number of epochs, for example.
            print(f"ignored, after the last fit: {reason}")
    if returned is not None:
        return returned, loss, fits
    if fits.model is not None:
        fits.model.set_weights(fits.weights)
    return fits.model, loss, fits


def prepared(
    manifest: Path, train_on: str, mnist_folder: str | None, notes: TextIO, *, for_test: bool = False
) -> tuple[tuple[np.ndarray, ...], held_out.HeldOut | None]:
    """Return the model function's arrays and those of the test, if these are wanted."""
    parts = ["train", "validation", *(["test"] if for_test else [])]
    mapped, _ = datasets.read(manifest, *parts, named=mnist_folder, terminal=notes)
    x, y, *validation = (mapped[name] for name in ("x_train", "y_train", "x_validation", "y_validation"))
    if train_on == "all":
        x, y = np.concatenate([x, validation[0]]), np.concatenate([y, validation[1]])
    return (x, y, *validation), held_out.HeldOut(mapped["x_test"], mapped["y_test"], seen=False) if for_test else None


def returned_test(loaded: loader.Loaded, seed: int) -> held_out.HeldOut | None:
    """Return what the file's test function returns; None if it has none. Raise UserError if it fails."""
    script = loaded.script
    if script.test is None:
        return None
    # As for the data function: both may split the same data at random.
    seeds.seed_everything(seeds.of_data(seed))
    try:
        x, y = getattr(loaded.module, script.test)()
    except (Exception, SystemExit) as error:
        reason = f"{loader.explained(script, error)}{loader.at(script, error)}"
        raise UserError(
            f"{script.path}: {script.test}() failed: {reason}; expected it to take no arguments and to return inputs "
            "and targets"
        ) from error
    return held_out.HeldOut(x, y, seen=False)


def found_test(loaded: loader.Loaded, fits: fit_hook.Fits) -> held_out.HeldOut | str:
    """Return what the run of the model function tells of its test arrays, or why that is nothing."""
    given = {name: getattr(loaded.module, name) for name in loaded.script.parameters if hasattr(loaded.module, name)}
    try:
        return held_out.find(given, fits)
    except ValueError as error:
        return str(error)
