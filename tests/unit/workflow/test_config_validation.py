import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import MODELS, ROOT
from hypothesis import given
from hypothesis import strategies as st
from snakemake.utils import update_config
from snakeras.core.errors import UserError
from snakeras.core.settings import DataSettings, SearchSettings, Settings
from snakeras.workflow import config_validation


def settled(given: dict) -> dict:
    config_validation.read(given, ROOT)
    return given


def complaint(given: dict) -> str:
    with pytest.raises(UserError) as raised:
        settled(given)
    return str(raised.value)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_documented_file_names_every_key(default_config: dict) -> None:
    assert set(config_validation.known_keys()) == set(every_key(default_config))


def every_key(config: dict, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from every_key(value, f"{prefix}{key}.")


def test_a_short_configuration_leaves_the_script_as_it_is() -> None:
    short = settled({"name": "mine"})
    assert (short["search"]["epochs"], short["search"]["train_samples"], short["final"]["epochs"]) == (None,) * 3


def test_every_key_is_documented(default_config: dict) -> None:
    lines = (ROOT / "config.yaml").read_text().splitlines()
    for key, rule in config_validation.known_keys().items():
        if rule.get("type") != "object":
            assert any(line.strip().startswith(f"{key.split('.')[-1]}:") and "#" in line for line in lines), key


def test_the_documented_values_are_valid(default_config: dict) -> None:
    assert Settings(**default_config).search.max_evals == default_config["search"]["max_evals"]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_configurations_of_other_searches_are_valid(path: Path, default_config: dict) -> None:
    update_config(default_config, yaml.safe_load(path.read_text()))
    assert settled(default_config)["name"] != "mnist"


def test_strings_from_the_command_line_equal_values_from_a_file() -> None:
    from_file = settled({"search": {"max_evals": 6, "epochs": None, "train_samples": 600}, "tracking": {"uri": None}})
    from_command = settled(
        {"search": {"max_evals": "6", "epochs": "null", "train_samples": "600"}, "tracking": {"uri": "null"}}
    )
    assert from_command == from_file
    assert [type(value) for value in from_command["search"].values()] == [
        type(value) for value in from_file["search"].values()
    ]


@pytest.mark.parametrize("null", [None, "null", "~", ""])
def test_a_section_that_is_null_has_its_defaults(null: str | None) -> None:
    defaults = settled({})
    for section in ("data", "search", "final", "resources"):
        assert settled({section: null}) == defaults
    assert settled({"tracking": null}) == settled({"tracking": {"uri": None}})


def test_a_pruner_may_be_its_name_alone() -> None:
    for name in ("none", "median", "halving"):
        assert settled({"search": {"pruner": name}}) == settled({"search": {"pruner": {"type": name}}})
    assert settled({"search": {"pruner": None}}) == settled({"search": {"pruner": "none"}})


@given(st.integers(1, 10**6))
def test_a_whole_number_reads_alike_in_every_spelling(number: int) -> None:
    for spelling in (number, str(number), float(number)):
        epochs = SearchSettings(epochs=spelling).epochs
        assert (epochs, type(epochs)) == (number, int)


@given(st.floats(1e-12, 1 - 1e-12))
def test_a_fraction_reads_alike_in_every_spelling(fraction: float) -> None:
    assert DataSettings(validation_fraction=repr(fraction)).validation_fraction == fraction


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"search": {"max_evals": "many"}}, "search.max_evals: found 'many', expected a whole number at least 1"),
        ({"search": {"max_evals": 0}}, "search.max_evals: found 0, expected a whole number at least 1"),
        ({"search": {"max_evals": True}}, "search.max_evals: found true, expected a whole number at least 1"),
        ({"search": {"max_evals": 2.5}}, "search.max_evals: found 2.5, expected a whole number at least 1"),
        (
            {"search": {"args": "--size 3"}},
            "search.args: found '--size 3', expected a list of texts, such as [--size, 3]",
        ),
        ({"search": {"args": ["--size", None]}}, "search.args: found null, expected a list of texts"),
        ({"search": {"threads": None}}, "search.threads: found null, expected"),
        ({"search": {"epochs": -1}}, "search.epochs: found -1, expected a whole number at least 1, or null"),
        ({"search": {"max_eval": 3}}, "search.max_eval: unknown key, did you mean search.max_evals?"),
        ({"search": {"stop": {"target": "x"}}}, "search.stop.target: found 'x', expected a number, or null"),
        ({"search": {"stop": {"target": float("nan")}}}, "search.stop.target: found nan, expected a number, or null"),
        (
            {"search": {"stop": {"patience": 0}}},
            "search.stop.patience: found 0, expected a whole number at least 1, or null",
        ),
        (
            {"search": {"stop": {"epochs": 2.5}}},
            "search.stop.epochs: found 2.5, expected a whole number at least 1, or null",
        ),
        ({"search": {"stop": {"patient": 3}}}, "search.stop.patient: unknown key, did you mean search.stop.patience?"),
        (
            {"search": {"stop": 0.99}},
            "search.stop: found 0.99, expected keys with values, such as search: {stop: {target: 0.99}}",
        ),
        ({"max_evals": 3}, "max_evals: unknown key, did you mean search.max_evals?"),
        ({"serach": {}}, "serach: unknown key, did you mean search?"),
        ({"data": {"zzz": 1}}, "data.zzz: unknown key, expected one of data.dataset, data.validation_fraction"),
        (
            {"search": 5},
            "search: found 5, expected keys with values, such as search: {model: models/mnist_cnn.py}",
        ),
        (
            {"search": "reviews.py"},
            "search: found 'reviews.py', expected keys with values, such as search: {model: reviews.py}",
        ),
        ({"data": "model"}, "data: found 'model', expected keys with values, such as data: {dataset: model}"),
        ({"final": 5}, "final: found 5, expected keys with values, such as final: {epochs: 5}"),
        ({"final": "all"}, "final: found 'all', expected keys with values, such as final: {epochs: null}"),
        ({"resources": 8000}, "resources: found 8000, expected keys with values, such as resources: {mem_mb: 8000}"),
        (
            {"tracking": "https://me:s3cret@host/"},
            "tracking: found a value without keys, expected keys with values, such as tracking: {uri: 'sqlite:///ml",
        ),
        ({"search": {"pruner": "halvng"}}, "search.pruner.type: found 'halvng', expected one of none, median, halving"),
        (
            {"search": {"pruner": 4}},
            "search.pruner: found 4, expected keys with values, such as search: {pruner: {type: none}}",
        ),
        ({"name": "../up"}, "name: found '../up', expected a text of letters"),
        ({"name": 7}, "name: found 7, expected a text"),
        ({"data": {"dataset": "cifar"}}, "data.dataset: found 'cifar', expected one of mnist, mnist-5k, model"),
        ({"data": {"validation_fraction": 1}}, "data.validation_fraction: found 1, expected a number above 0 and b"),
        ({"data": {"validation_fraction": 1e-5}}, "data.validation_fraction: found 1e-05, which holds out 1 of 60000"),
        ({"search": {"algo": "magic"}}, "search.algo: found 'magic' (no such name), expected tpe, rand, anneal, "),
        (
            {"search": {"algo": "optuna_tpe"}},
            "search.algo: found 'optuna_tpe' (no such name; did you mean optuna-tpe?)",
        ),
        ({"search": {"algo_options": 3}}, "search.algo_options: found 3, expected keys with values"),
        ({"search": {"algo_options": {"gama": 0.5}}}, "search.algo_options.gama: unknown key, did you mean search.alg"),
        ({"search": {"algo_options": {"gamma": "a"}}}, "search.algo_options.gamma: found 'a', expected a number"),
        ({"search": {"algo": "rand", "algo_options": {"x": 1}}}, "search.algo_options.x: unknown key, expected none"),
        (
            {"search": {"algo": "gp", "algo_options": {"candidates": 0}}},
            "search.algo_options.candidates: found 0, expected a whole number at least 1 and at most 100000",
        ),
        (
            {"search": {"algo": "optuna-tpe", "algo_options": {"multivariate": 1}}},
            "search.algo_options.multivariate: found 1, expected true or false",
        ),
        (
            {"search": {"algo": "qmc", "algo_options": {"sequence": "sobel"}}},
            "search.algo_options.sequence: found 'sobel', expected one of sobol, halton",
        ),
        ({"search": {"algo": "hyperopt.tpe.nothing"}}, "search.algo: found 'hyperopt.tpe.nothing' (module"),
        ({"search": {"algo": "no_such.suggest"}}, "search.algo: found 'no_such.suggest' (No module named"),
        ({"search": {"model": "models/none.py"}}, "search.model: models/none.py: not there"),
        ({"tracking": {"uri": "https://me:s3cret@host/"}}, "tracking.uri: has a password in it"),
        ({"tracking": {"uri": "postgresql://h/db?user=u&password=s3cret"}}, "tracking.uri: has a password in it"),
        (
            {"tracking": {"mflux_token": "s3cret"}},
            "tracking.mflux_token: a token or password has no place in the configuration",
        ),
        ({"tracking": {"uri": "5"}}, "tracking.uri: no address of a tracker, expected one like sqlite:///mlflow.db"),
        ({"tracking": {"uri": "foo://x"}}, "tracking.uri: no address of a tracker"),
        ({"tracking": {"uri": "http://a b"}}, "tracking.uri: no address of a tracker"),
        ({"tracking": {"mflux": "maybe"}}, "tracking.mflux: found 'maybe', expected true or false"),
        ({"tracking": {"mflux_host": "https://me:s3cret@host"}}, "tracking.mflux_host: has a password in it"),
        (
            {"tracking": {"mflux_host": "mflux.ai"}},
            "tracking.mflux_host: expected an address like https://www.mflux.ai",
        ),
        (
            {"tracking": {"registered_model": "a/b"}},
            "tracking.registered_model: found 'a/b', expected a text without '/'",
        ),
        ({"tracking": {"models": "some"}}, "tracking.models: found 'some', expected one of all, best, none"),
        ({"tracking": {"uri": "http://[abc"}}, "tracking.uri: no address that can be read, expected one like"),
        (
            {"data": {"validation_fraction": float("nan")}},
            "data.validation_fraction: found nan, expected a number above 0 and below 1",
        ),
        ({"name": "mnist\n"}, "name: found 'mnist\\n', expected a text of letters"),
    ],
)
def test_a_mistake_is_one_clear_line(given: dict, line: str) -> None:
    said = complaint(given)
    assert "\n" not in said
    assert said.startswith(line)
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("search: {points: [{k1: 3}, {no: 3, k1: 5}]}", "search.points[1]: found the key no, off or false without"),
        ("search: {points: [{k1: {on: 3}}]}", "search.points[0].k1: found the key yes, on or true without quotes, exp"),
        ("search: {warm_start_defaults: {off: 3}}", "search.warm_start_defaults: found the key no, off or false with"),
        ("search: {algo_options: {~: 3}}", "search.algo_options: found the key null without quotes, expected a name"),
        ("search: {points: [{1: 3}]}", "search.points[0]: found the key 1 without quotes, expected a name in quotes,"),
        ("yes: 3", "config: found the key yes, on or true without quotes, expected a name in quotes, such as 'no'"),
        ("final: {candidates: 13}", "final.candidates: found 13, expected at most search.max_evals (12)"),
        ("final: {ensemble: {trials: 13}}", "final.ensemble.trials: found 13, expected at most search.max_evals (12)"),
        (
            "final: {seeds: 2, ensemble: {trials: 3}}",
            "final.ensemble.trials: found 3, expected at most final.candidates (1): with finalists, an ensemble is",
        ),
        ("final: {seeds: 1000000000}", "final.seeds: found 1000000000, expected a whole number at least 1 and at most"),
    ],
)
def test_a_mistake_in_yaml_is_one_clear_line(written: str, line: str) -> None:
    said = complaint(yaml.safe_load(written))
    assert "\n" not in said
    assert said.startswith(line)


