"""What has to be made again although Snakemake does not see it: outdated trials, a final model that is lost."""

from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.search import trial_records
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles


class OutdatedTrials:
    """Trials whose JSON file says that they were made with other settings than those of now.

    Snakemake compares the params of ``rule_params`` too, but by its own records, and it has none of a job that ended on
    a cluster after its Snakemake was killed. It has no supported way to run a job again for a reason of ours:
    ``forcerun`` would also make the trial a target. So this adds to ``workflow.dag.forcefiles``, the outputs that
    Snakemake makes again, while it builds its graph.
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

    def force_lost_model(self, wildcards: object) -> list[str]:
        """Force the final model to be made again if its file is lost. As an input function; returns no input.

        Snakemake knows the folder only: whether there is a model, and of which kind, is known when it is trained.
        """
        folder = Path(f"results/{wildcards.name}/final")
        if not self._workflow.remote_exec and is_lost(folder):
            self._workflow.dag.forcefiles.add(str(folder / "metrics.json"))
        return []

    def is_outdated(self, path: Path) -> bool:
        """Return whether there is a trial's JSON file that says that it was made with other settings."""
        return trial_records.made_with(path) not in (None, self._made_with)


def is_lost(folder: Path) -> bool:
    """Return whether ``metrics.json`` of a final model names a file that is not beside it."""
    try:
        model = files.read_json(folder / "metrics.json")["model"]
    except (UserError, LookupError, TypeError):
        return False
    return model is not None and not (folder / model).exists()
