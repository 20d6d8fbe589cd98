"""A tracker in a folder, and clients that are cut off, for tests of what is published."""

import shutil
from pathlib import Path


class Interrupted(Exception):
    pass


class Cut:
    """A client that is cut off at a call that changes something: before it does, or just after.

    Args:
        client: What the calls go to.
        at: The number of the call, from 1; 0: never.
        after: Whether the call is still carried out.
    """

    def __init__(self, client: object, at: int = 0, after: bool = False) -> None:
        self.client, self.at, self.after, self.calls = client, at, after, []

    def __getattr__(self, name: str) -> object:
        attribute = getattr(self.client, name)
        if not name.startswith(("log_", "create_", "finalize_", "set_", "delete_")):
            return attribute

        def call(*args: object, **kwargs: object) -> object:
            self.calls.append(name)
            if len(self.calls) == self.at and not self.after:
                raise Interrupted
            try:
                return attribute(*args, **kwargs)
            finally:
                if len(self.calls) == self.at:
                    raise Interrupted

        return call


class Tracker:
    """A tracker in a folder, made of an empty database, with one experiment."""

    def __init__(self, folder: Path, empty_store: Path) -> None:
        import mlflow

        folder.mkdir()
        shutil.copy(empty_store, folder / "mlflow.db")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.client = mlflow.MlflowClient(self.uri, self.uri)
        self.experiment = self.client.create_experiment("mine", (folder / "artifacts").as_uri())

    def run(self) -> str:
        return self.client.create_run(self.experiment).info.run_id

    def artifacts(self, run: str) -> dict[str, bytes]:
        return _contents(self.client.get_run(run).info.artifact_uri)

    def models(self) -> list:
        return list(self.client.search_logged_models([self.experiment], max_results=1000))

    def model_files(self, model_id: str) -> dict[str, bytes]:
        return _contents(self.client.get_logged_model(model_id).artifact_location)


def _contents(uri: str) -> dict[str, bytes]:
    folder = Path(uri.removeprefix("file://"))
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
