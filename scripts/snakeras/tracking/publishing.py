"""Publishing a search to MLflow: a run for the search, below it one for each trial, and the final model.

Everything is found again by tags with digests, so that publishing twice, from any number of processes, changes nothing,
and that what was cut off is gone on with. Files are all that is read: no trial knows of a tracker.
"""

import datetime
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from snakeras.core import files
from snakeras.core.errors import UserError, flat
from snakeras.search import provenance, trial_records
from snakeras.tracking import connection, keras_model, script_runs, trial_runs, uploads
from snakeras.tracking.redaction import redacted

# Tags by which runs and versions of models are found again.
SEARCH, TRIAL, CONTENT, FINALS = "snakeras.search_digest", "snakeras.digest", "snakeras.content", "snakeras.finals"
PARENT = "mlflow.parentRunId"
MODEL = "model"  # what a run's trained model is called in it
CHAMPION = "champion"
# Of config["search"]: what a run of a search shows.
SETTINGS = ("algo", "startup_trials", "parallelism", "seed", "epochs", "train_samples", "threads", "precision")
# MLflow's limits for one call.
METRICS, VALUES = 1000, 100
LONGEST_DIGEST = 36


def open_search(
    settings: dict,
    token_file: str | None,
    name: str,
    sources: list[Path],
    search: dict,
    data: dict,
    manifest: Path | None,
    config: dict,
    trials: Path,
    began: float,
) -> dict:
    """Make the run of a search, or find it.

    Parameters
    ----------
    settings, token_file
        As for ``trackers.connect``.
    name
        Of the search.
    sources, search, data, manifest
        As for ``provenance.determined_by``: a search that finds something else is another search.
    config
        The whole configuration, kept with the run.
    trials
        Folder of the trials: the run of the search starts with the first.
    began
        When this call of the workflow did, in seconds since 1970: before its trials.

    Returns
    -------
    dict
        ``tracking_uri``, ``experiment_id`` and ``run_id``, as the other functions take it for ``opened``.

    Raises
    ------
    UserError
        When the tracker cannot be reached or refuses.
    """
    digest = files.sha256_of([name, provenance.determined_by(sources, search, data, manifest)])
    client = connection.connect(settings, token_file)
    with connection.explained(settings), connection.locked(client.tracking_uri, digest):
        experiment_id = _experiment(client, settings["experiment"])
        own = {SEARCH: digest}
        run_id = _run(client, experiment_id, name, own, own, _start(trials, search["parallelism"], began))
        tags = {
            "snakeras.search": name,
            "snakeras.model": str(sources[0]),
            "snakeras.status": "search",
            "mlflow.source.name": str(sources[0]),
            "mlflow.note.content": f"Hyperas search {name}: the model {sources[0]}. Its trials are the runs below.",
        }
        parameters = {key: str(search[key]) for key in SETTINGS if search[key] is not None}
        _log(client, run_id, parameters=parameters, tags=tags)
        _log_text(client, run_id, config, "config.json")
        return {"tracking_uri": redacted(client.tracking_uri), "experiment_id": experiment_id, "run_id": run_id}


def publish_trial(
    settings: dict,
    token_file: str | None,
    opened: dict,
    name: str,
    document: Path,
    happened: Path,
    folder: Path,
    manifest: Path | None,
) -> dict:
    """Publish a trial as one run.

    Parameters
    ----------
    settings, token_file, opened, name
        As for ``open_search``, and what it returned.
    document, happened, folder
        The trial's two JSON files and its folder with ``model.keras`` and what the script logged.
    manifest
        Of the prepared arrays; None where the script has its own data function.

    Returns
    -------
    dict
        ``run_id``, and ``model_id`` (None without a model).

    Raises
    ------
    UserError
        When the tracker cannot be reached or refuses.
    """
    said, ran = trial_records.read(document), files.read_json(happened)
    client = connection.connect(settings, token_file)
    with connection.explained(settings), connection.locked(client.tracking_uri, said["digest"]):
        _search_run(client, opened, name)
        run = trial_runs.of_trial(name, said, ran)
        run_id = _trial_run(client, opened, said, ran, run)
        _log(client, run_id, run.metrics, run.parameters, run.tags)
        with _if_known():
            _log_dataset(client, run_id, _dataset(said, ran, manifest))
        client.log_artifact(run_id, str(document))
        keys, values = {key for key, *_ in run.metrics}, run.tags | run.parameters
        script_runs.publish(client, opened["experiment_id"], run_id, folder, keys, values, [document.name])
        model_id = None
        if settings["models"] == "all":
            model_id = _log_trial_model(client, opened, run_id, said, ran, folder)
        client.set_terminated(run_id, run.status, run.end)
        return {"run_id": run_id, "model_id": model_id}


