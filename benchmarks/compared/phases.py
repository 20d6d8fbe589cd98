"""Where the time of Snakeras's own searches goes, one trial at a time."""

import json
import statistics
from datetime import datetime
from pathlib import Path

from compared.trace import Fit

# In the order of a trial.
PHASES = ("Snakemake, other jobs", "imports, records, data", "model", "compile", "training", "validation", "ending")


def of(folder: Path, found: list[Fit], seconds: float) -> dict[str, float]:
    """Return the seconds of each of ``PHASES`` in a search that took ``seconds``.

    To compile is what a first epoch takes longer than the mean of the later ones.

    Args:
        folder: Of the search's results, with a record of each trial's run.
        found: The trials' fits, in their order.
    """
    sums, epochs = dict.fromkeys(PHASES, 0.0), [fit.clock["epochs"] for fit in found]
    longer = [max(0.0, first - statistics.fmean(later)) for first, *later in epochs if later]
    compiling = statistics.fmean(longer) if longer else 0.0
    for path, fit in zip(sorted(folder.glob("trials/*.run.json")), found, strict=True):
        run = json.loads(path.read_text())
        started, finished = (datetime.fromisoformat(run[key]).timestamp() for key in ("started", "finished"))
        called, begun, validation = map(fit.clock.get, ("called", "begun", "validation"))
        training = fit.at - begun - validation - compiling
        spent = (called - started, begun - called, compiling, training, validation, finished - fit.at)
        for name, value in zip(PHASES[1:], spent, strict=True):
            sums[name] += value
    return sums | {PHASES[0]: seconds - sum(sums.values())}
