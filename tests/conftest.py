import copy
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import yaml

ROOT = Path(__file__).parents[1]
MODELS = ROOT / "tests" / "models"
# What a trial depends on, in most tests.
SEARCH = {
    "model_function": None,
    "data_function": None,
    "algo": "tpe",
    "startup_trials": 5,
    "parallelism": 1,
    "seed": 1337,
    "epochs": None,
    "train_samples": None,
    "threads": 2,
    "precision": "float32",
    "pruner": {"type": "none"},
}
# Before anything imports TensorFlow.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# As trials have it: what a test trains itself is compared with theirs.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# A busy machine is no failure.
hypothesis.settings.register_profile("without a deadline", deadline=None)
hypothesis.settings.load_profile("without a deadline")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: runs the workflow or trains networks")
    config.addinivalue_line("markers", "slurm: starts a Slurm on this machine and runs searches on it")
    config.addinivalue_line("markers", "searchers: whole searches that take too long for make test")


# The files of tests/workflow that take longest.
LONGEST = ["test_tracking.py", "test_search.py", "test_mflux.py", "test_use.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run whole searches first, longest first: at the end, one process would run them while the others wait."""

    def place(item: pytest.Item) -> int:
        if not item.path.is_relative_to(ROOT / "tests" / "workflow"):
            return len(LONGEST) + 1
        return LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(autouse=True)
def environment_as_it_was() -> Iterator[None]:
    """What is tested sets variables for MLflow, and its tracker, also in this process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
    if trackers := sys.modules.get("mlflow.tracking._tracking_service.utils"):
        trackers._tracking_uri = None


@pytest.fixture(scope="session")
def default_config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture
def search() -> dict:
    """The settings of a search that a trial depends on."""
    return copy.deepcopy(SEARCH)
