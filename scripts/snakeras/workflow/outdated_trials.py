"""Trials made with other settings where Snakemake has lost its record of that; else ``rule_params`` decides."""

from pathlib import Path

from snakeras.search import trial_records
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles


class OutdatedTrials:
    """Trials whose JSON file says that they were made with other settings than those of now.

    Snakemake compares params too, but by its own records, and it has none of a job that ended on a cluster after its
    Snakemake was killed. It has no supported way to run a job again for a reason of ours: ``forcerun`` would also make
    the trial a target. So this adds to ``workflow.dag.forcefiles``, the outputs that Snakemake makes again, while it
    builds its graph.
    """

    def __init__(self, workflow: object, files: SearchFiles, params: RuleParams) -> None:
        self._workflow = workflow
        self._files = files
        self._made_with = {"search": params.search, "data": params.data}

    def force(self, wildcards: object) -> list[str]:
        """Force the trial to run again if it is outdated. As an input function; returns no input."""
        path = self._files.trial(int(wildcards.trial))
        # The Snakemake of a job on a cluster plans this trial alone, and it runs in any case.
        if not self._workflow.remote_exec and self.is_outdated(Path(path)):
            self._workflow.dag.forcefiles.add(path)
        return []

    def is_outdated(self, path: Path) -> bool:
        """Return whether there is a trial's JSON file that says that it was made with other settings."""
        return trial_records.made_with(path) not in (None, self._made_with)
