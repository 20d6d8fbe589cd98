from pathlib import Path

import pytest
from workflow_folder import Folder, new_folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The small main job, run once on two cores. Tests must not change it: they take a copy."""
    folder = new_folder(tmp_path_factory.mktemp("finished") / "main", "mnist_5k")
    folder.output = folder.run(cores=2)
    return folder


@pytest.fixture
def twin(finished: Folder, tmp_path: Path) -> Folder:
    """A copy of the finished job in another place, every file with a new time."""
    return finished.copy(tmp_path / "moved")
