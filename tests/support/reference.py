"""The search that ours must equal: one uninterrupted call of hyperas.optim.minimize."""

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import hyperopt
import numpy as np
from snakeras.core import seeds
from snakeras.core.settings import TrialSettings
from snakeras.model_file import hyperas_compat, parser
from snakeras.search import run_trial, trial_records


def evaluated(
    script: Path, search: dict, trial: int = 0, earlier: Sequence[dict] = (), **given: object
) -> run_trial.Evaluation:
    """One trial with the settings ``search``, by the data of its script; ``given`` is as for ``run_trial.evaluate``."""
    settings = TrialSettings(**search)
    parsed = parser.read(Path(script), True, settings.model_function, settings.data_function)
    return run_trial.evaluate(parsed, None, settings, trial, list(earlier), **given)


def record(script: Path, search: dict, trial: int = 0, earlier: Sequence[dict] = (), **given: object) -> dict:
    """Its record."""
    return evaluated(script, search, trial, earlier, **given).record


def proposals(documents: list[dict]) -> list[tuple[dict, float]]:
    """Proposed values and loss of each trial's document."""
    points = [trial_records.decode(document["hyperopt"])["misc"]["vals"] for document in documents]
    return [(point, document["loss"]) for point, document in zip(points, documents, strict=True)]


def uninterrupted(script: Path, search: dict, count: int) -> list[tuple[dict, float]]:
    """Proposed values and loss of each trial of Hyperas's own search, each evaluation seeded as our trials are."""
    optim = hyperas_compat.import_hyperas()
    suggest = {"tpe": hyperopt.tpe.suggest, "rand": hyperopt.rand.suggest, "anneal": hyperopt.anneal.suggest}
    algo = suggest[search["algo"]]
    if search["algo"] == "tpe":
        algo = partial(algo, n_startup_jobs=search["startup_trials"])

    def fmin(fn: object, space: dict, algo: object, max_evals: int, trials: object, rseed: int, **_: object) -> dict:
        def seeded(point: dict) -> dict:
            seeds.seed_everything(seeds.of_trial(search["seed"], len(trials.trials) - 1))
            return fn(point)

        rng = np.random.default_rng(rseed)
        return hyperopt.fmin(seeded, space, algo, max_evals, trials=trials, rstate=rng, verbose=False)

    # The functions of the file without its last lines, which call Hyperas.
    text = script.read_text().split("\nbest, _ =")[0].split("\noptim.minimize")[0]
    trials = hyperopt.Trials()
    here, original = Path.cwd(), optim.fmin
    with tempfile.TemporaryDirectory() as folder:
        for file in script.parent.iterdir():
            (Path(folder) / file.name).symlink_to(file)
        path = Path(folder) / "plain.py"
        path.write_text(f"{text}\ndef search(minimize, **arguments):\n    return minimize(model, data, **arguments)\n")
        os.chdir(folder)
        write_temp_files = optim.write_temp_files
        optim.write_temp_files = lambda *arguments: (write_temp_files(*arguments), importlib.invalidate_caches())
        optim.fmin = fmin
        try:
            spec = importlib.util.spec_from_file_location("plain", path)
            module = importlib.util.module_from_spec(spec)
            sys.modules["plain"] = module
            spec.loader.exec_module(module)
            module.search(
                optim.minimize, algo=algo, max_evals=count, trials=trials, rseed=search["seed"], verbose=False
            )
        finally:
            os.chdir(here)
            optim.fmin, optim.write_temp_files = original, write_temp_files
    return [(trial["misc"]["vals"], trial["result"]["loss"]) for trial in trials.trials]
