"""The files of the report: pictures, pages and their captions."""

import os
from pathlib import Path

# What the report calls them.
SEARCH_PICTURES = {
    "validation": "Results by trial",
    "curves": "Learning curves",
    "hyperparameters": "Each hyperparameter",
    "importance": "Importance of the hyperparameters",
    "timeline": "Timeline",
}
FINAL_PICTURES = {
    "confusion": "Confusion matrix",
    "mistakes": "Mistakes on the test set",
    "training": "Training of the final model",
    "network": "Layers of the final model",
}
SEARCH_PAGES = ("parallel_coordinates", "table")


def search_targets(results: str) -> list[str]:
    """Return the pictures and pages that need no final model."""
    return _plots(results, "svg", *SEARCH_PICTURES) + _plots(results, "html", *SEARCH_PAGES)


def targets(results: str) -> list[str]:
    """Return all pictures and pages."""
    return search_targets(results) + _plots(results, "svg", *FINAL_PICTURES) + _plots(results, "html", "summary")


def _plots(results: str, suffix: str, *names: str) -> list[str]:
    return [f"{results}/plots/{name}.{suffix}" for name in names]


class ReportFiles:
    """The paths that the rules of the report share."""

    def __init__(self, results: str, basedir: str) -> None:
        self._results = results
        self._templates = Path(basedir) / "report"

    def report_file(self, name: str) -> str:
        """Return the path of one of the workflow's files for the report."""
        return os.path.relpath(self._templates / name)

    def caption_text(self, picture: str) -> str:
        """Return the path of a caption's template, to be filled in with a search's figures."""
        return self.report_file(f"{picture}.rst")

    def caption_texts(self, *pictures: str) -> dict[str, str]:
        """Return the same for several, by names of a rule's input."""
        return {f"{picture}_text": self.caption_text(picture) for picture in pictures}

    def caption(self, picture: str) -> str:
        """Return the absolute path of a caption filled in: Snakemake looks for others beside the rules."""
        return str(Path(f"{self._results}/plots/captions/{picture}.rst").absolute())

    def picture(self, name: str, category: str) -> dict[str, str]:
        """Return a picture's files by names of a rule's output: SVG (for the report), PNG and caption."""
        from snakemake.io import report

        path = f"results/{{name}}/plots/{name}"
        labels = {"result": (SEARCH_PICTURES | FINAL_PICTURES)[name]}
        return {
            name: report(f"{path}.svg", caption=self.caption(name), category=category, labels=labels),
            f"{name}_png": f"{path}.png",
            f"{name}_caption": f"results/{{name}}/plots/captions/{name}.rst",
        }