def publish_final(
    settings: dict,
    token_file: str | None,
    opened: dict,
    name: str,
    best: Path,
    table: Path,
    metrics: Path,
    model: Path,
    example: Path,
    happened: Path,
    trials: Path,
    manifest: Path | None,
    config: dict,
) -> dict:
    """Publish what a search found into its run, and register the final model.

    Parameters
    ----------
    settings, token_file, opened, name, config
        As for ``open_search``, and what it returned.
    best, table, metrics, model, example, happened
        Paths of ``best.json``, ``trials.csv`` and the files of the final model.
    trials
        Folder of the trials, of which the best may have its model published.
    manifest
        As for ``publish_trial``.

    Returns
    -------
    dict
        ``run_id``; ``model_id`` and ``model_uri`` (None without a model); ``best_run_id``, of the best trial.

    Raises
    ------
    UserError
        When the tracker cannot be reached or refuses.
    """
    winner, found, ran = files.read_json(best), files.read_json(metrics), files.read_json(happened)
    digest = files.sha256_of([files.sha256_of_file(path) for path in (model, metrics, best)])
    number = trial_records.name(winner["trial"])
    client = connection.connect(settings, token_file)
    with connection.explained(settings), connection.locked(client.tracking_uri, opened["run_id"]):
        run_id, experiment_id = opened["run_id"], opened["experiment_id"]
        finals = _search_run(client, opened, name).data.tags.get(FINALS, "").split()
        if digest not in finals:
            finals.append(digest)
        # A search may come to a new final model: metrics of the old one cannot be taken back.
        which = finals.index(digest)
        end = trial_runs.milliseconds(ran["finished"])
        once = {
            "test_accuracy": found["test_accuracy"],
            "test_loss": found["test_loss"],
            "final_objective": found["loss"],
            "best_val_acc": winner["val_accuracy"],
            "best_objective": winner["loss"],
        }
        points = [(key, float(value), end, which) for key, value in once.items() if value is not None]
        prefix = f"final {which + 1}/" if which else "final/"
        points += trial_runs.curves(found["fits"], ran.get("epochs_ended", []), end, prefix)
        tags = trial_runs.described(trial_runs.hyperparameters(winner["hyperparameters"])) | {
            "snakeras.best_trial": str(winner["trial"]),
            "snakeras.status": "completed",
            FINALS: " ".join(finals),
            **trial_runs.commit(ran),
        }
        _log(client, run_id, points, tags=tags)
        for path in (best, table, metrics):
            client.log_artifact(run_id, str(path))
        _log_text(client, run_id, config, "config.json")
        model_id = uri = None
        # A script may train no model.
        if found["model"]:
            packages = winner["provenance"]["packages"]
            told = files.read_json(example) if example.read_text().strip() != "null" else None
            # Old trackers keep models by their names.
            called = f"{MODEL}-{which + 1}" if which else MODEL
            model_id = _log_model(client, experiment_id, run_id, model, packages, end, told, digest, called)
            uri = _registered(client, settings["registered_model"] or name, model_id, run_id, called, digest)
        client.set_terminated(run_id, "FINISHED", end)

    best_run = publish_best(settings, token_file, opened, name, trials, number, manifest)
    return {"run_id": run_id, "model_id": model_id, "model_uri": uri, "best_run_id": best_run}


def publish_best(
    settings: dict, token_file: str | None, opened: dict, name: str, trials: Path, number: str, manifest: Path | None
) -> str:
    """See that the best trial has its run, and its model there if ``settings`` want it; returns the run's id."""
    document, happened, folder = trials / f"{number}.json", trials / f"{number}.run.json", trials / number
    wanted = settings | {"models": "none" if settings["models"] == "none" else "all"}
    return publish_trial(wanted, token_file, opened, name, document, happened, folder, manifest)["run_id"]


