"""One search by each library, as its documentation has its users write it: ``search(job)`` trains and returns nothing.

Every epoch goes to the trace by ``trace.note``, so that none of them has to be asked for its results.
"""

import importlib.metadata
import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

from compared import hyperas_file, tasks, trace
from compared.job import Job
from compared.tasks import Choice


def tutorial(job: Job) -> None:
    """Run Hyperas as the tutorial does, mended in two places: a name that Keras dropped, and NumPy's new generators."""
    import numpy as np
    from snakeras.model_file import hyperas_compat

    optim = hyperas_compat.import_hyperas()
    fmin = optim.fmin
    optim.fmin = lambda *args, rstate=None, **given: fmin(*args, rstate=np.random.default_rng(job.seed), **given)
    os.chdir(job.folder)
    sys.path.insert(0, job.folder)
    hyperas_file.write(job.file("search.py"), job.task, job.data, job.epochs, job.trials, job.seed)
    runpy.run_path("search.py")


def optuna(job: Job, pruner: str | None = None) -> None:
    """Run Optuna; without a pruner a trial reports nothing, as in its first example."""
    import optuna

    def objective(trial: optuna.Trial) -> float:
        def after_epoch(epoch: int, loss: float) -> None:
            trial.report(loss, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        def suggested(name: str, one: tasks.Number | Choice) -> object:
            if isinstance(one, Choice):
                return trial.suggest_categorical(name, one.values)
            return trial.suggest_float(name, one.low, one.high, step=one.step, log=one.log)

        hp = {name: suggested(name, one) for name, one in job.about.space.items()}
        return job.train(hp, after_epoch if pruner else None)

    study = optuna.create_study(
        storage=f"sqlite:///{job.file('study.db')}" if job.kept else None,
        study_name="peers",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=job.seed),
        pruner=getattr(optuna.pruners, pruner)() if pruner else None,
    )
    ended = study.get_trials(states=(optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED))
    study.optimize(objective, n_trials=max(0, job.trials - len(ended)), n_jobs=job.at_once)


def keras_tuner(job: Job, tuner: str) -> None:
    """Run one of KerasTuner's tuners; Hyperband ends when it has trained as many epochs as the others would."""
    import keras_tuner

    x, y, *validation = job.arrays
    budget = job.trials * job.epochs

    class Search(keras_tuner.HyperModel):
        def build(self, hp: keras_tuner.HyperParameters) -> object:
            return job.about.build({name: self.suggested(hp, name, one) for name, one in job.about.space.items()})

        def suggested(self, hp: keras_tuner.HyperParameters, name: str, one: tasks.Number | Choice) -> object:
            if isinstance(one, Choice):
                return hp.Choice(name, one.values)
            scale = {"step": one.step} if one.step else {"sampling": "log" if one.log else "linear"}
            return hp.Float(name, one.low, one.high, **scale)

        def fit(self, hp: keras_tuner.HyperParameters, model: object, *args: object, **given: object) -> object:
            if limit and trace.epochs(job.folder) >= budget:
                raise keras_tuner.errors.FatalError("the budget is spent")
            values = {name: hp.get(name) for name in job.about.space}
            given["callbacks"] = [*given["callbacks"], tasks.traced(job.about, values)]
            return model.fit(*args, batch_size=int(values["batch_size"]), **given)

    limit = {"max_epochs": job.epochs, "hyperband_iterations": 100} if tuner == "Hyperband" else {}
    search = getattr(keras_tuner, tuner)(
        Search(),
        objective=keras_tuner.Objective(job.about.metric, job.about.mode),
        seed=job.seed,
        directory=job.folder,
        project_name="peers",
        **limit or {"max_trials": job.trials},
    )
    given = {} if limit else {"epochs": job.epochs}
    try:
        search.search(x, y, validation_data=tuple(validation), verbose=0, **given)
    except keras_tuner.errors.FatalError:
        if not limit or trace.epochs(job.folder) < budget:
            raise


def stepped(job: Job, places: dict) -> dict:
    """Return hyperparameters by the numbers of their steps, for libraries that know no other steps than 1."""
    return {
        name: one.values[int(places[name])] if isinstance(one, tasks.Number) and one.step else places[name]
        for name, one in job.about.space.items()
    }


def nevergrad(job: Job) -> None:
    """Run Nevergrad's NGOpt, dumped after every trial where it is to go on later."""
    import nevergrad as ng

    def parameter(one: tasks.Number | Choice) -> ng.p.Parameter:
        if isinstance(one, Choice):
            return ng.p.Choice(one.values)
        if one.step:
            return ng.p.Scalar(lower=0, upper=len(one.values) - 1).set_integer_casting()
        return ng.p.Log(lower=one.low, upper=one.high) if one.log else ng.p.Scalar(lower=one.low, upper=one.high)

    def train(places: dict) -> float:
        return job.train(stepped(job, places))

    space = ng.p.Dict(**{name: parameter(one) for name, one in job.about.space.items()})
    space.random_state.seed(job.seed)
    dumped = job.file("optimizer.pickle")
    optimizer = ng.optimizers.NGOpt(space, budget=job.trials, num_workers=job.at_once)
    if dumped.exists():
        optimizer = ng.optimizers.NGOpt.load(dumped)
    if job.at_once > 1:
        with ThreadPoolExecutor(job.at_once) as executor:
            optimizer.minimize(train, executor=executor)
        return
    while optimizer.num_tell < job.trials:
        proposed = optimizer.ask()
        optimizer.tell(proposed, train(proposed.value))
        if job.kept:
            optimizer.dump(dumped)


