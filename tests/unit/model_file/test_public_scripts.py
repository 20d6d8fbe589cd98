"""Hyperas files as people wrote them from 2016 to 2021, not a line changed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from reference import evaluated, record
from snakeras.core.errors import Mistake, UserError
from snakeras.core.settings import TrialSettings
from snakeras.data import datasets, mnist
from snakeras.model_file import hyperas_compat, loader, mlflow_capture, parser, templates
from snakeras.search import pruners

pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "tests" / "scripts"

# Hyperas's own names of their hyperparameters, in the order of the file, without those of templates in comments.
SHOWN = {
    "cnn_keras1.py": "Convolution2D Dropout Dense Dropout_1 lr",
    "ensemble.py": "Dropout Dense Dropout_1 batch_size",
    "import_styles.py": "D l2 Drop optimizer",
    "keras2_mlp.py": "Dropout Dense Activation Dropout_1 conditional optimizer batch_size",
    # Those of its helper functions come first.
    "kfold_helpers.py": "Dense rate Adam batch_size",
    "layers_in_choice.py": "hidden width seed kernel_initializer kernel_regularizer add add_1 add_2 Dense "
    "GaussianNoise Dropout Dense_1 activation Dropout_1 Constant loss optimizer adam_lr adam_lr_1 epochs batch_size",
    "no_args.py": "cell neurons Conv1D Dense Dropout learning_rate learning_rate_1 choiceval batch_size",
    "no_model.py": "n_estimators max_depth max_features min_samples_leaf ccp_alpha",
    "notebook.ipynb": "Dense activation Dropout optimizer batch_size",
    "regression_pandas.py": "Dense activation Dropout Dense_1 optimizer batch_size",
    "tabs_crlf.py": "Dense activation activation_1 Dense_1 Dense_2 Dropout batch_size",
    "text_lstm.py": "Dropout Dropout_1 LSTM Dropout_2 batch_size",
    "tutorial.py": "f1 k1 d1 f2 k2 d2 dense d3 bs",
    "two_inputs.py": "Dense activation Dense_1 Dropout merge learning_rate",
    "typed_decorated.py": "units layers rate Adam",
    "warns.py": "Dense activation units rate label label_1 weight α batch_size",
}


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the scripts and what lies beside them."""
    folder = shutil.copytree(SCRIPTS, tmp_path / "scripts")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def some_digits() -> dict[str, np.ndarray]:
    """Some of 5,000 real digits."""
    digits = datasets._mnist_5k()
    return {name: array[:: 5 if "train" in name else 10] for name, array in digits.items()}