@pytest.mark.parametrize("null", [None, "null", "~", ""])
def test_a_list_or_mapping_that_is_null_has_its_default(null: str | None) -> None:
    defaults = settled({})
    for key in ("points", "warm_start", "warm_start_defaults", "args", "algo_options"):
        assert settled({"search": {key: null}}) == defaults
    assert settled({"data": {"files": null}}) == defaults


def test_several_mistakes_are_a_line_each() -> None:
    said = complaint({"search": {"seed": "x", "threads": 0}, "nmae": "a"}).splitlines()
    assert [line.split(":")[0] for line in said] == ["nmae", "search.seed", "search.threads"]


def test_a_broken_config_is_left_as_it_was() -> None:
    given = {"search": {"seed": "x"}}
    complaint(given)
    assert given == {"search": {"seed": "x"}}


def test_a_model_is_looked_for_here_then_in_the_workflow(elsewhere: Path) -> None:
    found = settled({})["search"]["model"]
    assert not Path(found).is_absolute()
    assert Path(found).samefile(ROOT / "models" / "mnist_cnn.py")
    (elsewhere / "models").mkdir()
    shutil.copy(ROOT / "models" / "mnist_cnn.py", elsewhere / "models")
    assert settled({})["search"]["model"] == "models/mnist_cnn.py"


