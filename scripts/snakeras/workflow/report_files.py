"""The pictures and pages of a search, and where the report finds their captions."""

import os
from pathlib import Path

# The final model's pictures, as the report calls them.
FINAL_PICTURES = {
    "confusion": "Confusion matrix",
    "mistakes": "Mistakes on the test set",
    "training": "Training of the final model",
}


class ReportFiles:
    """Paths of a search's pictures and pages, and of the captions that are filled in with its figures.

    Args:
        results: The search's folder of results.
        templates: The workflow's folder of captions.
    """

    def __init__(self, results: str, templates: Path) -> None:
        self._plots = f"{results}/plots"
        self._templates = templates
        # What can be made without a final model; then what shows it, and the summary.
        self.of_search = [f"{self._plots}/search", f"{self._plots}/table.html"]
        names = [*(f"{name}.svg" for name in FINAL_PICTURES), "layers.html", "summary.html"]
        self.of_final_model = [f"{self._plots}/{name}" for name in names]

    def template(self, name: str) -> str:
        """Return the path of a caption or page that is still to be filled in."""
        return os.path.relpath(self._templates / name)

    def templates(self, *pictures: str) -> dict[str, str]:
        """Return the captions' templates of several pictures, by names of a rule's input."""
        return {f"{picture}_text": self.template(f"{picture}.rst") for picture in pictures}

    def caption(self, picture: str) -> str:
        """Return the absolute path of a filled-in caption: Snakemake looks for relative ones beside the rules."""
        return str(Path(f"{self._plots}/captions/{picture}.rst").absolute())

    @staticmethod
    def finalists(wanted: bool) -> dict[str, str]:
        """Return the table of the finalists, if it is ``wanted``, by the name of a rule's output."""
        from snakemake.io import report

        path, caption, labels = "results/{name}/finalists.csv", "../report/finalists.rst", {"result": "Finalists (CSV)"}
        return {"finalists": report(path, caption=caption, category="Search", labels=labels)} if wanted else {}

    def picture(self, name: str, category: str) -> dict[str, str]:
        """Return a picture's SVG (for the report), PNG and filled-in caption, by names of a rule's output."""
        from snakemake.io import report

        path = f"results/{{name}}/plots/{name}"
        labels = {"result": FINAL_PICTURES[name]}
        return {
            name: report(f"{path}.svg", caption=self.caption(name), category=category, labels=labels),
            f"{name}_png": f"{path}.png",
            f"{name}_caption": f"results/{{name}}/plots/captions/{name}.rst",
        }
