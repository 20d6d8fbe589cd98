"""How much each hyperparameter matters for the objective, by a random forest, and the picture of it."""

import math
import textwrap

import numpy as np

from snakeras.report import hyperparameters, preference, style

TREES = 200
REPEATS = 20
SEED = 0
# Below these the forest is not to be relied on.
FEWEST = 3
RELIABLE_TRIALS = 20
TRIALS_A_HYPERPARAMETER = 5
RELIABLE_R2 = 0.2
LONGEST_NAME = 26


def importances(search: dict) -> dict:
    """The permutation importance of each hyperparameter for the objective (Breiman 2001).

    A random forest predicts the objective from the hyperparameters; that of one is how much the share of the variance
    that it explains (R2) falls when its values are shuffled among the trials. Taken are the completed trials; where
    fewer than half of those with a value are completed, the pruned ones too, with their value when they stopped.

    Parameters
    ----------
    search
        As ``gathered.described`` gives it.

    Returns
    -------
    dict
        ``importances``: by hyperparameter, in the script's order, the mean over 20 shuffles as a share of the sum of
        all, from 0 to 1, or None where nothing can be said; ``deviations``: their standard deviations over the
        shuffles, in the same unit; ``r2``: of the forest, each trial predicted by the trees that have not seen it;
        None without a forest; ``trials``: how many were taken; ``pruned``: how many of those were pruned;
        ``reliable``; ``warning``: why not, or None.
    """
    completed = _with_value(search, "completed")
    pruned = _with_value(search, "pruned")
    taken = completed if len(completed) >= len(pruned) else sorted([*completed, *pruned], key=lambda t: t["trial"])
    found = {
        "importances": None,
        "deviations": None,
        "r2": None,
        "trials": len(taken),
        "pruned": sum(trial["status"] == "pruned" for trial in taken),
        "reliable": False,
    }
    objective = np.array([trial["value"] for trial in taken])
    if not search["space"]:
        return found | {"warning": "The script has no hyperparameters."}
    if len(taken) < FEWEST:
        return found | {"warning": f"Too few trials to say: {len(taken)}, at least {FEWEST} are needed."}
    if np.ptp(objective) == 0:
        return found | {"warning": f"All {len(taken)} trials have the same {search['objective']['label'].lower()}."}
    means, deviations, r2 = _permuted(table(search, [trial["trial"] for trial in taken]), objective)
    total = means.sum() or 1.0
    warning = _warning(len(taken), len(search["space"]), r2)
    return found | {
        "importances": dict(zip(search["space"], (means / total).tolist(), strict=True)),
        "deviations": dict(zip(search["space"], (deviations / total).tolist(), strict=True)),
        "r2": r2,
        "reliable": warning is None,
        "warning": warning,
    }


def table(search: dict, numbers: list[int]) -> np.ndarray:
    """What the forest predicts from, an array of shape (trials, hyperparameters), float64.

    Logarithms of what is drawn by logarithm, and indices of options; trials without the hyperparameter have a value
    below all others.

    Parameters
    ----------
    numbers
        Of the trials that are wanted.
    """
    return np.column_stack([_column(preference.observed(search, name), numbers) for name in search["space"]])


def importance(search: dict) -> style.Picture:
    """Draw ``importances`` as bars, the largest on top, with their standard deviations.

    Parameters
    ----------
    search
        As ``gathered.described`` gives it.

    Returns
    -------
    pictures.Picture
        Its figures: ``drawn``; ``trials``, ``pruned``, ``r2``, ``reliable`` and ``warning`` of ``importances``;
        ``largest``, the name of the most important hyperparameter, and ``share``, its importance, None if not drawn;
        ``objective``.
    """
    found = importances(search)
    shares = found["importances"]
    names = sorted(shares, key=lambda name: -shares[name]) if shares else []
    figures = {key: found[key] for key in ("trials", "pruned", "r2", "reliable", "warning")} | {
        "drawn": bool(names),
        "largest": names[0] if names else None,
        "share": shares[names[0]] if names else None,
        "objective": search["objective"]["label"],
    }
    with style.style():
        figure = _drawn(found, names, figures["objective"]) if names else style.saying(found["warning"])
    return style.Picture(figure, figures)


def _with_value(search: dict, status: str) -> list[dict]:
    return [trial for trial in search["trials"] if trial["status"] == status and trial["value"] is not None]


def _column(seen: preference.Observed, numbers: list[int]) -> np.ndarray:
    values = np.array([seen.values.get(number, math.nan) for number in numbers])
    if seen.logarithmic:
        # What is rounded to steps may be 0.
        values = np.log(np.maximum(values, preference.TINY))
    known = values[~np.isnan(values)]
    below = known.min() - max(1.0, np.ptp(known)) if known.size else 0.0
    return np.where(np.isnan(values), below, values)


def _permuted(features: np.ndarray, objective: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Means and standard deviations of the importances, none negative, and the out-of-bag R2."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    forest = RandomForestRegressor(TREES, oob_score=True, random_state=SEED, n_jobs=1).fit(features, objective)
    found = permutation_importance(forest, features, objective, n_repeats=REPEATS, random_state=SEED, n_jobs=1)
    return np.maximum(found.importances_mean, 0.0), found.importances_std, float(forest.oob_score_)


def _warning(trials: int, hyperparameters: int, r2: float) -> str | None:
    needed = max(RELIABLE_TRIALS, TRIALS_A_HYPERPARAMETER * hyperparameters)
    if trials < needed:
        return f"Not reliable: {trials} trials for {hyperparameters} hyperparameters, at least {needed} are needed."
    if not r2 >= RELIABLE_R2:
        return f"Not reliable: the forest explains little of what other trials reach (out-of-bag R² {r2:.2f})."
    return None


def _drawn(found: dict, names: list[str], objective: str) -> object:
    shares = [100 * found["importances"][name] for name in names]
    deviations = [100 * found["deviations"][name] for name in names]
    warning = textwrap.fill(found["warning"] or "", 64)
    figure = style.new(1.0 + 0.34 * len(names) + 0.22 * len(warning.splitlines()))
    axis = figure.subplots()
    look = {} if found["reliable"] else {"hatch": "///", "edgecolor": style.BLUE, "fill": False}
    axis.barh(range(len(names)), shares, 0.62, color=style.BLUE, **look)
    axis.errorbar(shares, range(len(names)), xerr=deviations, fmt="none", ecolor=style.INK, elinewidth=1, capsize=3)
    ends = [share + deviation for share, deviation in zip(shares, deviations, strict=True)]
    for place, (share, end) in enumerate(zip(shares, ends, strict=True)):
        axis.annotate(
            "<1 %" if 0 < share < 0.5 else f"{share:.0f} %",
            (end, place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axis.set_yticks(range(len(names)), [hyperparameters.short(name, LONGEST_NAME) for name in names])
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.set_xlim(0, 1.18 * max(ends) or 1)
    axis.grid(visible=False, axis="y")
    figure.supxlabel(f"Importance for the {objective.lower()} (% of the sum of all)", fontsize=10)
    if warning:
        figure.suptitle(warning, fontsize=10)
    return figure