def distributions(job: Job) -> dict:
    """Return the search space in SciPy's terms."""
    from scipy import stats

    def distribution(one: tasks.Number | Choice) -> object:
        if isinstance(one, Choice) or one.step:
            return one.values
        return stats.loguniform(one.low, one.high) if one.log else stats.uniform(one.low, one.high - one.low)

    return {name: distribution(one) for name, one in job.about.space.items()}


def sklearn_random(job: Job) -> None:
    """Run a loop over scikit-learn's ParameterSampler."""
    from sklearn.model_selection import ParameterSampler

    for hp in ParameterSampler(distributions(job), job.trials, random_state=job.seed):
        job.train(hp)


def sklearn_halving(job: Job) -> None:
    """Run HalvingRandomSearchCV on epochs, with as many candidates as train the others' number of epochs."""
    import numpy as np
    from scikeras.wrappers import KerasClassifier, KerasRegressor
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit

    x, y, x_validation, y_validation = job.arrays
    x, y = np.concatenate([x, x_validation]), np.concatenate([y, y_validation])
    folds = PredefinedSplit(np.repeat([-1, 0], [len(x) - len(x_validation), len(x_validation)]))
    made = KerasClassifier if job.about.mode == "max" else KerasRegressor
    # An argument of the model function needs its prefix, one of fit has none.
    names = {name: name if name == "batch_size" else f"model__{name}" for name in job.about.space}

    def build(**hp: object) -> object:
        return job.about.build(hp)

    def score(estimator: object, x: np.ndarray, y: np.ndarray) -> float:
        found = estimator.model_.evaluate(x, y, verbose=0, return_dict=True)[job.about.metric.removeprefix("val_")]
        given = estimator.get_params()
        hp = {name: given[key] for name, key in names.items()}
        trace.note(hp, trace.new_fit(), estimator.current_epoch, float(found))
        return -job.about.loss(found)

    space = {names[name]: values for name, values in distributions(job).items()}
    # It needs a value of each beforehand.
    known = {key: values[0] if isinstance(values, list) else values.mean() for key, values in space.items()}
    estimator = made(build, epochs=job.epochs, verbose=0, random_state=job.seed, **known)
    rungs = [2**power for power in range(job.epochs.bit_length())]
    # Half of the candidates go on to twice as many epochs, so each rung costs the same.
    search = HalvingRandomSearchCV(
        estimator,
        space,
        n_candidates=max(2 ** (len(rungs) - 1), job.trials * job.epochs // len(rungs)),
        factor=2,
        resource="epochs",
        min_resources=1,
        max_resources=job.epochs,
        scoring=score,
        cv=folds,
        refit=False,
        return_train_score=False,
        error_score="raise",
        random_state=job.seed,
        n_jobs=job.at_once if job.at_once > 1 else None,
    )
    search.fit(x, y)


def grid(one: tasks.Number | Choice) -> list:
    """Return the values of a hyperparameter in a grid: ten of a number without steps.

    Its end is not among them, as in the ranges that Talos makes itself: no network learns with a dropout of 1.
    """
    import numpy as np

    if isinstance(one, Choice) or one.step:
        return one.values
    return (np.geomspace if one.log else np.linspace)(one.low, one.high, 10, endpoint=False).tolist()


def talos(job: Job) -> None:
    """Run a Talos scan: a random part of a grid."""
    import numpy as np
    import talos

    def model(x: np.ndarray, y: np.ndarray, x_val: np.ndarray, y_val: np.ndarray, params: dict) -> tuple:
        built = job.about.build(params)
        history = built.fit(
            x,
            y,
            epochs=job.epochs,
            batch_size=int(params["batch_size"]),
            validation_data=(x_val, y_val),
            callbacks=[tasks.traced(job.about, params)],
            verbose=0,
        )
        return history, built

    os.chdir(job.folder)
    x, y, x_val, y_val = job.arrays
    talos.Scan(
        x=x,
        y=y,
        x_val=x_val,
        y_val=y_val,
        params={name: grid(one) for name, one in job.about.space.items()},
        model=model,
        experiment_name="peers",
        round_limit=job.trials,
        seed=job.seed,
        reduction_metric=job.about.metric,
        minimize_loss=job.about.mode == "min",
        disable_progress_bar=True,
    )


def sherpa(job: Job) -> None:
    """Run SHERPA's Bayesian optimization, mended in two places: what setuptools and pandas have no more."""
    import pandas

    substitute = ModuleType("pkg_resources")
    substitute.get_distribution = importlib.metadata.distribution
    substitute.DistributionNotFound = importlib.metadata.PackageNotFoundError
    sys.modules.setdefault("pkg_resources", substitute)
    pandas.DataFrame.append = lambda table, row, **given: pandas.concat([table, row], **given)
    import numpy as np
    import sherpa

    def parameter(name: str, one: tasks.Number | Choice) -> sherpa.core.Parameter:
        if isinstance(one, Choice):
            return sherpa.Choice(name, one.values)
        if one.step:
            return sherpa.Discrete(name, [0, len(one.values) - 1])
        return sherpa.Continuous(name, [one.low, one.high], "log" if one.log else "linear")

    sherpa.core.rng.seed(job.seed)
    np.random.seed(job.seed)
    study = sherpa.Study(
        parameters=[parameter(name, one) for name, one in job.about.space.items()],
        algorithm=sherpa.algorithms.GPyOpt(max_concurrent=1, max_num_trials=job.trials),
        lower_is_better=True,
        disable_dashboard=True,
    )
    for trial in study:
        loss = job.train(stepped(job, trial.parameters))
        study.add_observation(trial, iteration=job.epochs, objective=loss)
        study.finalize(trial)
