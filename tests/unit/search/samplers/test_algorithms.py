import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT
from snakeras.core.settings import TrialSettings
from snakeras.search.samplers import algorithms, own


@pytest.mark.parametrize("name", ["tpe", "rand", "anneal"])
def test_short_names_are_hyperopts_own(name: str) -> None:
    import hyperopt

    search = TrialSettings(algo=name, startup_trials=7, parallelism=1)
    suggest = algorithms.configured(search)
    assert getattr(suggest, "func", suggest) is getattr(hyperopt, name).suggest
    assert algorithms.complaint(name) is None
    assert algorithms.own_file(name) is None


def test_what_the_base_lock_has_needs_no_extra() -> None:
    names = ("optuna-tpe", "gp", "qmc", "sklearn-random")
    assert {name: algorithms.complaint(name) for name in names} == dict.fromkeys(names)


def test_a_missing_package_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "_version", lambda package: None)
    for name, extra in {
        "nevergrad-PSO": "nevergrad",
        "sherpa": "sherpa",
        "atpe": "atpe",
        "optuna-gp": "optuna-gp",
    }.items():
        line = algorithms.complaint(name)
        assert line.startswith(f"{name} needs ")
        assert f"make setup EXTRA={extra} installs" in line
        assert (ROOT / "envs" / f"requirements-{extra}.txt").is_file()
    assert "make setup installs" in algorithms.complaint("gp")


def test_a_distribution_that_an_algorithm_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algorithms, "_version", lambda package: "1")
    texts = ["{{uniform(0, 1)}}", '{{pchoice([(0.9, "a"), (0.1, "b")])}}']
    script = SimpleNamespace(path="mine.py", templates=[SimpleNamespace(text=text) for text in texts])
    assert algorithms.complaint("atpe", script).startswith("atpe does not know pchoice, which mine.py has; expected")
    assert algorithms.complaint("optuna-tpe", script) is None
    script.templates.pop()
    assert algorithms.complaint("atpe", script) is None


def test_the_makefile_knows_every_extra() -> None:
    (known,) = re.findall(r"^SAMPLERS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    extras = {sampler.extra for sampler in algorithms.SAMPLERS.values() if sampler.extra}
    # And the packages of the comparison.
    assert known.split() == sorted(extras | {"atpe", "benchmarks"})


def test_the_users_own_file_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    for name in ("single.py", "own/__init__.py", "own/inner.py"):
        (tmp_path / name).write_text("def suggest(new_ids, domain, trials, seed): return []\n")
    found = [algorithms.own_file(f"{name}.suggest") for name in ("single", "own", "own.inner", "hyperopt.tpe")]
    assert found == ["single.py", "own/__init__.py", "own/inner.py", None]
    assert own.suggest_function("own.inner.suggest")(1, 2, 3, 4) == []


@pytest.mark.parametrize(("startup", "parallelism", "told"), [(5, 1, 5), (5, 4, 2), (5, 5, 1), (2, 8, 1)])
def test_tpe_is_told_what_it_will_see_when_its_start_ends(startup: int, parallelism: int, told: int) -> None:
    search = TrialSettings(startup_trials=startup, parallelism=parallelism)
    assert algorithms.configured(search).keywords == {"n_startup_jobs": told}
    rand = search.model_copy(update={"algo": "rand"})
    assert algorithms.configured(rand) is own.suggest_function("hyperopt.rand.suggest")


def test_an_algorithm_of_ones_own_is_told_when_its_start_ends_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "told.py").write_text(
        "def suggest(new_ids, domain, trials, seed, n_startup_jobs=20):\n    return n_startup_jobs\n"
    )
    search = TrialSettings(algo="told.suggest", startup_trials=6, parallelism=3)
    assert algorithms.configured(search)([7], None, None, 0) == 4
    # With two trials of other searches in front, four are random, however many each of them sees.
    seen = SimpleNamespace(trials=[{}, {}, {}])
    found = [algorithms.configured(search, warm=2)([trial], None, seen, 0) for trial in (0, 3, 4, 9)]
    assert found == [4, 4, 0, 0]


SAMPLERS = """
import functools
import hyperopt

def plain(ids, domain, trials, seed): return []
def optional(ids, domain, trials=None, seed=0, startup=5): return []
def anything(*args): return []
def named(ids, domain, trials, seed, *, startup=5): return []
few = lambda ids: []
def keywords(**kwargs): return []
def many(ids, domain, trials, seed, startup): return []
def told(ids, domain, trials, seed, *, startup): return []
class Sampler:
    def __call__(self, ids, domain, trials, seed): return []
class Nothing:
    def __call__(self, ids): return []
instance, other = Sampler(), Nothing()
bound = Sampler().__call__
partial = functools.partial(hyperopt.tpe.suggest, n_startup_jobs=3)
full = functools.partial(many, startup=3)
printing = functools.partial(print, end="")
"""


@pytest.fixture
def own_samplers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_samplers.py").write_text(SAMPLERS)
    yield
    sys.modules.pop("own_samplers", None)


@pytest.mark.usefixtures("own_samplers")
@pytest.mark.parametrize(
    "algo",
    [
        "hyperopt.tpe.suggest",
        "hyperopt.rand.suggest",
        "hyperopt.anneal.suggest",
        "hyperopt.atpe.suggest",
        *(f"own_samplers.{name}" for name in ("plain", "optional", "anything", "named", "instance", "bound")),
        "own_samplers.partial",
        "own_samplers.full",
    ],
)
def test_whatever_hyperopt_can_call_is_a_suggest_function(algo: str) -> None:
    assert algorithms.complaint(algo) is None


@pytest.mark.usefixtures("own_samplers")
@pytest.mark.parametrize(
    ("algo", "reason"),
    [
        ("random", "no such name"),
        ("optuna_tpe", "did you mean optuna-tpe?"),
        ("rando", "did you mean rand?"),
        ("hyperopt.no_such.suggest", "No module named"),
        ("hyperopt.tpe.propose", "has no attribute 'propose'"),
        ("math.pi", "no function"),
        ("os.system", "Python's own library"),
        ("builtins.print", "Python's own library"),
        ("builtins.len", "Python's own library"),
        ("json.dumps", "Python's own library"),
        ("os.path.join", "Python's own library"),
        ("builtins.dict", "a class"),
        ("own_samplers.Sampler", "a class"),
        ("own_samplers.printing", "Python's own library"),
        *(
            (name, "no function of (new_ids, domain, trials, seed)")
            for name in ("numpy.array", "numpy.sum", "hyperopt.fmin", "hyperopt.space_eval")
        ),
        *(
            (f"own_samplers.{name}", "no function of (new_ids, domain, trials, seed)")
            for name in ("few", "keywords", "many", "told", "other")
        ),
    ],
)
def test_whatever_it_cannot_call_is_refused_in_one_line(algo: str, reason: str) -> None:
    line = algorithms.complaint(algo)
    assert line.startswith(f"found {algo!r} (")
    assert reason in line
    assert "\n" not in line
