"""Where the time of Snakeras's own searches goes."""

import json
import statistics
from datetime import datetime
from pathlib import Path

from compared.trace import Fit

# All but the first in the order of a trial.
PHASES = ("Snakemake, idle cores", "imports, records, data", "model", "compile", "training", "validation", "ending")

ENDS = ("started", "finished")  # of a run


def of(folder: Path, found: list[Fit], seconds: float, at_once: int) -> dict[str, float]:
    """Return the seconds of each of ``PHASES`` in a search that took ``seconds``: their sum.

    Where two trials run at a time, a second of one counts as half a second, and so on. Compiling is taken to be the
    time by which a first epoch is longer than the mean of the later ones.

    Args:
        folder: Of the search's results, with a record of each trial's run.
        found: The trials' fits.
        at_once: How many trials there is room for.
    """
    runs = [json.loads(path.read_text()) for path in folder.glob("trials/*.run.json")]
    started, finished = (sum(datetime.fromisoformat(run[key]).timestamp() for run in runs) for key in ENDS)
    called, begun, validation = (sum(fit.clock[key] for fit in found) for key in ("called", "begun", "validation"))
    at, epochs = sum(fit.at for fit in found), [fit.clock["epochs"] for fit in found]
    longer = [max(0.0, first - statistics.fmean(later)) for first, *later in epochs if later]
    compiling = len(found) * statistics.fmean(longer) if longer else 0.0
    training = at - begun - validation - compiling
    spent = (called - started, begun - called, compiling, training, validation, finished - at)
    shares = [value / at_once for value in spent]
    return dict(zip(PHASES, (seconds - sum(shares), *shares), strict=True))
