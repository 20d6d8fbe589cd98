"""What a script logged to MLflow by itself, brought into the trial's run on the tracker.

Names are decided before anything is sent, and from nothing that sending changes: so a call that was cut off is
completed by the next, and a call more changes nothing.
"""

import filecmp
import itertools
import math
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from snakeras.model_file import mlflow_capture
from snakeras.tracking import connection, uploads
from snakeras.tracking.trial_runs import LONGEST_KEY, LONGEST_PARAMETER, LONGEST_TAG, cleaned

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Metric, Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

OWN_MODEL, SCRIPT_MODEL = "model", "script model"
# On a version: which of the script's versions it is.
VERSION_TAG = "snakeras.version"
NOTE = "mlflow.note.content"
# MLflow's limits of a batch, and 1 MB of JSON, in which a character may take six bytes.
METRICS, VALUES, CHARACTERS = 1000, 100, 100_000

Item = TypeVar("Item")


def publish(
    client: "MlflowClient",
    experiment_id: str,
    run_id: str,
    folder: Path,
    taken: set[str],
    taken_values: dict[str, str],
    taken_files: Collection[str] = (),
) -> None:
    """Copy all that a trial's script logged into the trial's run.

    What has the name of something else gets another: ``script/`` or ``script.`` before it beside what is ours, and
    ``run 2/`` or ``run 2.`` beside what an earlier one of the script's runs logged. What is the same is there once.

    Parameters
    ----------
    client
        Of the real tracker.
    experiment_id, run_id
        The trial's run there. What is ours must be in it already.
    folder
        As given to ``captured``; nothing is done if the script logged nothing.
    taken
        Names of our metrics in the run.
    taken_values
        Our parameters and tags of the run.
    taken_files
        Paths of our artifacts, or of folders of these; those of a model named ``model`` need not be named.
    """
    import mlflow

    if not (Path(folder) / "mlflow").is_dir():
        return
    # MLflow reads it when it opens the store.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = mlflow_capture.store_uri(folder)
    _Publishing(
        client,
        experiment_id,
        run_id,
        mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri),
        Path(folder) / "mlflow",
    ).all(taken, taken_values, {OWN_MODEL, *taken_files})


