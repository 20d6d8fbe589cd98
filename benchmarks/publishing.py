"""What publishing a trial costs beside importing MLflow: CPU time of whole processes, in turn, the least of several.

From the top of the repository, with the packages of .venv:  python benchmarks/publishing.py
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "support")]
TURNS = 5
MODEL = 2_000_000  # bytes
SEARCH = {"algo": "tpe", "startup_trials": 5, "parallelism": 1, "seed": 1, "threads": 1, "precision": "float32"}
SEARCH |= {"epochs": None, "train_samples": None}

PUBLISH = """
import json, sys
given = json.loads(sys.argv[1])
sys.path[:0] = given["path"]
from pathlib import Path
from published import Search
from snakeras.core.settings import TrackingSettings
from snakeras.tracking import trial_run
found = Search(Path(given["folder"]), "squares", given["search"])
trial_run.publish_trial(TrackingSettings(**given["settings"]), given["opened"], **found.arguments(given["trial"]))
"""


def cpu_seconds(*command: str) -> float:
    """CPU time of a Python process that runs ``command``."""
    before = os.times()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Print both figures, and what is between them."""
    import published
    from snakeras.tracking import search_run

    with tempfile.TemporaryDirectory() as folder:
        found = published.search(Path(folder) / "results", SEARCH, [0.5] * TURNS)
        settings = published.tracking(uri=f"sqlite:///{folder}/mlflow.db")
        opened = search_run.publish_search(settings, **found.opening())
        imports, publishes = [], []
        for trial in range(TURNS):
            (found.trials / f"{trial:04d}" / "model.keras").write_bytes(os.urandom(MODEL))
            given = {
                "folder": str(found.folder),
                "search": SEARCH,
                "settings": settings.model_dump(),
                "opened": opened,
                "trial": trial,
            }
            imports.append(cpu_seconds("-c", "import mlflow"))
            publishes.append(cpu_seconds("-c", PUBLISH, json.dumps(given | {"path": sys.path[:2]})))
    print(f"import mlflow: {min(imports):.2f} s of CPU time")
    print(f"publishing a trial with a model of 2 MB, import included: {min(publishes):.2f} s")
    print(f"beyond the import: {min(publishes) - min(imports):.2f} s")


if __name__ == "__main__":
    main()
