"""The samplers that ``search.algo`` can name: what each needs, knows and is given."""

import difflib
import importlib.metadata
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from pydantic import create_model

from snakeras.core.settings import Section, TrialSettings
from snakeras.model_file import parser
from snakeras.search.samplers import (
    ask,
    cma_es,
    gaussian_process,
    hyperopt_atpe,
    keras_tuner_oracles,
    nevergrad_optimizers,
    optuna_samplers,
    own,
    pending,
    quasi_random,
    scikit_learn,
    sherpa_algorithms,
    start_points,
    talos_reducers,
)
from snakeras.search.samplers.named import NamedSpace
from snakeras.search.samplers.space import TAIL, Point, Space

# Distributions that hyperopt's adaptive TPE fails on.
ATPE_LACKS = re.compile(r"\b(pchoice|qnormal|qlognormal|uniformint)\s*\(")
# What a library may lack: it is told of the space without it, and the trial's log says so.
CONDITIONS, WEIGHTS, CATEGORIES = "conditions", "weights", "categories"


@dataclass(frozen=True)
class Sampler:
    """A sampler of another library than hyperopt."""

    # Gets an ``Ask`` and, as keywords only, its options; returns a point.
    propose: Callable
    packages: tuple[str, ...]  # that it needs and whose versions decide what it proposes
    extra: str | None = None  # that installs them, where the base lock does not
    lacks: tuple[str, ...] = (CONDITIONS,)
    has_startup: bool = True  # for ``startup_trials``
    # No gain from it was seen within 50 trials: docs/searchers.md.
    told_of_pending: bool = False
    arguments: dict = field(default_factory=dict)  # beside its options


# Hyperopt's own, as suggest functions.
HYPEROPT = {
    "tpe": "hyperopt.tpe.suggest",
    "rand": "hyperopt.rand.suggest",
    "anneal": "hyperopt.anneal.suggest",
    "atpe": f"{hyperopt_atpe.__name__}.suggest",
}
NEVERGRAD = Sampler(nevergrad_optimizers.propose, ("nevergrad",), "nevergrad", (CONDITIONS, WEIGHTS), has_startup=False)
SHERPA = Sampler(sherpa_algorithms.propose, ("parameter-sherpa", "gpyopt", "gpy"), "sherpa", (CONDITIONS, WEIGHTS))
SAMPLERS = {
    "optuna-tpe": Sampler(optuna_samplers.propose_tpe, ("optuna",), lacks=(WEIGHTS,)),
    "optuna-gp": Sampler(optuna_samplers.propose_gp, ("optuna", "torch"), "optuna-gp", (CONDITIONS, WEIGHTS)),
    "gp": Sampler(gaussian_process.propose, ("scikit-learn", "scipy")),
    "cmaes": Sampler(cma_es.propose, ("cmaes",), "cmaes", (CONDITIONS, CATEGORIES), has_startup=False),
    "qmc": Sampler(quasi_random.propose, ("scipy",), lacks=(), has_startup=False),
    "keras-tuner-bayesian": Sampler(
        keras_tuner_oracles.propose_bayesian,
        ("keras-tuner", "scikit-learn", "scipy"),
        "keras-tuner",
        (CONDITIONS, WEIGHTS, CATEGORIES),
    ),
    "nevergrad": NEVERGRAD,
    **{
        f"nevergrad-{name}": replace(NEVERGRAD, arguments={"optimizer": name})
        for name in nevergrad_optimizers.OPTIMIZERS
    },
    "sherpa": SHERPA,
    **{f"sherpa-{name}": replace(SHERPA, arguments={"algorithm": name}) for name in sherpa_algorithms.ALGORITHMS},
    "sklearn-random": Sampler(scikit_learn.propose_random, ("scikit-learn",), lacks=(), has_startup=False),
    "talos": Sampler(talos_reducers.propose, ("talos",), "talos", (WEIGHTS,), has_startup=False),
}
NAMES = (*HYPEROPT, *SAMPLERS)


def complaint(algo: str, script: parser.HyperasScript | None = None) -> str | None:
    """Return what is wrong with ``search.algo`` for a model file, as one line; None if nothing is."""
    packages, extra = _needs(algo)
    if missing := [package for package in packages if _version(package) is None]:
        install = f"make setup EXTRA={extra}" if extra else "make setup"
        return f"{algo} needs {' and '.join(missing)}, which this environment lacks; {install} installs it"
    texts = " ".join(template.text for template in script.templates) if script else ""
    unknown = ATPE_LACKS.search(texts) if algo == "atpe" else None
    if unknown:
        return f"atpe does not know {unknown[1]}, which {script.path} has; expected another distribution or algorithm"
    reason = None if algo in NAMES else own.complaint(algo)
    if reason is None:
        return None
    close = difflib.get_close_matches(algo, NAMES, n=1)
    # Of a library with many, its own names or its first.
    relatives = [name for name in NAMES if name.startswith(f"{algo.split('-')[0]}-")]
    names = relatives or [name for name in NAMES if not name.startswith(("nevergrad-", "sherpa-"))]
    meant = f"; did you mean {close[0]}?" if close else ""
    return (
        f"found {algo!r} ({reason}{meant}), expected {', '.join(names)} or the dotted path of a suggest function in "
        "hyperopt's form"
    )


