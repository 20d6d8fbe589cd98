"""What runs again though Snakemake sees no reason for it, and why trials run again, in a line."""

from collections import Counter
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.model_file import fingerprint
from snakeras.search import earlier_trials, provenance, stop_rule, trial_records
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles

NO_LONGER_SKIPPED = "search.stop no longer skips them"


class OutdatedTrials:
    """Trials, and the final model, whose JSON file says that they were made from something else than there is now.

    Snakemake compares params too, but by its own records, and it has none of a job that ended on a cluster after its
    Snakemake was killed. It does not know the files that a model file reads: they are seen when a trial runs, and a new
    input would run all trials again. It has no supported way to run a job again for a reason of ours: ``forcerun``
    would also make the trial a target. Nor does it see that a stop rule would no longer skip a trial. So this adds to
    ``workflow.dag.forcefiles``, the outputs that Snakemake makes again, while it builds its graph.
    """

    def __init__(self, workflow: object, search_files: SearchFiles, params: RuleParams) -> None:
        self._workflow = workflow
        self._files = search_files
        self._params = params

    def force(self, wildcards: object) -> list[str]:
        """Force the trial to run again if it is outdated. As an input function; returns no input."""
        path = self._files.trial(int(wildcards.trial))
        # The Snakemake of a job on a cluster plans this trial alone, and it runs in any case.
        if not self._workflow.remote_exec and self.change(path):
            self._workflow.dag.forcefiles.add(path)
        return []

    def force_final(self, _wildcards: object) -> list[str]:
        """Force the final model to be made again if its file is lost or a file that it read has changed; as ``force``.

        Snakemake knows the folder only: whether there is a model, and of which kind, is known when it is trained.
        """
        path = f"{self._files.results}/final/metrics.json"
        metrics = _read(path)
        is_lost = metrics.get("model") is not None and not Path(path).with_name(metrics["model"]).exists()
        if not self._workflow.remote_exec and (is_lost or provenance.changed_file(metrics.get("files", {}))):
            self._workflow.dag.forcefiles.add(path)
        return []

    def force_finalist(self, wildcards: object) -> list[str]:
        """Force a finalist, and a member of an ensemble, to be trained again if a file that it read has changed."""
        for folder in ("finalists", "members"):
            path = f"{self._files.results}/{folder}/{wildcards.trial}_{wildcards.number}.json"
            made = _read(path).get("determined_by", {})
            if not self._workflow.remote_exec and provenance.changed_file(made.get("files", {})):
                self._workflow.dag.forcefiles.add(path)
        return []

    def change(self, path: str) -> str | None:
        """Return what has changed since a trial was made, by its JSON file; None if nothing has."""
        try:
            record = _read(path)
            made = record["determined_by"]
            if change := fingerprint.difference(made["model"], self._files.fingerprint):
                return change
            for section, now in (("search", self._params.search), ("data", self._params.data)):
                before = {key: value for key, value in made[section].items() if key != "digest"}
                if changed := [key for key in before | now if before.get(key) != now.get(key)]:
                    return f"{section}.{changed[0]} changed"
            if made.get("point") != trial_records.given(self._params.points, int(Path(path).stem)):
                return "search.points changed"
            if made.get("warm_start") != self._files.warm_start_digest:
                return "search.warm_start changed"
            if record.get("status") == "skipped" and self._would_run(record["trial"]):
                return NO_LONGER_SKIPPED
            return provenance.changed_file(made.get("files", {}))
        except (LookupError, TypeError, AttributeError):
            return None

    def _would_run(self, trial: int) -> bool:
        """Return whether the stop rule of now would not skip a trial that looks back on no skipped one.

        One that does look back on a skipped trial runs again when that does.
        """
        visible = earlier_trials.visible(trial, self._params.search["parallelism"])
        if visible and _read(self._files.trial(visible[-1]))["status"] == "skipped":
            return False
        records = [_read(self._files.trial(number)) for number in visible]
        return stop_rule.reason(records, self._params.stop_rule) is None

    def reasons(self) -> str | None:
        """Return why trials run again, in one line; None where none does."""
        changes = Counter(filter(None, map(self.change, self._files.trials)))
        if not changes:
            return None
        if NO_LONGER_SKIPPED in changes:
            # With those that follow.
            changes[NO_LONGER_SKIPPED] = sum(_read(path).get("status") == "skipped" for path in self._files.trials)
        count = sum(changes.values())
        return f"{count} trial{'s' * (count > 1)} run{'s' * (count == 1)} again: {'; '.join(changes)}"


def _read(path: str) -> dict:
    try:
        return files.read_json(Path(path))
    except UserError:
        return {}
