"""An ensemble of the deeper network: its members are jobs, and no more are trained than needed."""

import csv
import json
import shutil

import numpy as np
import pytest
from workflow_folder import new_folder

pytestmark = pytest.mark.slow

# Few: on a processor that only emulates bfloat16 a member takes long on thousands of images.
DATA = """

def data():
    import numpy as np

    draws = np.random.default_rng(0)
    x, y = draws.random((856, 28, 28, 1), dtype="float32"), np.eye(10, dtype="float32")[draws.integers(10, size=856)]
    return x[:600], y[:600], x[600:], y[600:]
"""


def test_members_are_kept_and_averaged(tmp_path) -> None:
    import keras

    folder = new_folder(tmp_path / "work", "ensemble")
    with (folder.path / "models" / "mnist_deep.py").open("a") as model:
        model.write(DATA)
    metrics = folder.results / "final" / "metrics.json"
    folder.kill("finalists/0000_0.json")
    kept = {path: path.stat().st_mtime_ns for path in folder.results.glob("finalists/????_?.json")}
    said = folder.run()
    assert said.count(" starts") == 4 - len(kept)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert "The final model is the average of 4 models" in said
    assert "models/mnist_deep.py may keep its best epoch" not in said  # train_on: train

    assert folder.planned() == {}

    # Trial 0 has two blocks, and so no size of the third.
    with (folder.results / "trials.csv").open() as file:
        two, three = csv.DictReader(file)
    assert (two["blocks"], two["last"], three["blocks"]) == ("2", "", "3")
    assert three["last"]

    first = json.loads(metrics.read_text())
    assert sorted((member["trial"], member["number"]) for member in first["members"]) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    ]
    assert len({member["test_loss"] for member in first["members"]}) == 4
    models = [keras.models.load_model(path) for path in sorted(folder.results.glob("finalists/*/model.keras"))]
    x = np.random.default_rng(0).random((3, 28, 28, 1), dtype="float32")
    mean = np.mean([model.predict(x, verbose=0) for model in models], axis=0)
    ensemble = keras.models.load_model(folder.results / "final" / "model.keras")
    np.testing.assert_allclose(ensemble.predict(x, verbose=0), mean, rtol=1e-4)

    # A seed less trains nothing, one that is lost is trained again, to the same bytes.
    lost = folder.results / "finalists" / "0001_0.json"
    before = lost.read_bytes()
    lost.unlink()
    shutil.rmtree(lost.with_suffix(""))
    assert folder.planned("--config", "final={ensemble: {seeds: 3}}")["finalist"] == 3
    said = folder.run("--config", "final={ensemble: {seeds: 1}}", "--", f"results/{folder.name}/final/metrics.json")
    assert said.count(" starts") == 1
    assert lost.read_bytes() == before
    fewer = json.loads(metrics.read_text())
    assert [member["number"] for member in fewer["members"]] == [0, 0]
    by_name = {(member["trial"], member["number"]): member for member in first["members"]}
    assert all(by_name[member["trial"], 0] == member for member in fewer["members"])
