from pathlib import Path

import pytest
from snakeras import devices


@pytest.mark.parametrize(
    ("names", "count"), [([], 0), (["nvidia0", "nvidia1", "nvidia10"], 3), (["nvidiactl", "nvidia-uvm", "null"], 0)]
)
def test_gpus_are_counted_by_their_device_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list, count: int
) -> None:
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setattr(devices, "Path", lambda path: {"/dev": tmp_path}[path])
    assert devices.gpus() == count
