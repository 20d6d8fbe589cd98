"""Conclude the search: the table of its trials and the best of them."""

from pathlib import Path

from snakeras.core import files
from snakeras.core.settings import JobSettings, TrialSettings
from snakeras.search import finalists, result_files, stop_rule
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    folder, finals = Path(snakemake.input.trials[0]).parent, None
    if snakemake.params.finalists:
        paths = [Path(path) for path in snakemake.input.finalists]
        finals = finalists.Finalists(paths, Path(snakemake.output.finalists), **snakemake.params.finalists)
    result_files.conclude(
        name=snakemake.params.name,
        folder=folder,
        max_evals=len(snakemake.input.trials),
        sources=[Path(source) for source in snakemake.input.model],
        search=TrialSettings(**snakemake.params.search),
        data=snakemake.params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        table=Path(snakemake.output.table),
        best=Path(snakemake.output.best),
        winner=Path(snakemake.output.winner),
        finals=finals,
        points=snakemake.params.points,
        warm_start=snakemake.params.warm_start,
    )
    records = [files.read_json(Path(path)) for path in snakemake.input.trials]
    warnings = (
        result_files.different_data(folder, len(records)),
        stop_rule.warning(records, JobSettings(**snakemake.params.job).stop),
    )
    for line in filter(None, warnings):
        print(line, file=terminal)
