import sys

from snakemake.utils import min_version

min_version("9.27")


# The workflow's own configuration, unless --configfile names others; --config is laid over either.
if not workflow.overwrite_configfiles:

    configfile: str(workflow.current_basedir.join("config.yaml"))


sys.path.append(str(workflow.current_basedir.join("scripts")))
from snakeras.workflow.config import read_or_exit
from snakeras.workflow.stale_lock import note_run
from snakeras.workflow.plan import Plan
from snakeras.workflow.progress import summary, unpublished

settings = read_or_exit(config, basedir=str(workflow.current_basedir))
plan = Plan(
    config,
    basedir=str(workflow.current_basedir),
    in_job=workflow.remote_exec,
    shared=not workflow.storage_settings.default_storage_provider,
    force=lambda paths: workflow.dag.forcefiles.update(paths),
)


report: "report/workflow.rst"


wildcard_constraints:
    name=re.escape(plan.name),
    trial=r"\d+",


include: "rules/data.smk"
include: "rules/search.smk"
include: "rules/final.smk"
include: "rules/tracking.smk"
include: "rules/plots.smk"


rule all:
    default_target: True
    input:
        plan.targets,


rule pictures:
    input:
        plan.search_pictures,


onstart:
    note_run(plan)


onsuccess:
    print(summary(Path(plan.results), plan.tracking) or "")


onerror:
    print(unpublished(plan) or "")
