"""One step of the search: history in, one evaluation by ``hyperas.optim.minimize``, one trial's document out."""

import importlib.util
import math
import sys
import tempfile
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np

from snakeras import algorithms, arrays, compat, datasets, files, fit, history, provenance, seeds, template
from snakeras.errors import UserError

# What hyperopt draws from its generator for each proposal (FMinIter.run).
PROPOSAL_SEEDS = 2**31 - 1


class Space:
    """A Hyperas script loaded for use: its data in place, its model function ready for a point of its search space."""

    def __init__(self, module: ModuleType, script: template.HyperasScript) -> None:
        self.module = module
        self.script = script

    def prepare_data(self, search: dict) -> None:
        """Cut the training arrays to ``search.train_samples``: every array as long as the first."""
        wanted = search["train_samples"]
        names = [name for name in self.script.parameters if hasattr(self.module, name)]
        if wanted is None or not names:
            return
        values = [getattr(self.module, name) for name in names]
        rows = _rows(values[0])
        if rows is None or wanted >= rows:
            if rows is not None and wanted > rows:
                raise UserError(f"search.train_samples: found {wanted}, expected at most {rows} ({names[0]} has no more)")
            return
        labels = arrays.labels_of(values[1]) if len(values) > 1 and _rows(values[1]) == rows else None
        chosen = arrays.stratified_choice(
            np.zeros(rows) if labels is None else labels, wanted, seeds.of_subset(search["seed"])
        )
        for name, value in zip(names, values, strict=True):
            if _rows(value) == rows:
                setattr(self.module, name, value.iloc[chosen] if hasattr(value, "iloc") else np.asarray(value)[chosen])


def _rows(value: object) -> int | None:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return shape[0] if len(shape) else None
    return len(value) if isinstance(value, list) else None


def _data_source(parameters: tuple[str, ...]) -> str:
    """A data function, as text for Hyperas, that gives the prepared arrays under the names the model uses."""
    names = ", ".join(parameters)
    return f"def data():\n    from snakeras.step import handed_over\n    {names} = handed_over()\n    return {names}\n"


_arrays: tuple[np.ndarray, ...] = ()


def handed_over() -> tuple[np.ndarray, ...]:
    """The arrays for the data function that Hyperas runs in its own module."""
    return _arrays


def with_hyperas(
    script: template.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: dict,
    fmin: Callable[[Callable, object, Callable, Space, object], object],
    algo: Callable,
    trials: object,
) -> None:
    """Call ``hyperas.optim.minimize`` on a script, with ``fmin`` in the place of its search loop.

    Parameters
    ----------
    prepared
        The model function's arrays; None runs the script's own data function.
    fmin
        Called once with the model function of a point of the space, the space, ``algo``, the loaded script and
        ``trials``.
    """
    global _arrays
    _arrays = prepared or ()
    data_source = None if prepared is None else _data_source(script.parameters)
    called = []

    def stand_in(function: Callable, space: object, algo: Callable, trials: object, **_: object) -> dict:
        # Hyperas tries a second time after a TypeError; whatever raised it has been raised by then.
        if called:
            raise called[0]
        loaded = Space(sys.modules[function.__module__], script)
        loaded.prepare_data(search)
        try:
            fmin(function, space, algo, loaded, trials)
        except TypeError as error:
            called.append(error)
            raise
        return {}

    with tempfile.TemporaryDirectory(prefix="snakeras-") as scratch, compat.hyperas_in(Path(scratch), stand_in) as optim:
        path = Path(scratch) / "hyperas_script.py"
        # Hyperas reads the imports from the file that calls minimize, so the call stands in the script's text.
        caller = "\ndef call_minimize(minimize, **arguments):\n    return minimize(**arguments)\n"
        path.write_text(template.hyperas_text(script, data_source) + caller, encoding="utf-8")
        module = _load(path)
        # A script's data function may draw random numbers: let every trial draw the same.
        seeds.seed_everything(seeds.of_data(search["seed"]))
        module.call_minimize(
            optim.minimize,
            model=getattr(module, script.model),
            data=module.data if prepared is not None else getattr(module, script.data),
            functions=[getattr(module, _function_name(helper)) for helper in script.helpers],
            algo=algo,
            max_evals=1,
            trials=trials,
            rseed=search["seed"],
            keep_temp=True,
        )


def _function_name(source: str) -> str:
    return source.split("def ", 1)[1].split("(", 1)[0].strip()


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    # inspect.getsource finds a function's text through sys.modules.
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def generator(seed: int, trial: int) -> np.random.Generator:
    """hyperopt's generator as an uninterrupted search would have it when it comes to trial ``trial``."""
    rng = np.random.default_rng(seed)
    for _ in range(trial):
        rng.integers(PROPOSAL_SEEDS)
    return rng


