"""The trials of a finished search, for the rules that choose among them."""

from pathlib import Path

from snakeras.core.settings import TrialSettings
from snakeras.search import result_files


def read(snakemake: object) -> tuple[dict, list[dict]]:
    """Return what determines every trial, and the trials' records; raise UserError as ``result_files.read``."""
    params, trials = snakemake.params, snakemake.input.trials
    return result_files.read(
        folder=Path(trials[0]).parent,
        max_evals=len(trials),
        sources=[Path(source) for source in snakemake.input.model],
        search=TrialSettings(**params.search),
        data=params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        points=params.points,
        warm_start=params.warm_start,
    )