@pytest.fixture
def few_digits(some_digits: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script finds as ``keras.datasets.mnist``, without a network."""
    copies = {name: array.copy() for name, array in some_digits.items()}
    monkeypatch.setattr(mnist, "read_or_fetch", lambda *_arguments: copies)


def test_every_script_is_here() -> None:
    assert {path.name for path in SCRIPTS.iterdir() if path.suffix in (".py", ".ipynb")} - set(SHOWN) == {
        "pairs_helper.py",
        "globalvars.py",
    }


def trials(name: str, search: dict, count: int) -> list[dict]:
    documents = []
    for trial in range(count):
        document = record(Path(name), search, trial, documents)
        documents.append(json.loads(json.dumps(document, allow_nan=False)))
    return documents


@pytest.mark.usefixtures("beside", "few_digits")
@pytest.mark.parametrize("name", SHOWN)
def test_two_trials(name: str, search: dict, tmp_path: Path) -> None:
    search |= {"algo": "rand", "train_samples": 300}
    # The tutorial logs to MLflow.
    with mlflow_capture.capture_runs(tmp_path / "logged"):
        documents = trials(name, search, 2)
    assert (tmp_path / "logged" / "mlflow").exists() == (name == "tutorial.py")
    for document in documents:
        assert document["failure"] is None
        assert document["status"] == "completed"
        assert isinstance(document["loss"], float)
        used, shown = document["hyperparameters"], SHOWN[name].split()
        drawn = used | document.get("unused", {})
        assert sorted(drawn) == sorted(shown)
        assert list(used) == [name for name in shown if name in used]
        labels = {label: document.get("names", {}).get(label, label) for label in document["hyperopt"]["misc"]["vals"]}
        assert sorted(filter(None, labels.values())) == sorted(drawn)
        assert " at 0x" not in json.dumps(document)
        assert bool(document["fits"]) == (name != "no_model.py")
    assert documents[0]["hyperparameters"] != documents[1]["hyperparameters"]
    # Nothing that a trial wrote lies beside the scripts.
    assert {path.name for path in Path().iterdir()} - {path.name for path in SCRIPTS.iterdir()} == set()


@pytest.mark.parametrize(
    "lines",
    [
        "x = {{uniform(0, 1)}}; y = f({{uniform(0, 1)}}, k={{choice([1, 2])}})",
        "x = {{uniform(0, 1)}}\n    # x = {{uniform(0, 2)}}\n    g[{{choice([3])}}]\n    x_1 = {{uniform(0, 1)}}",
        "# {{uniform(0, 2)}} z = {{choice([3])}}\n    '''t = {{uniform(5, 6)}}'''\n    v= ( {{choice([3])}})",
        "if {{choice([1])}} == 1: pass\n    u == {{uniform(0, 2)}}\n    x, x_1 = {{uniform(0, 1)}}, {{choice([1])}}",
    ],
)
def test_labels_are_hyperass(lines: str) -> None:
    source = f"def f(x):\n    q = {{{{normal(0, 1)}}}}\n    {lines}\n"
    labels = [name.label for name in templates.names(source)]
    assert labels == hyperas_compat.import_hyperas().hyperparameter_names(source)


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("name", ["regression_pandas.py", "text_lstm.py", "layers_in_choice.py"])
def test_a_trial_repeats(name: str, search: dict) -> None:
    search |= {"algo": "rand"}
    assert trials(name, search, 1) == trials(name, search, 1)


@pytest.mark.usefixtures("beside")
def test_each_fold_has_its_curve_and_the_first_is_what_prunes(search: dict) -> None:
    (document,) = trials("kfold_helpers.py", search, 1)
    assert (
        [fit["epochs"] for fit in document["fits"]] == [2, 2] == [len(f["metrics"]["loss"]) for f in document["fits"]]
    )
    assert document["epochs"] == 4
    settings = {"type": "halving", "min_epochs": 1, "reduction": 2, "monitor": "loss", "mode": "min"}
    better = {"status": "completed", "fits": [{"metrics": {"loss": [0.0, 0.0]}}, {"metrics": {"loss": [9.0, 9.0]}}]}
    earlier = [better | {"hyperopt": document["hyperopt"]}]
    pruned = record(Path("kfold_helpers.py"), search | {"pruner": settings}, 1, earlier)
    assert (pruned["status"], pruned["epochs"], pruned["pruned"]["epoch"]) == ("pruned", 1, 1)
    assert pruned["loss"] == pruned["pruned"]["value"] == document_loss(pruned)
    assert pruned["hyperopt"]["result"] == {"status": "ok", "loss": pruned["loss"], "pruned": pruned["pruned"]}


def document_loss(document: dict) -> float:
    return document["fits"][0]["metrics"]["loss"][0]


SWALLOWS = """
from hyperas.distributions import uniform

def data():
    import numpy as np
    x = np.ones((40, 2))
    y = np.zeros(40)
    return x, y

def model(x, y):
    import keras
    rate = {{uniform(0, 1)}}
    losses = []
    for _ in range(3):
        network = keras.Sequential([keras.layers.Dense(1)])
        network.compile("sgd", "mse")
        try:
            history = network.fit(x, y, epochs=5, validation_split=0.5, verbose=0)
            losses.append(history.history["val_loss"][-1])
        except:
            losses.append(1000.0)
    return {"loss": sum(losses), "status": "ok"}
"""


def test_a_script_cannot_hold_its_pruning_up(tmp_path: Path, search: dict) -> None:
    (tmp_path / "script.py").write_text(SWALLOWS)
    search |= {"pruner": {"type": "halving", "min_epochs": 2, "reduction": 2, "monitor": "auto", "mode": "auto"}}
    script = tmp_path / "script.py"
    whole = record(script, search)
    assert (whole["status"], whole["epochs"]) == ("completed", 15)
    better = whole | {"fits": [{"metrics": {"val_loss": [-1.0] * 5}}]}
    pruned = record(script, search, 1, [better])
    assert (pruned["status"], pruned["epochs"], len(pruned["fits"])) == ("pruned", 2, 1)
    assert pruned["pruned"] == {"epoch": 2, "monitor": "val_loss", "value": pruned["loss"]}


def test_a_metric_that_is_not_there_fails_the_trial(tmp_path: Path, search: dict) -> None:
    (tmp_path / "script.py").write_text(SWALLOWS.replace("except:", "except ZeroDivisionError:"))
    search |= {
        "pruner": {"type": "median", "n_startup_trials": 0, "n_warmup_steps": 0, "monitor": "val_f1", "mode": "max"}
    }
    document = record(tmp_path / "script.py", search)
    assert document["status"] == "failed"
    assert document["failure"].startswith(
        "ValueError: search.monitor: found 'val_f1', expected a metric of the model: loss"
    )


BROKEN = """
import keras
import nothing_of_that_name as missing
from keras.layers import MaxoutDense
from hyperas.distributions import choice, uniform

WIDTH = 3

def data():
    x = 1
    return x

def model(x):
    way = {{choice([WAY])}}
    if way == "top level":
        return WIDTH
    if way == "missing":
        return missing.loss(x)
    if way == "gone":
        return MaxoutDense(3)
    raise ValueError("kernel\\nlarger")
"""


@pytest.mark.parametrize(
    ("way", "failure", "place"),
    [
        ("top level", "sets WIDTH at its top level, which Hyperas does not run", "line 16: return WIDTH"),
        ("missing", "line 3, import nothing_of_that_name as missing, failed: ModuleNotFoundError", "line 18:"),
        ("gone", "Keras 3 has no MaxoutDense", "line 20: return MaxoutDense(3)"),
        ("raises", "ValueError: kernel larger", 'line 21: raise ValueError("kernel\\nlarger")'),
    ],
)
def test_a_failure_says_why_and_where(tmp_path: Path, search: dict, way: str, failure: str, place: str) -> None:
    (tmp_path / "script.py").write_text(BROKEN.replace("WAY", repr(way)))
    document = record(tmp_path / "script.py", search)
    assert document["status"] == "failed"
    assert failure in document["failure"]
    assert document["failed_at"].startswith(place)
    assert "\n" not in document["failure"] + document["failed_at"]


FETCHES = """
    try:
        raise ConnectionError("no network")
    except ConnectionError as error:
        raise ValueError("cannot be fetched")
"""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("x = 1", "x = [1][3]", "the data function failed: IndexError: list index out of range (line 10: x = [1][3])"),
        ("x = 1", "import sys\n    sys.exit(2)", "the data function failed: SystemExit: 2 (line 11: sys.exit(2))"),
        ("choice([WAY])", "choice(WIDTH)", "the search space failed: NameError: name 'WIDTH' is not defined"),
        (
            "choice([WAY])",
            "choice([\n        1, way])",
            "is not defined (a variable of model(), which templates do not",
        ),
        ("choice([WAY])", "choice([\n        1, way])", "up by what was chosen) (line 14: {{choice([ 1, way])}})"),
        ("model(x):", "model(x, y):", "TypeError: cannot unpack non-iterable int object (line 11: return x)"),
        ("x = 1", "raise ValueError('\\x1b[1mred\\x1b[0m')", "ValueError: red (line 10: raise ValueError("),
    ],
)
def test_data_or_a_space_that_fails_is_one_line(tmp_path: Path, search: dict, old: str, new: str, line: str) -> None:
    (tmp_path / "script.py").write_text(BROKEN.replace(old, new))
    with pytest.raises(Mistake) as raised:
        record(tmp_path / "script.py", search)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hp." not in str(raised.value)


@pytest.mark.parametrize(
    "fails", ["open('gone.csv')", "raise MemoryError", "raise RuntimeError('no device')", FETCHES.strip()]
)
def test_what_may_pass_is_no_mistake(tmp_path: Path, search: dict, fails: str) -> None:
    (tmp_path / "script.py").write_text(BROKEN.replace("x = 1", fails))
    with pytest.raises(UserError) as raised:
        record(tmp_path / "script.py", search)
    assert raised.type is UserError


@pytest.mark.usefixtures("beside")
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_precision_is_kerass_and_outlives_a_cleared_session(search: dict, precision: str) -> None:
    import keras

    # It clears the session before each of its folds.
    evaluation = evaluated(Path("kfold_helpers.py"), search | {"precision": precision})
    assert evaluation.record["status"] == "completed"
    assert {layer.dtype_policy.name for layer in evaluation.model.layers} == {precision}
    assert keras.config.dtype_policy().name == "float32"


def test_train_samples_cut_every_input_of_a_model(beside: Path, search: dict) -> None:
    settings = TrialSettings(**search | {"train_samples": 50})
    script = parser.read(Path("two_inputs.py"), needs_data=True)
    with loader.loaded(script, None, settings) as model_file:
        x_train, y_train, x_test, _ = (getattr(model_file.module, name) for name in script.parameters)
    assert [len(part) for part in x_train] == [50, 50]
    assert len(y_train) == 50
    assert len(x_test[0]) == 100
    assert np.ndim(x_train[0]) == 2


def test_the_curves_of_a_script_are_what_pruning_reads(beside: Path, search: dict) -> None:
    (document,) = trials("text_lstm.py", search, 1)
    assert pruners.validation_accuracy(document["fits"][0]["metrics"]) in ("val_accuracy", "val_acc")


RETURNS = """
from hyperas.distributions import uniform

def data():
    import os
    os.makedirs("inner", exist_ok=True)
    os.chdir("inner")
    x = 1
    return x

def model(x):
    import numpy as np
    rate = {{uniform(0, 1)}}
    return RESULT
"""


@pytest.mark.parametrize(
    ("result", "failure"),
    [
        ("{'loss': rate, 'status': 'OK'}", "ValueError: the model function says status: 'OK'"),
        ("{'loss': rate, 'status': 'running'}", "ValueError: the model function says status: 'running'"),
        ("{'loss': rate, 'status': 'fail'}", "ValueError: the model function says status: fail"),
        ("{'loss': rate, 'status': 'ok', 'attachments': [1]}", "returned attachments that are no dict"),
        ("(lambda d: d.update(own=d) or d)({'loss': rate, 'status': 'ok'})", "RecursionError"),
        ("1 / 0 if rate > 2 else (_ for _ in ()).throw(ValueError('\\udcff'))", "ValueError: \\udcff"),
        ("(_ for _ in ()).throw(GeneratorExit('left'))", "GeneratorExit: left"),
        ("'no number'", "returned 'no number' as loss, expected a number"),
        ("np.array([0.5])", None),
        ("{'loss': np.float32(0.5), 'status': 'ok', 'predicted': np.zeros(10**6), 'text': '\\udcff'}", None),
    ],
)
def test_whatever_a_model_function_gives_back_is_recorded(
    tmp_path: Path, search: dict, result: str, failure: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(RETURNS.replace("RESULT", result))
    document = record(tmp_path / "script.py", search)
    text = json.dumps(document, allow_nan=False, ensure_ascii=False)
    assert len(text.encode()) < 5000
    assert Path.cwd() == tmp_path
    if failure is None:
        assert (document["status"], document["loss"]) == ("completed", 0.5)
    else:
        assert document["status"] == "failed"
        assert failure in document["failure"]


TWO_MODELS = """
from hyperas.distributions import choice

def data():
    import numpy as np
    x = np.ones((40, 2))
    y = np.zeros((40, 1))
    return x, y

def model(x, y):
    import keras
    from keras.callbacks import CSVLogger, TensorBoard
    networks = []
    for units in ({{choice([3])}}, 1):
        network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(units), keras.layers.Dense(1)])
        network.compile("sgd", "mse")
        network.fit(x, y, verbose=0, callbacks=[CSVLogger("log.csv"), TensorBoard("logs")])
        networks.append(network)
    return {"loss": 0.5, "status": "ok"RETURNED}
"""


@pytest.mark.parametrize(("returned", "units"), [(", 'model': networks[0]", 3), ("", 1), (", 'model': 'none'", 1)])
def test_the_model_kept_is_the_one_that_is_returned_else_the_last_that_was_fitted(
    tmp_path: Path, search: dict, returned: str, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.py").write_text(TWO_MODELS.replace("RETURNED", returned))
    evaluation = evaluated(tmp_path / "script.py", search)
    assert evaluation.record["failure"] is None
    assert evaluation.model.layers[0].units == units
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]
