from pathlib import Path

import pytest
from snakeras.search import samplers


@pytest.mark.parametrize("name", ["tpe", "rand", "anneal"])
def test_short_names_are_hyperopts_own(name: str) -> None:
    import hyperopt

    assert samplers.suggest_function(name) is getattr(hyperopt, name).suggest
    assert samplers.complaint(name) is None
    assert samplers.own_file(name) is None


def test_the_users_own_file_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    for name in ("single.py", "own/__init__.py", "own/inner.py"):
        (tmp_path / name).write_text("def suggest(new_ids, domain, trials, seed): return []\n")
    found = [samplers.own_file(f"{name}.suggest") for name in ("single", "own", "own.inner", "hyperopt.tpe")]
    assert found == ["single.py", "own/__init__.py", "own/inner.py", None]
    assert samplers.suggest_function("own.inner.suggest")(1, 2, 3, 4) == []


@pytest.mark.parametrize(("startup", "parallelism", "told"), [(5, 1, 5), (5, 4, 2), (5, 5, 1), (2, 8, 1)])
def test_tpe_is_told_what_it_will_see_when_its_start_ends(startup: int, parallelism: int, told: int) -> None:
    search = {"algo": "tpe", "startup_trials": startup, "parallelism": parallelism}
    assert samplers.configured(search).keywords == {"n_startup_jobs": told}
    assert samplers.configured(search | {"algo": "rand"}) is samplers.suggest_function("rand")