def evaluate(
    script: template.HyperasScript,
    prepared: tuple[np.ndarray, ...] | None,
    search: dict,
    trial: int,
    documents: list[dict],
    keep_model: Callable[[object], None] = lambda model: None,
) -> dict:
    """Propose the hyperparameters of one trial and evaluate them.

    Parameters
    ----------
    prepared
        Arrays for the model function's parameters; None runs the script's own data function.
    search
        ``algo``, ``startup_trials``, ``parallelism``, ``seed``, ``epochs`` and ``train_samples``.
    documents
        The trials that it looks back on, in order.
    keep_model
        Called with the model that the last ``fit`` trained, if there is one.

    Returns
    -------
    dict
        The trial's document, without what determines it.
    """
    trials = history.to_trials(documents)
    # The trial gets its number from the start: an algorithm may use it, and it stands in the document.
    trials.new_trial_ids = lambda n: list(range(trial, trial + n))
    seed = seeds.of_trial(search["seed"], trial)
    point, fits, failure = {}, fit.Fits(), []

    def fmin(function: Callable, space: object, algo: Callable, _loaded: Space, trials: object) -> None:
        import hyperopt

        def objective(space: dict) -> dict:
            nonlocal fits
            point.update(space)
            seeds.seed_everything(seed)
            # Nothing that a script raises may end the search, and hyperopt stops at the first exception.
            try:
                with fit.recorded(search["epochs"]) as fits:
                    return _checked(function(space))
            except (Exception, SystemExit) as error:
                traceback.print_exc()
                failure.append(reason(error, fits))
                return {"status": hyperopt.STATUS_FAIL, "failure": failure[0]}

        try:
            hyperopt.fmin(
                objective,
                space,
                algo=algo,
                max_evals=len(documents) + 1,
                trials=trials,
                rstate=generator(search["seed"], trial),
                verbose=False,
                return_argmin=False,
            )
        # It asks for the best trial at the end, but there may be none yet.
        except hyperopt.exceptions.AllTrialsFailed:
            pass

    with_hyperas(script, prepared, search, fmin, algorithms.configured(search), trials)
    document = trials.trials[-1]
    if fits.model is not None and not failure:
        keep_model(fits.model)
    # When it happened stands with the rest of what merely happened, in another file.
    document = document | {"book_time": None, "refresh_time": None}
    calls = history.encode([call.as_json() for call in fits.calls])
    return {
        "format": history.FORMAT,
        "trial": trial,
        "status": "failed" if failure else "completed",
        "failure": failure[0] if failure else None,
        "loss": None if failure else document["result"]["loss"],
        "val_accuracy": history.encode(fit.last_accuracy([call.as_json() for call in fits.calls])),
        "epochs": sum(call.trained for call in fits.calls),
        "seed": seed,
        "hyperparameters": {key: history.plain(value) for key, value in point.items()},
        "fits": calls,
        "hyperopt": history.encode(document),
    }


def _checked(result: object) -> object:
    """What a model function returned, once it is seen to be a loss that a search can use. Raises ValueError."""
    import hyperopt

    if isinstance(result, dict):
        if result.get("status") == hyperopt.STATUS_FAIL:
            raise ValueError(f"the model function says status: fail ({result.get('failure', 'no reason given')})")
        if "loss" not in result:
            raise ValueError(f"the model function returned no loss, but {sorted(map(str, result))}")
        loss = result["loss"]
        result = {"status": hyperopt.STATUS_OK, **result}
    else:
        loss = result
    try:
        loss = float(loss)
    except (TypeError, ValueError):
        raise ValueError(f"the model function returned {loss!r} as loss, expected a number") from None
    if not math.isfinite(loss):
        raise ValueError(f"the loss is {loss}")
    return result


def reason(error: BaseException, fits: fit.Fits) -> str:
    """One line on why a model function failed."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    if call := fits.overridden:
        text += (
            f" (the script asks for {call.script_epochs} epochs and was told to train {call.epochs}; if it cannot live "
            "with another number than its own, set search.epochs and final.epochs to null)"
        )
    return text


def device() -> str:
    """What TensorFlow computes on here: the name of the first GPU, else CPU."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
    return "CPU"


def run(trial: int, sources: list[str], search: dict, data: dict, manifest: str | None, folder: str, model_folder: str) -> dict:
    """Run one trial in this process and keep its model.

    Parameters
    ----------
    sources, manifest, folder, model_folder
        Paths: the Hyperas script and the user's own search algorithm if there is one, the manifest of the prepared arrays, the folder of the trials' JSON files, and the
        folder that ``model.keras`` goes to (left empty if there is no model).

    Returns
    -------
    dict
        ``document``: the trial's sealed document; ``device``: what it was computed on.
    """
    manifest = Path(manifest) if manifest else None
    paths = [Path(source) for source in sources]
    fixed = provenance.determined_by(paths, search, data, manifest)
    script = template.read(paths[0], needs_data=manifest is None)
    looked_back_on = len(history.visible(trial, search["parallelism"]))
    documents = history.read_first(Path(folder), looked_back_on, search["parallelism"], fixed)
    prepared = None
    if manifest:
        mapped, _ = datasets.read(manifest, "train", "validation")
        prepared = tuple(mapped.values())

    document = evaluate(script, prepared, search, trial, documents, partial(save_model, Path(model_folder)))
    before = history.digest_after("", documents)
    document["determined_by"] = fixed | {"trial": trial, "history": before, "packages": provenance.versions()}
    return {"document": history.sealed(document), "device": device()}


def save_model(folder: Path, model: object) -> None:
    """Save a Keras model as ``model.keras``; one that Keras cannot save leaves the folder empty and a line in the log."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with files.whole(folder / "model.keras") as temporary:
            model.save(temporary)
    # A trial is as good without its saved model, and a script's layers may raise anything here.
    except Exception as error:
        print(f"the model could not be saved: {error}")
