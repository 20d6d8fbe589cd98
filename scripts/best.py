"""Conclude the search: the table of its trials and the best of them."""

from pathlib import Path

from snakeras.core.settings import JobSettings
from snakeras.search import finalists, result_files, stop_rule
from snakeras.workflow import ended_trials
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    finals = None
    if snakemake.params.finalists:
        paths = [Path(path) for path in snakemake.input.finalists]
        finals = finalists.Finalists(paths, Path(snakemake.output.finalists), **snakemake.params.finalists)
    fixed, records = ended_trials.read(snakemake)
    result_files.conclude(
        name=snakemake.params.name,
        fixed=fixed,
        records=records,
        table=Path(snakemake.output.table),
        best=Path(snakemake.output.best),
        winner=Path(snakemake.output.winner),
        finals=finals,
    )
    warnings = (
        result_files.different_data(Path(snakemake.input.trials[0]).parent, len(records)),
        stop_rule.warning(records, JobSettings(**snakemake.params.job).stop),
    )
    for line in filter(None, warnings):
        print(line, file=terminal)
