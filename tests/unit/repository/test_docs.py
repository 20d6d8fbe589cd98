import re

import pytest
from workflow_folder import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")]


def anchors(page: str) -> set[str]:
    """Return the anchors that a Markdown page has for its headings."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page) -> None:
    for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text()), f"{target}#{anchor}"


def test_every_guarantee_names_tests_that_exist() -> None:
    sections = (ROOT / "docs/design.md").read_text().split("\n## ")[2:]
    for section in sections:
        (named,) = re.findall(r"^\*Tests:\* (.+(?:\n.+)*)", section, re.MULTILINE)
        paths = re.findall(r"`((?:unit|workflow|cluster)/[^`]*)`", named)
        assert paths, section
        assert all((ROOT / "tests" / path).exists() for path in paths), paths