def _experiment(client: object, name: str) -> str:
    """The id of an experiment, made if need be."""

    def find() -> str | None:
        found = client.get_experiment_by_name(name)
        if found and found.lifecycle_stage == "deleted":
            raise UserError(
                f"tracking.experiment: {name} is deleted on the tracker, expected one that is not; restore it (mlflow "
                f"experiments restore -x {found.experiment_id}) or name another"
            )
        if found and (lost := _lost_artifacts(client.tracking_uri, found.artifact_location)):
            raise UserError(
                f"tracking.uri: {client.tracking_uri} has its artifacts in {lost}, which is not there: MLflow keeps "
                "their addresses, so a folder that was moved has to be published anew; delete the database, then give "
                "snakemake --forcerun publish_search"
            )
        return found.experiment_id if found else None

    # Also someone else may be faster.
    return connection.made_once(
        find, lambda: client.create_experiment(name, _artifacts_beside(client.tracking_uri, name))
    )


def _start(trials: Path, parallelism: int, began: float) -> int:
    """When a search started, in milliseconds since 1970: one of the trials that wait for none was the first."""
    paths = [trials / f"{trial_records.name(trial)}.run.json" for trial in range(parallelism)]
    starts = [trial_runs.milliseconds(files.read_json(path)["started"]) for path in paths if path.exists()]
    # A moment before it, so that a list by time has the search first.
    return min([round(1000 * began), *(start - 1 for start in starts)])


def _artifacts_beside(uri: str, experiment: str) -> str | None:
    """Where an SQLite database has its artifacts: beside it, wherever the client is. None leaves it to the tracker."""
    database = uri.removeprefix("sqlite:///")
    if database == uri:
        return None
    folder = Path(database.partition("?")[0]).absolute().parent / "mlruns" / quote(experiment, safe=" ")
    return folder.as_uri()


def _lost_artifacts(uri: str, location: str) -> Path | None:
    """The folder with the artifacts of an SQLite database, if it lies elsewhere than the database and is gone."""
    beside = _artifacts_beside(uri, "")
    if beside is None or urlsplit(location).scheme not in ("", "file"):
        return None
    own, folder = (Path(unquote(urlsplit(address).path)) for address in (beside, location))
    return None if folder.is_relative_to(own) or folder.exists() else folder


def _found(client: object, experiment_id: str, tags: dict[str, str]) -> str | None:
    """The id of the run with these tags. Should two machines have made one each at the same moment, one goes."""
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    runs = sorted(client.search_runs([experiment_id], wanted), key=lambda run: run.info.run_id)
    for run in runs[1:]:
        client.delete_run(run.info.run_id)
    return runs[0].info.run_id if runs else None


def _run(
    client: object, experiment_id: str, name: str, own: dict[str, str], tags: dict[str, str], start: int | None
) -> str:
    """The id of the run that is found by ``own`` tags, made with these ``tags`` if need be."""
    source = {"mlflow.user": _user(), "mlflow.source.type": "PROJECT"}
    return connection.made_once(
        lambda: _found(client, experiment_id, own),
        lambda: client.create_run(experiment_id, start, tags=source | tags, run_name=name).info.run_id,
    )


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    # No name for this number, as in some containers.
    except (KeyError, OSError):
        return str(os.getuid())


def _search_run(client: object, opened: dict, name: str) -> object:
    """The run of a search, which someone may have deleted since it was opened, or its experiment, or the database."""
    from mlflow.exceptions import MlflowException

    run = None
    try:
        run = client.get_run(opened["run_id"])
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    if run is None or run.info.lifecycle_stage == "deleted":
        raise UserError(
            f"results/{name}/tracking: the run of the search, {opened['run_id']}, is no more on the tracker; delete "
            "this folder to publish the search anew"
        )
    return run


def _trial_run(client: object, opened: dict, document: dict, happened: dict, run: trial_runs.Run) -> str:
    """The id of a trial's run, found or made. One of the same trial run at another time goes, since metrics stay."""
    own = {TRIAL: document["digest"], PARENT: opened["run_id"]}
    content = files.sha256_of([document["checksum"], happened])
    run_id = _found(client, opened["experiment_id"], own)
    if run_id and client.get_run(run_id).data.tags.get(CONTENT) != content:
        client.delete_run(run_id)
        run_id = None
    if run_id:
        return run_id
    tags = own | {CONTENT: content}
    return _run(client, opened["experiment_id"], run.name, tags, tags, run.start)


def _log_trial_model(
    client: object, opened: dict, run_id: str, document: dict, happened: dict, folder: Path
) -> str | None:
    model = folder / keras_model.MODEL_FILE
    if not model.is_file():
        return None
    packages = document["determined_by"]["packages"]
    created = trial_runs.milliseconds(happened["finished"])
    return _log_model(client, opened["experiment_id"], run_id, model, packages, created)


