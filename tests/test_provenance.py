from importlib.metadata import version
from pathlib import Path

from snakeras import files, provenance


def test_every_source_and_the_data_count(tmp_path: Path) -> None:
    script, helper, manifest = (tmp_path / name for name in ("a.py", "b.py", "data.json"))
    script.write_text("one")
    helper.write_text("two")
    files.write_json(manifest, {"digest": "abc"})
    found = provenance.determined_by([script, helper], {"seed": 1}, {"dataset": "mnist"}, manifest)
    assert found["data"] == {"dataset": "mnist", "digest": "abc"}
    assert found["search"] == {"seed": 1}
    helper.write_text("three")
    other = provenance.determined_by([script, helper], {"seed": 1}, {"dataset": "mnist"}, manifest)
    assert other["model"][0] == found["model"][0]
    assert other["model"][1] != found["model"][1]
    assert provenance.determined_by([script], {}, {}, None)["data"] == {"digest": None}


def test_versions_are_those_installed() -> None:
    found = provenance.versions()
    assert set(found) == set(provenance.PACKAGES)
    assert found["keras"] == version("keras")
    assert found["tensorflow"].startswith("2.")
