"""The report of a search as people see it: in a browser, without a network."""

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from workflow_folder import Folder

pytestmark = pytest.mark.slow

SEARCH_ITEMS = [
    "All trials (CSV)",
    "Best hyperparameters (JSON)",
    "contour",
    "curves",
    "edf",
    "history",
    "importances",
    "parallel_coordinates",
    "rank",
    "slice",
    "timeline",
]
FINAL_ITEMS = [
    "Confusion matrix",
    "Layers of the final model",
    "Metrics (JSON)",
    "Mistakes on the test set",
    "Training of the final model",
]
# The buttons of the menu, by what is drawn on them.
CLOSE, OPEN = "a:has(path[d^='M4.293 4.293'])", "a:has(path[d^='M3 5a1'])"
PAGES = {"Summary", "Table of all trials", "Pictures of the search", "Layers of the final model"}


class Reader:
    """A report open in a browser of this width."""

    def __init__(self, browser: object, path: Path, width: int, dark: bool = False) -> None:
        scheme = "dark" if dark else "light"
        size = {"width": width, "height": 900}
        self.page = browser.new_page(viewport=size, color_scheme=scheme, offline=True)
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self._address = path.as_uri()

    def items(self, category: str) -> list[str]:
        """Open a category; the names of what is in it."""
        self.page.goto(self._address)
        self._closed = False
        self.page.get_by_text(category, exact=True).first.click()
        self.page.locator("a[iconname=eye]").first.wait_for()
        return [row.inner_text().strip() for row in self.page.locator("tr:has(a[iconname=eye]) td:first-child").all()]

    def look(self, item: str) -> object:
        """Look at an item; the frame of a page, or the element of a picture."""
        if self._closed:
            self.page.locator(OPEN).click()
        self.page.locator("tr", has_text=item).locator("a[iconname=eye]").click()
        # On a narrow screen the menu is in the way.
        self.page.locator(CLOSE).click()
        self._closed = True
        if item in PAGES:
            frame = self.page.locator("iframe").element_handle().content_frame()
            frame.wait_for_load_state()
            return frame
        self.page.locator("div.p-3 > img").wait_for()
        return self.page.locator("div.p-3 > img")

    def has_left(self) -> list[str]:
        """What was asked for from elsewhere."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture(scope="module")
def report(finished: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    finished.run("--report", str(path))
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with servers.browser() as started:
        yield started


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (400, True)])
def test_every_picture_is_drawn_without_a_network_or_an_error(
    report: Path, browser: object, width: int, dark: bool
) -> None:
    reader = Reader(browser, report, width, dark)
    found = {}
    for category in ("Final model", "Search", "Summary", "Trials"):
        found[category] = reader.items(category)
        for item in found[category]:
            if "(" in item:
                continue
            shown = reader.look(item)
            if item in PAGES:
                assert len(shown.locator("body").inner_text()) > 50, item
                wide = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide <= 0, item
            else:
                drawn = shown.evaluate("image => image.decode().then(() => [image.naturalWidth, image.width])")
                assert drawn[0] > 300, item
                assert 200 < drawn[1] <= width, item
    assert found == {
        "Final model": FINAL_ITEMS,
        "Search": SEARCH_ITEMS,
        "Summary": ["Summary"],
        "Trials": ["Table of all trials"],
    }
    assert reader.errors == []
    assert reader.has_left() == []


@pytest.mark.parametrize("width", [1400, 500])
def test_the_report_opens_with_the_summary(report: Path, browser: object, width: int) -> None:
    reader = Reader(browser, report, width)
    reader.page.goto(report.as_uri())
    frame = reader.page.locator("iframe.summary")
    frame.wait_for()
    summary = frame.element_handle().content_frame()
    result = summary.locator(".result")
    assert "test accuracy" in result.inner_text()
    # On the first screen, without scrolling, and before Snakemake's graph.
    assert 0 < result.bounding_box()["y"] < 900
    graph = reader.page.locator("#app #rulegraph").bounding_box()
    assert graph["y"] > result.bounding_box()["y"]
    # All of it is shown, and the page's own top can be reached.
    reader.page.wait_for_function(
        "() => { const page = document.querySelector('iframe.summary').contentDocument.documentElement;"
        " return page.scrollHeight <= page.clientHeight + 1 }"
    )
    assert reader.page.locator("h1", has_text="Search").bounding_box()["y"] >= 0
    assert reader.errors == []
    assert reader.has_left() == []


def test_the_table_sorts_and_finds(report: Path, browser: object, finished: Folder) -> None:
    with (finished.results / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    reader = Reader(browser, report, 1400)
    reader.items("Trials")
    table = reader.look("Table of all trials")
    header = table.locator("th", has_text="f1").first
    header.wait_for()

    def shows(trials: list[int]) -> None:
        """Wait until the table has these rows in this order."""
        table.wait_for_function(
            """trials => {
                const cells = [...document.querySelectorAll("table.dataTable tbody tr td:first-child")]
                return cells.map(cell => parseInt(cell.innerText)).join() === trials.join()
            }""",
            arg=trials,
        )

    shows([0, 1, 2, 3])
    header.click()
    ascending = sorted(range(4), key=lambda trial: float(rows[trial]["f1"]))
    assert ascending != [0, 1, 2, 3]
    shows(ascending)
    header.click()
    shows(ascending[::-1])
    table.locator("input[type=search]").fill("pruned")
    pruned = [trial for trial in ascending[::-1] if rows[trial]["status"] == "pruned"]
    assert pruned
    shows(pruned)
    assert reader.errors == []


def test_captions_tell_the_figures_of_this_search(report: Path, browser: object, finished: Folder) -> None:
    best = max(float(row["val_accuracy"]) for row in csv.DictReader((finished.results / "trials.csv").open()))
    reader = Reader(browser, report, 1400)
    reader.items("Search")
    reader.page.locator("tr", has_text="history").locator("a[iconname=information-circle]").click()
    reader.page.get_by_text(f"of {best:.4g}").first.wait_for()


def test_a_search_of_which_all_trials_failed_can_be_looked_at(
    all_failed: Folder, browser: object, tmp_path: Path
) -> None:
    folder = all_failed.copy(tmp_path / "failed")
    folder.run("--", "pictures")
    folder.run("--report", "report.html", "--", "pictures")
    reader = Reader(browser, folder.path / "report.html", 1400)
    for item in reader.items("Search"):
        reader.look(item)
    assert reader.errors == []


def test_a_zipped_report_has_the_interactive_page(finished: Folder, browser: object, tmp_path: Path) -> None:
    finished.run("--report", str(tmp_path / "report.zip"))
    with zipfile.ZipFile(tmp_path / "report.zip") as archive:
        archive.extractall(tmp_path)
    reader = Reader(browser, tmp_path / "report" / "report.html", 1400)
    assert "Pictures of the search" in reader.items("Search")
    page = reader.look("Pictures of the search")
    page.locator("#timeline .js-plotly-plot").wait_for()
    assert reader.errors == []
    assert reader.has_left() == []
