import sys

from snakemake.utils import min_version

min_version("9.27")


# The workflow's own configuration, unless --configfile names others; --config is laid over either.
if not workflow.overwrite_configfiles:

    configfile: str(workflow.current_basedir.join("config.yaml"))


sys.path.append(str(workflow.current_basedir.join("scripts")))
from snakeras.workflow import closing_lines, outdated_trials, stale_lock
from snakeras.workflow.config import settle_or_exit
from snakeras.workflow.report_files import ReportFiles, search_targets
from snakeras.workflow.rule_code import RuleCode
from snakeras.workflow.rule_params import RuleParams, TrainingResources
from snakeras.workflow.search_files import SearchFiles

basedir = str(workflow.current_basedir)
settings = settle_or_exit(config, basedir)
code = RuleCode(basedir)
files = SearchFiles(
    settings,
    in_job=workflow.remote_exec,
    shared=not workflow.storage_settings.default_storage_provider,
)
report_files = ReportFiles(files.results, basedir)
rule_params = RuleParams(settings)
training = TrainingResources(settings, in_job=workflow.remote_exec)
earlier_trials = outdated_trials.forcing(workflow, files, rule_params.made_with)


report: "report/workflow.rst"


wildcard_constraints:
    name=re.escape(settings.name),
    trial=r"\d+",


include: "rules/data.smk"
include: "rules/search.smk"
include: "rules/final.smk"
include: "rules/tracking.smk"
include: "rules/plots.smk"


rule all:
    default_target: True
    input:
        files.targets,


rule pictures:
    input:
        search_targets(files.results),


onstart:
    stale_lock.note_run(settings, rule_params.made_with)


onsuccess:
    print(closing_lines.summary(files.results, settings.tracking) or "")


onerror:
    print(closing_lines.unpublished(files, rule_params.made_with) or "")