class _Publishing:
    """One call of ``publish``; ``source`` and ``root`` are the store that the script logged into, and its folder."""

    def __init__(
        self, client: "MlflowClient", experiment_id: str, run_id: str, source: "MlflowClient", root: Path
    ) -> None:
        self.client, self.experiment_id, self.run_id = client, experiment_id, run_id
        # Artifacts are taken from the folder, since their addresses in the store are of where it once was.
        self.source, self.root = source, root
        self.experiments = [experiment.experiment_id for experiment in source.search_experiments()]
        self.runs = _in_order(_pages(lambda token: source.search_runs(self.experiments, page_token=token)))
        self.numbers = {run.info.run_id: number for number, run in enumerate(self.runs, 1)}

    def all(self, taken: set[str], taken_values: dict[str, str], taken_files: set[str]) -> None:
        files = self._files(taken_files)
        models = self._models({path.split("/")[0] for path in files.values()})
        self._versions(files, models)
        self._values(taken_values)
        self._datasets()
        self._metrics(taken, models)

    def _files(self, taken: set[str]) -> dict[Path, str]:
        """Upload artifacts; returns the path of each on the tracker."""
        there: dict[str, Path] = {}
        folders = {above for path in taken for above in _folders(path)}

        def holds(path: str, file: Path) -> bool | None:
            if path in there:
                return filecmp.cmp(there[path], file, shallow=False)
            # A file cannot be where a folder is.
            occupied = path in folders or any(above in taken or above in there for above in (path, *_folders(path)))
            return False if occupied else None

        placed = {}
        for run in self.runs:
            artifacts = self.root / run.info.experiment_id / run.info.run_id / "artifacts"
            for file in sorted(artifacts.rglob("*")):
                if file.is_file():
                    path = file.relative_to(artifacts).as_posix()
                    clashes = not taken.isdisjoint((path, *_folders(path)))
                    candidates = _candidates(path, self.numbers[run.info.run_id], "/", clashes)
                    placed[file], new = _place(candidates, lambda path, file=file: holds(path, file))
                    if new:
                        there[placed[file]] = file
                        folders.update(_folders(placed[file]))
        if there:
            with tempfile.TemporaryDirectory() as folder:
                for path, file in there.items():
                    link = Path(folder, path)
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(file.absolute())
                uploads.run_artifacts(self.client, self.run_id, Path(folder))
        return placed

    def _models(self, taken: set[str]) -> dict[str, tuple[str, str]]:
        """Upload models; returns the id and the name on the tracker of each id in the store."""
        found: Iterable[LoggedModel] = _pages(
            lambda token: self.source.search_logged_models(self.experiments, page_token=token)
        )
        steps = {
            output.model_id: output.step
            for run in self.runs
            for output in (run.outputs.model_outputs if run.outputs else [])
        }
        # Whose artifacts have the name of a model would be mixed with it.
        names, models = {OWN_MODEL, *taken}, {}

        def order(model: "LoggedModel") -> tuple:
            return self.numbers.get(model.source_run_id, 1), model.creation_timestamp, model.model_id

        for model in sorted(found, key=order):
            number = order(model)[0]
            base = SCRIPT_MODEL if model.name == OWN_MODEL else model.name
            candidates = itertools.chain(
                [base], [f"run {number} {base}"] * (number > 1), (f"{base} {count}" for count in itertools.count(2))
            )
            name = next(name for name in candidates if name not in names)
            names.add(name)
            models[model.model_id] = self._model(model, name, steps.get(model.model_id, 0)), name
        return models

    def _model(self, model: "LoggedModel", name: str, step: int) -> str:
        local = self.root / model.experiment_id / "models" / model.model_id / "artifacts"
        with tempfile.TemporaryDirectory() as folder:

            def give(model_id: str) -> Path:
                copy = Path(folder, "model")
                if local.is_dir():
                    uploads.readdressed(local, copy, model_id, self.run_id)
                return copy

            return uploads.logged_model(
                self.client,
                self.experiment_id,
                self.run_id,
                name,
                give,
                {key: value for key, value in model.tags.items() if not key.startswith("mlflow.")},
                model.params,
                model.model_type,
                step,
            )

    def _versions(self, files: dict[Path, str], models: dict[str, tuple[str, str]]) -> None:
        from mlflow.exceptions import MlflowException

        found: Iterable[ModelVersion] = _pages(lambda token: self.source.search_model_versions(page_token=token))
        versions = sorted(found, key=lambda version: (version.name, int(version.version)))
        if not versions:
            return
        try:
            there = self._registered()
            for version in versions:
                if (version.name, str(version.version)) not in there:
                    self._version(version, files, models)
        except MlflowException as error:
            if not uploads.unknown_endpoint(error):
                raise
            print("the tracker has no model registry: what the model file registered is not registered there")

    def _version(self, version: "ModelVersion", files: dict[Path, str], models: dict[str, tuple[str, str]]) -> None:
        from mlflow.exceptions import MlflowException

        source, model_id = self._source_of(version, files, models)
        if not source:
            print(f"version {version.version} of {version.name} is not registered: {version.source} is not in the run")
            return
        try:
            self.client.create_registered_model(version.name)
        except MlflowException as error:
            # Also by another trial at this moment
            if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
                raise
        tags = {key: value for key, value in version.tags.items() if not key.startswith("mlflow.")}
        number = str(version.version)
        connection.made_once(
            lambda: (version.name, number) in self._registered(),
            lambda: self.client.create_model_version(
                version.name,
                source,
                self.run_id,
                tags={**tags, VERSION_TAG: number},
                description=version.description,
                await_creation_for=None,
                model_id=model_id,
            ),
        )

    def _registered(self) -> set[tuple[str, str | None]]:
        """Which of the script's versions are on the tracker: the model's name and the script's number of each."""
        ours = _pages(lambda token: self.client.search_model_versions(f"run_id='{self.run_id}'", page_token=token))
        return {(version.name, version.tags.get(VERSION_TAG)) for version in ours}

    def _source_of(
        self, version: "ModelVersion", files: dict[Path, str], models: dict[str, tuple[str, str]]
    ) -> tuple[str | None, str | None]:
        """The address of the version's model on the tracker, and the model's id if it has one."""
        artifacts = self.client.get_run(self.run_id).info.artifact_uri
        parts = [part for part in unquote(urlsplit(version.source).path).split("/") if part]
        known = version.model_id or next((part for part in reversed(parts) if part in models), None)
        if known in models:
            model_id, name = models[known]
            # Not models:/<id>, which a SQL store looks up in the tracker of mlflow.set_tracking_uri.
            return (
                (self.client.get_logged_model(model_id).artifact_location, model_id)
                if model_id
                else (f"{artifacts}/{name}", None)
            )
        for file, path in files.items():
            run, _, *inside = file.relative_to(self.root).parts[1:]
            # A version of run artifacts: <run>/artifacts/<folder>, or runs:/<run>/<folder>
            if run in parts:
                folder = [part for part in parts[parts.index(run) + 1 :] if part != "artifacts"]
                if inside[: len(folder)] == folder:
                    below = len(inside) - len(folder)
                    return "/".join([artifacts, *path.split("/")[: path.count("/") + 1 - below]]), None
        return (None if urlsplit(version.source).scheme in ("", "file", "runs", "models") else version.source), None

    def _values(self, taken: dict[str, str]) -> None:
        from mlflow.entities import Param, RunTag

        params, tags = dict(taken), dict(taken)
        note = taken.get(NOTE, self.client.get_run(self.run_id).data.tags.get(NOTE))
        first = next((run.data.tags[NOTE][:LONGEST_TAG] for run in self.runs if NOTE in run.data.tags), None)
        # One that is the same was brought by an earlier call.
        foreign = note not in (None, first)
        if foreign:
            tags[NOTE] = note
        new_params, new_tags = {}, {}
        for run in self.runs:
            number = self.numbers[run.info.run_id]
            for key, value in sorted(run.data.params.items()):
                _put(params, new_params, cleaned(key), value[:LONGEST_PARAMETER], number, key in taken)
            for key, value in sorted(run.data.tags.items()):
                if key == NOTE:
                    _put(tags, new_tags, key, value[:LONGEST_TAG], number, foreign, "note")
                elif not key.startswith("mlflow.") and key != "snakeras.trial":
                    _put(tags, new_tags, cleaned(key), value[:LONGEST_TAG], number, key in taken)
        for batch in _batches([Param(*item) for item in new_params.items()]):
            self.client.log_batch(self.run_id, params=batch)
        for batch in _batches([RunTag(*item) for item in new_tags.items()]):
            self.client.log_batch(self.run_id, tags=batch)

    def _datasets(self) -> None:
        from mlflow.exceptions import MlflowException

        inputs = [given for run in self.runs for given in (run.inputs.dataset_inputs if run.inputs else [])]
        try:
            for start in range(0, len(inputs), VALUES):
                self.client.log_inputs(self.run_id, inputs[start : start + VALUES])
        except MlflowException as error:
            if not uploads.unknown_endpoint(error):
                raise
            print("the tracker takes no datasets: those of the model file are left out")

    def _metrics(self, taken: set[str], models: dict[str, tuple[str, str]]) -> None:
        from mlflow.entities import Metric

        # The store tells only of the last points of a metric whose model they are about.
        about = {
            (metric.run_id, metric.key, *_point(metric)): (models[model_id][0], metric)
            for model_id in models
            for metric in self.source.get_logged_model(model_id).metrics or []
        }
        there: dict[str, set] = {}
        new: list[Metric] = []
        logged = self.client.get_run(self.run_id).data.metrics
        for run in self.runs:
            for key in sorted(run.data.metrics):
                history = self.source.get_metric_history(run.info.run_id, key)
                name, values = cleaned(key), _values_at_steps(history)
                if name in taken and name not in there:
                    there[name] = _values_at_steps(self.client.get_metric_history(self.run_id, name))
                candidates = _candidates(name, self.numbers[run.info.run_id], "/", name in taken)
                candidates = (candidate[:LONGEST_KEY] for candidate in candidates)
                name, is_new = _place(
                    candidates, lambda name, values=values: there[name] == values if name in there else None
                )
                if not is_new:
                    continue
                there[name] = values
                # Stores other than SQL take a point twice: also the script's own, when a model is logged after it.
                points = self.client.get_metric_history(self.run_id, name) if name in logged else []
                points = {_point(point) for point in points}
                for point in history:
                    if _point(point) not in points:
                        points.add(_point(point))
                        model_id, metric = about.get((run.info.run_id, key, *_point(point)), (None, point))
                        data = metric.dataset_name, metric.dataset_digest
                        new.append(Metric(name, point.value, point.timestamp, point.step, model_id or None, *data))
        for start in range(0, len(new), METRICS):
            self.client.log_batch(self.run_id, metrics=new[start : start + METRICS])


