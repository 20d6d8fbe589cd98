from pathlib import Path

import pytest
from workflow_folder import Folder, finished_once


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The small main job, finished on two cores. Tests must not change it: they take a copy."""
    return finished_once(tmp_path_factory, "mnist_5k")


@pytest.fixture(scope="session")
def all_failed(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A search of which all trials failed. Tests must not change it."""
    return finished_once(tmp_path_factory, "all_failed", fails=True)


@pytest.fixture
def twin(finished: Folder, tmp_path: Path) -> Folder:
    """A copy of the finished job in another place, every file with a new time."""
    return finished.copy(tmp_path / "moved")
