from pathlib import Path

import jinja2
import pytest
from docutils.core import publish_parts
from snakeras.report import captions


def test_snakemake_finds_nothing_left_to_fill_in(tmp_path: Path) -> None:
    template, result = tmp_path / "template.rst", tmp_path / "caption.rst"
    template.write_text("Best: {{ best }}.\n{% if failed %}\n{{ failed }} failed.\n{% endif %}\n")
    captions.write(template, {"best": "{{ braces }}", "failed": 0}, result)
    assert jinja2.Environment().from_string(result.read_text()).render() == "Best: {{ braces }}.\n"


def test_a_name_means_nothing_to_the_markup(tmp_path: Path) -> None:
    template, result = tmp_path / "template.rst", tmp_path / "caption.rst"
    template.write_text("The largest is {{ largest }}.")
    for name in "lambda_", "*a", "`b`", "c|", "back\\slash", "{% endraw %}":
        captions.write(template, {"largest": name}, result)
        caption = jinja2.Environment().from_string(result.read_text()).render()
        html = publish_parts(caption, writer="html")["body"]
        assert html == f"<p>The largest is {name}.</p>\n"


def test_a_figure_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        captions.filled("{{ best }}", {})