def _pages(search: Callable[[str | None], Iterable[Item]]) -> Iterator[Item]:
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def _folders(path: str) -> list[str]:
    """The folders above a path."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _in_order(runs: Iterable["Run"]) -> list["Run"]:
    """Runs as they were started; a parent, which may have begun in the same millisecond, before its children."""
    known = {run.info.run_id: run for run in runs}

    def depth(run: "Run | None", at_most: int = 100) -> int:
        if run is None or not at_most:
            return 0
        return 1 + depth(known.get(run.data.tags.get("mlflow.parentRunId")), at_most - 1)

    return sorted(known.values(), key=lambda run: (run.info.start_time, depth(run), run.info.run_id))


def _candidates(name: str, number: int, separator: str, clashes_with_ours: bool) -> Iterator[str]:
    """Names for something of the script's ``number``th run, the best first."""
    yield name
    if clashes_with_ours:
        yield f"script{separator}{name}"
    yield f"run {number}{separator}{name}"
    for count in itertools.count(2):
        yield f"run {number}{separator}{count}{separator}{name}"


def _place(candidates: Iterable[str], holds: Callable[[str], bool | None]) -> tuple[str, bool]:
    """The first name under which there is nothing (then True) or the very same (then False).

    Parameters
    ----------
    candidates
        The names.
    holds
        Whether there is the same under a name; None: nothing.
    """
    for name in candidates:
        found = holds(name)
        if found is not False:
            return name, found is None
    raise AssertionError("there is no end of names")


