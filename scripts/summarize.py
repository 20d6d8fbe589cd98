"""Sum the search up in one page, and write the configuration that makes it again."""

from pathlib import Path

import yaml
from snakeras.core import files
from snakeras.core.settings import TrackingSettings
from snakeras.report import captions, summary
from snakeras.workflow import closing_message
from snakeras.workflow.rule_script import rule_script

with rule_script(snakemake) as terminal:
    configuration = Path(snakemake.output.configuration)
    files.write_text(configuration, yaml.safe_dump(snakemake.params.config, sort_keys=False, allow_unicode=True))
    figures = summary.write(
        files.read_json(Path(snakemake.input.search)),
        best=files.read_json(Path(snakemake.input.best)),
        metrics=files.read_json(Path(snakemake.input.metrics)),
        data=files.read_json(Path(snakemake.input.data[0])) if snakemake.input.data else None,
        run_record=files.read_json(Path(snakemake.input.run_record)),
        command=f"snakemake --cores all --configfile {configuration}",
        html=Path(snakemake.output.page),
    )
    captions.write(Path(snakemake.input.text), figures, Path(snakemake.output.caption))
    # Of a module, Snakemake runs no onsuccess.
    if label := snakemake.params.job["label"]:
        tracking = TrackingSettings(**snakemake.params.config["tracking"])
        print(closing_message.summary(configuration.parent, tracking, label), file=terminal)