def test_a_model_for_mnist_takes_four_arrays(elsewhere: Path) -> None:
    shutil.copy(MODELS / "quadratic.py", elsewhere / "mine.py")
    assert "model() in mine.py has 1 parameters, expected 4" in complaint({"search": {"model": "mine.py"}})
    assert settled({"search": {"model": "mine.py"}, "data": {"dataset": "model"}})["data"]["dataset"] == "model"


def test_a_model_with_its_own_data_has_a_data_function() -> None:
    assert "has no data function" in complaint({"data": {"dataset": "model"}})


def test_templates_are_evaluated_before_anything_starts(elsewhere: Path) -> None:
    text = (MODELS / "quadratic.py").read_text()
    wrong = text.replace("{{uniform(", "{{unifrom(", 1).replace("{{choice([", "{{choice(", 1).replace("])}}", ")}}", 1)
    assert wrong != text
    (elsewhere / "mine.py").write_text(wrong)
    given = {"search": {"model": "mine.py"}, "data": {"dataset": "model"}}
    first, second = complaint(given).splitlines()
    assert "did you mean uniform?" in first
    assert second.startswith("search.model: mine.py, line ")
    assert "expected choice([option, ...])" in second
    # A job's own Snakemake need not do so again.
    config_validation.read(given, ROOT, in_job=True)


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ('"--size", type=int, required=True', "--size"),
        ('"folder"', "folder"),
        ('"files", nargs="+"', "files"),
        ('"--size", type=int, required=False', None),
        ('"folder", nargs="?"', None),
        ('"-s", "--size", default=3', None),
    ],
)
@pytest.mark.parametrize("way", ["parse_args()", "parse_known_args()", "parse_args([])"])
def test_a_required_argument_is_asked_for_before_anything_runs(
    elsewhere: Path, argument: str, name: str | None, way: str
) -> None:
    text = f"import argparse\ndef load():\n    p = argparse.ArgumentParser()\n    p.add_argument({argument})\n"
    text += f"    x = p.{way}\n    return x\ndef create(x):\n    rate = {{{{uniform(0, 1)}}}}\n"
    (elsewhere / "mine.py").write_text(f"{text}optim.minimize(model=create, data=load)\n")
    given = {"search": {"model": "mine.py"}, "data": {"dataset": "model"}}
    if name and "[]" not in way:
        assert complaint(given) == (
            f"search.args: mine.py asks for {name} (line 4: p.add_argument({argument})); search.args hands arguments "
            "over, as in search.args: [--size, 3]"
        )
        given["search"]["args"] = ["--size", 3]
    assert settled(given)


