"""What Snakemake prints at the end of a search that only could not be published."""

from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import Settings
from snakeras.workflow import closing_message
from snakeras.workflow.rule_params import RuleParams
from snakeras.workflow.search_files import SearchFiles


def message(settings: Settings, search_files: SearchFiles, rule_params: RuleParams) -> str | None:
    """Return the last lines of a search of which only publishing is missing; None if anything else is."""
    results = Path(search_files.results)
    try:
        best = files.read_json(results / "best.json")
        provenance = best["provenance"]
        # What lies there may be of an earlier configuration.
        is_current = (
            provenance["config"] == {"search": rule_params.search, "data": rule_params.data}
            and provenance["model_digest"] == files.sha256_of(search_files.fingerprint)
            and sum(best["trials"].values()) == settings.search.max_evals
            # Snakemake takes away what a job that failed was to make.
            and all(Path(path).exists() for path in search_files.trials)
        )
    except (UserError, OSError, KeyError):
        return None
    lines = closing_message.summary(results, tracking=None)
    if not is_current or not lines or all(Path(path).exists() for path in search_files.published):
        return None
    return f"{lines}\nNot all of it is published yet: see the lines above, then call again"