def options(algo: str) -> type[Section]:
    """Return what ``search.algo_options`` may hold for an algorithm, as a section of the configuration."""
    if sampler := SAMPLERS.get(algo):
        wanted = inspect.signature(sampler.propose).parameters.values()
        known = {one.name: (one.annotation, one.default) for one in wanted if one.kind is one.KEYWORD_ONLY}
    else:
        wanted = inspect.signature(own.suggest_function(HYPEROPT.get(algo, algo))).parameters.values()
        unnamed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        ours = (*own.SUGGEST_ARGUMENTS, "n_startup_jobs", "verbose")
        known = {
            one.name: (type(one.default) if type(one.default) in (bool, int, float, str) else Any, one.default)
            for one in list(wanted)[len(own.SUGGEST_ARGUMENTS) :]
            if one.kind not in unnamed and one.name not in ours and not one.name.startswith("_")
        }
    return create_model("Options", __base__=Section, **known)


def own_file(algo: str) -> str | None:
    """Return the file of the user's own suggest function, if it lies in the working directory."""
    return None if algo in NAMES else own.file(algo)


def versions(search: TrialSettings) -> dict[str, str]:
    """Return the versions of the packages that decide what a search proposes, beside hyperopt's."""
    start = _start(search)
    needed = (*_needs(search.algo)[0], *(start.packages if start else ()))
    return {package: version for package in needed if (version := _version(package))}


def approximations(algo: str, space: object) -> Iterator[str]:
    """Yield a line for each way in which an algorithm takes hyperopt's ``space`` for another than it is."""
    from hyperopt.pyll import as_apply

    if not (sampler := SAMPLERS.get(algo)):
        return
    flat = Space(as_apply(space))
    weighted = [one.label for one in flat.hyperparameters if one.weights]
    categories = [one.label for one in flat.hyperparameters if one.kind == "category"]
    normal = [one.label for one in flat.hyperparameters if one.is_normal]
    if normal:
        yield f"search.algo: {algo} draws {', '.join(normal)} between the {TAIL:.1%} and {1 - TAIL:.1%} quantiles"
    if WEIGHTS in sampler.lacks and weighted:
        yield f"search.algo: {algo} does not know the weights of {', '.join(weighted)}: its choices begin as equals"
    if CATEGORIES in sampler.lacks and categories:
        yield f"search.algo: {algo} takes the choices of {', '.join(categories)} for ordered numbers"
    if CONDITIONS in sampler.lacks and flat.has_conditions:
        depending = [one.label for one in flat.hyperparameters if frozenset() not in one.paths]
        yield f"search.algo: {algo} takes {', '.join(depending)} to be at the middle where no choice leads to it"


def configured(
    search: TrialSettings, space: NamedSpace | None = None, points: dict[int, Point] | None = None, warm: int = 0
) -> Callable:
    """Return the suggest function of ``search.algo`` with its options, told when its start ends.

    Such functions count the trials that they see, of which a parallel search shows ``parallelism - 1`` less. The start
    ends at trial ``startup_trials`` all the same, and so many trials earlier as stand before the history.

    Args:
        points: hyperopt's values that are given for trials, by number; with the ``space`` that they are of.
        warm: How many trials of other searches stand before the history.
    """

    def started(suggest: Callable) -> Callable:
        if warm:
            return partial(_suggest_from, suggest=suggest, first=search.startup_trials - warm)
        return partial(suggest, n_startup_jobs=max(1, search.startup_trials - search.parallelism + 1))

    def with_points(suggest: Callable) -> Callable:
        return partial(start_points.suggest, suggest_one=suggest, space=space, values=points) if points else suggest

    sampler = SAMPLERS.get(search.algo)
    if sampler is None:
        suggest = own.suggest_function(HYPEROPT.get(search.algo, search.algo))
        has_start = "n_startup_jobs" in inspect.signature(suggest).parameters
        suggest = partial(suggest, **search.algo_options) if search.algo_options else suggest
        return with_points(started(suggest) if has_start else suggest)
    whole_search = {"search_seed": search.seed, "parallelism": search.parallelism}
    suggest = partial(
        ask.suggest,
        name=search.algo,
        propose=partial(sampler.propose, **sampler.arguments, **search.algo_options),
        start=start.propose if (start := _start(search)) else None,
        **whole_search,
    )
    suggest = with_points(started(suggest) if sampler.has_startup else suggest)
    if sampler.told_of_pending and search.parallelism > 1:
        return partial(pending.suggest, suggest_one=suggest, **whole_search)
    return suggest


def _suggest_from(
    new_ids: list[int], domain: object, trials: object, seed: int, suggest: Callable, first: int
) -> list[dict]:
    """Return what ``suggest`` proposes, whose start ends before trial ``first``, however many trials it sees."""
    startup = 0 if new_ids[0] >= first else len(trials.trials) + 1
    return suggest(new_ids, domain, trials, seed, n_startup_jobs=startup)


def _start(search: TrialSettings) -> Sampler | None:
    """Return the sampler of a search's first trials; None where they are random, or as the algorithm likes."""
    sampler = SAMPLERS.get(search.algo)
    return SAMPLERS["qmc"] if sampler and sampler.has_startup and search.startup == "sobol" else None


def _needs(algo: str) -> tuple[tuple[str, ...], str | None]:
    """Return the packages that an algorithm needs beside hyperopt, and the extra that installs them."""
    if algo == "atpe":
        return ("lightgbm", "scikit-learn"), "atpe"
    return (SAMPLERS[algo].packages, SAMPLERS[algo].extra) if algo in SAMPLERS else ((), None)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