def _log_model(
    client: object,
    experiment_id: str,
    run_id: str,
    model: Path,
    packages: dict[str, str],
    created: int,
    example: dict | None = None,
    key: str = "",
    artifacts: str = MODEL,
) -> str:
    utc = datetime.datetime.fromtimestamp(created / 1000, datetime.UTC).replace(tzinfo=None).isoformat()
    with ExitStack() as made:

        def local(model_id: str) -> Path:
            return made.enter_context(keras_model.folder(model, packages, utc, run_id, model_id, example))

        return uploads.logged_model(client, experiment_id, run_id, MODEL, local, {}, {}, key=key, artifacts=artifacts)


@contextmanager
def _if_known() -> Iterator[None]:
    """Leave out the block where the tracker is too old for it."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if not uploads.unknown_endpoint(error):
            raise
        print(f"left out, the tracker is too old for it: {flat(error)}")


def _registered(client: object, name: str, model_id: str, run_id: str, artifact: str, digest: str) -> str:
    """Register a final model once, as the champion; returns its address."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        # Prompts have their names among those of models, but no model is found by them.
        try:
            client.get_registered_model(name)
        except MlflowException as missing:
            if missing.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise UserError(
                f"tracking.registered_model: {name} is on the tracker, but no model; expected another name"
            ) from None
    source = f"models:/{model_id}" if model_id else f"{client.get_run(run_id).info.artifact_uri}/{artifact}"

    def find() -> str | None:
        # Not by name, which may have quotes.
        versions = client.search_model_versions(f"run_id='{run_id}'")
        ours = (found.version for found in versions if (found.name, found.tags.get(FINALS)) == (name, digest))
        return next(ours, None)

    version = connection.made_once(
        find,
        lambda: (
            client.create_model_version(name, source, run_id, tags={FINALS: digest}, model_id=model_id or None).version
        ),
    )
    with _if_known():
        client.set_registered_model_alias(name, CHAMPION, str(version))
    return f"models:/{name}/{version}"


def _dataset(document: dict, happened: dict, manifest: Path | None) -> object:
    """The data of a trial as MLflow's input of a run: name, digest, shapes and dtypes, of arrays that nobody reads."""
    import mlflow.data
    import numpy as np
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.entities import DatasetInput, InputTag

    if manifest:
        said = files.read_json(manifest)
        name, digest, source = said["dataset"], said["digest"], said["folder"]
        shapes = {key: (entry["shape"], entry["dtype"]) for key, entry in said["arrays"].items() if "test" not in key}
    else:
        model = document["determined_by"]["model"]
        name, digest, source = "data function", model[0], "the model file"
        shapes = {key: (entry["shape"], entry["dtype"]) for key, entry in (happened.get("data") or {}).items()}
    # An array of any shape without a byte of its own.
    arrays = {key: np.broadcast_to(np.zeros((), dtype), shape) for key, (shape, dtype) in shapes.items()}
    source = CodeDatasetSource({"mlflow.source.name": source})
    dataset = mlflow.data.from_numpy(arrays, source=source, name=name, digest=digest[:LONGEST_DIGEST])
    return DatasetInput(dataset._to_mlflow_entity(), [InputTag("mlflow.data.context", "search")])


def _log_dataset(client: object, run_id: str, dataset: object) -> None:
    """Make a dataset the input of a run. Trials share it: of two that bring it at once, a tracker refuses one."""
    from mlflow.exceptions import MlflowException

    try:
        client.log_inputs(run_id, [dataset])
    except MlflowException as error:
        if uploads.unknown_endpoint(error):
            raise
        # Now it is there, and found.
        client.log_inputs(run_id, [dataset])


def _log(
    client: object,
    run_id: str,
    metrics: Iterable[tuple[str, float, int, int]] = (),
    parameters: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    points = [Metric(*point) for point in metrics]
    for some in _parts(points, METRICS):
        client.log_batch(run_id, metrics=some)
    for some in _parts([Param(*item) for item in (parameters or {}).items()], VALUES):
        client.log_batch(run_id, params=some)
    for some in _parts([RunTag(*item) for item in (tags or {}).items()], VALUES):
        client.log_batch(run_id, tags=some)


def _parts(items: list, size: int) -> Iterator[list]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _log_text(client: object, run_id: str, document: dict, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="snakeras-") as folder:
        path = Path(folder) / name
        files.write_json(path, document)
        client.log_artifact(run_id, str(path))
