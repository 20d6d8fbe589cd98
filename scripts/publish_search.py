"""Create the MLflow run of a search."""

from pathlib import Path

from snakeras.core import files
from snakeras.core.settings import TrialSettings
from snakeras.process import lifetime
from snakeras.tracking import connection, search_run
from snakeras.tracking.redaction import redacting
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake), redacting():
    params = snakemake.params
    published = search_run.publish_search(
        tracking=connection.settings_of(params),
        name=params.name,
        sources=[Path(source) for source in snakemake.input.model],
        search=TrialSettings(**params.search),
        data=params.data,
        manifest=next(map(Path, snakemake.input.data), None),
        trials=Path(params.trials),
        began=lifetime.snakemake_started(),
        config=params.config,
    )
    files.write_json(Path(snakemake.output.search), published)