def _put(
    there: dict[str, str], new: dict[str, str], name: str, value: str, number: int, ours: bool, otherwise: str = ""
) -> None:
    """Enter a parameter or tag under its name, or, where that has another value, under one made of ``otherwise``."""
    candidates = _candidates(otherwise or name, number, ".", ours)
    if otherwise:
        candidates = itertools.chain([name], itertools.islice(candidates, 1, None))
    shortened = (candidate[:LONGEST_KEY] for candidate in candidates)
    key, is_new = _place(shortened, lambda key: there[key] == value if key in there else None)
    if is_new:
        there[key] = new[key] = value


def _batches(items: list) -> Iterator[list]:
    batch, characters = [], 0
    for item in items:
        length = len(item.key) + len(item.value)
        if batch and (len(batch) == VALUES or characters + length > CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(item)
        characters += length
    if batch:
        yield batch


def _number(value: float) -> float | str:
    """A value as it compares: NaN is like itself, and SQL stores have no infinity."""
    return "nan" if math.isnan(value) else min(max(value, -sys.float_info.max), sys.float_info.max)


def _point(metric: "Metric") -> tuple:
    return metric.step, metric.timestamp, _number(metric.value)


def _values_at_steps(history: Iterable["Metric"]) -> set[tuple]:
    return {(point.step, _number(point.value)) for point in history}
