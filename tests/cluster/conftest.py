import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster_folder import CONFIGURATION, HERE, ClusterFolder, light, why_not


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Slurm of one node with two GPUs that are none, and its state; the tests are skipped where it cannot start."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="Slurm's plugin is not installed: make setup-cluster")
    if reason := why_not():
        pytest.skip(reason)
    state = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([HERE / "start-slurm", state, "2"], capture_output=True, text=True, check=False)
    try:
        if started.returncode:
            pytest.skip(f"Slurm does not start here: {(started.stderr.strip() or started.stdout.strip())[-500:]}")
        yield state
    finally:
        subprocess.run([HERE / "stop-slurm", state], check=True)
        # Where one is left, every Snakemake with the plugin looks for that Slurm for a while.
        CONFIGURATION.unlink(missing_ok=True)


@pytest.fixture
def folder(slurm: Path, tmp_path: Path) -> ClusterFolder:
    return light(tmp_path / "work")


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> ClusterFolder:
    """The light search, run on this machine alone. Tests must not change it."""
    made = light(tmp_path_factory.mktemp("local") / "work")
    made.run("--", f"results/{made.name}/best.json", cores=2)
    return made