def test_an_own_search_algorithm_is_found_in_the_working_directory(elsewhere: Path) -> None:
    (elsewhere / "my_algorithms.py").write_text("from hyperopt.rand import suggest\nnumber = 3\n")
    assert settled({"search": {"algo": "my_algorithms.suggest"}})["search"]["algo"] == "my_algorithms.suggest"
    assert "(no function)" in complaint({"search": {"algo": "my_algorithms.number"}})
    (elsewhere / "leaving.py").write_text("raise SystemExit('bye')\n")
    assert complaint({"search": {"algo": "leaving.suggest"}}).startswith("search.algo: found 'leaving.suggest' (bye)")


def test_every_shipped_config_is_valid() -> None:
    for path in (ROOT / "configs").glob("*.yaml"):
        settled(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("from keras.callbacks import EarlyStopping as Stop", True),
        ("keep = keras.callbacks.ModelCheckpoint('best.keras', save_best_only=True)", True),
        ("# EarlyStopping", False),
        ("from beside import keep", True),
    ],
)
def test_a_best_epoch_by_images_that_are_trained_on_is_hinted_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_said: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("beside.py").write_text("from keras.callbacks import EarlyStopping\nkeep = EarlyStopping()\n")
    Path("model.py").write_text(f"{text}\ndef model(a, b, c, d):\n    return {{{{uniform(0, 1)}}}}\n")
    settings = Settings(search={"model": "model.py"})
    assert bool(config_validation.best_epoch_hint(settings)) == is_said
    for other in ({"final": {"train_on": "train"}}, {"data": {"dataset": "model"}}):
        changed = Settings(**{"search": {"model": "model.py"}} | other)
        assert config_validation.best_epoch_hint(changed) is None
