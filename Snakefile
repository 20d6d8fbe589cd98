import sys

from snakemake.utils import min_version

min_version("9.27")


# The workflow's own configuration, unless --configfile names others; --config is laid over either.
if not workflow.overwrite_configfiles:

    configfile: str(workflow.current_basedir.join("config.yaml"))


sys.path.append(str(workflow.current_basedir.join("scripts")))
from snakeras.workflow import closing_message, config_validation, mistakes, stale_lock, steering, unpublished
from snakeras.workflow.code_files import CodeFiles
from snakeras.workflow.outdated_trials import OutdatedTrials
from snakeras.workflow.report_files import ReportFiles
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles

basedir = Path(workflow.current_basedir)
settings = config_validation.read_or_exit(config, basedir, in_job=not workflow.is_main_process)
if workflow.is_main_process:
    mistakes.forget(settings.name)
code_files = CodeFiles(basedir / "scripts")
rule_params = RuleParams(settings, in_job=workflow.remote_exec, in_module=not workflow.modifier.is_main_snakefile())
search_files = SearchFiles(
    settings, in_job=workflow.remote_exec, shared=not workflow.storage_settings.default_storage_provider
)
report_files = ReportFiles(search_files.results, basedir / "report")
outdated_trials = OutdatedTrials(workflow, search_files, rule_params)


report: "report/workflow.rst"


wildcard_constraints:
    name=re.escape(settings.name),
    trial=r"\d+",
    number=r"\d+",


include: "rules/data.smk"
include: "rules/search.smk"
include: "rules/finalists.smk"
include: "rules/final.smk"
include: "rules/tracking.smk"
include: "rules/plots.smk"


rule all:
    default_target: True
    input:
        search_files.results_to_keep,
        search_files.finalists_table,
        report_files.of_search,
        report_files.of_final_model,
        search_files.published,


rule pictures:
    input:
        report_files.of_search,


onstart:
    made_with = {"search": rule_params.search, "data": rule_params.data}
    stale_lock.note_run(settings, made_with, search_files.waiting(workflow.dag), search_files.again(workflow.dag))
    hints = (config_validation.hint(settings), config_validation.best_epoch_hint(settings))
    for line in filter(None, (outdated_trials.reasons(), *hints, steering.told(settings))):
        print(line, file=sys.stderr)


onsuccess:
    print(closing_message.summary(Path(search_files.results), settings.tracking) or "")


onerror:
    print(unpublished.message(settings, search_files, rule_params) or "")
