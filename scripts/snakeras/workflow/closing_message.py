"""What Snakemake prints at its end: the best trial, the test accuracy, where the files are."""

import statistics
from pathlib import Path

from snakeras.core import files, text
from snakeras.core.errors import UserError
from snakeras.core.settings import TrackingSettings
from snakeras.final import test_figures
from snakeras.search import trial_records, warm_start
from snakeras.workflow import progress

NO_LOSS = "its loss on the test data is no finite number"


def summary(folder: Path, tracking: TrackingSettings | None, label: str | None = None) -> str | None:
    """Return the last lines of a finished search in results folder ``folder``; None where it is not finished.

    Without ``tracking`` they do not say where to look at its runs; with a ``label`` they say whose they are.
    """
    try:
        best, metrics = (files.read_json(folder / name) for name in ("best.json", "final/metrics.json"))
    except UserError:
        return None
    # A run that was asked for best.json alone leaves an older final model beside it.
    if metrics["hyperparameters"] != best["hyperparameters"]:
        return None
    point = ", ".join(f"{name}={text.number(value)}" for name, value in best["hyperparameters"].items())
    whose = f" of {label}" if label else ""
    lines = ["", f"Best hyperparameters{whose} (trial {trial_records.name(best['trial'])}): {point}"]
    lines.append(f"Best loss of the search: {_loss(best, folder)}")
    if chosen := best.get("chosen"):
        spread = "" if chosen["std"] is None else f" (standard deviation {text.number(chosen['std'])})"
        many = f"{chosen['candidates']} candidate{'s' * (chosen['candidates'] > 1)}"
        lines.append(f"Chosen among {many} by {chosen['by']}: {text.number(chosen['mean'])}{spread}")
    lines.append(f"Trials: {sum(best['trials'].values())}{progress.bad(best['trials'])}")
    if warm := best.get("warm_start"):
        lines[-1] += f"; {warm_start.told(warm['used'], warm['not_used'])}"
    lines += _members(metrics.get("members", []))
    if metrics["test_accuracy"] is not None:
        low, high = metrics["test_accuracy_interval"]
        lines.append(
            f"Test accuracy of the final model:  {metrics['test_accuracy']:.4f} (95 % interval {low:.4f} to {high:.4f})"
        )
    elif metrics["test_loss"] is not None:
        lines.append(f"Test loss of the final model: {metrics['test_loss']:.6g}")
    figures = test_figures.named(metrics)
    lines += [f"Test {name} of the final model: {value:.6g}" for name, value in figures.items()]
    if metrics["model"] is None:
        lines.append(
            f"The model file trains no model to keep; its loss with these: {metrics['loss']:.6g} (Keras models and "
            "scikit-learn estimators are kept)"
        )
    elif metrics["test_accuracy"] is None and metrics["test_loss"] is None and not figures:
        lines.append(f"The final model was not tested: {metrics.get('not_tested', NO_LOSS)}")
    elif metrics.get("test_data_seen_by_search"):
        lines.append("Tested on the validation data, by which the search chose: the test is favourable")
    lines.append(f"Files: {folder / 'best.json'}, {folder / 'trials.csv'}, {folder / 'final'}/")
    if tracking and tracking.mflux:
        lines.append(f"Tracked in MFlux.ai; to look: {tracking.mflux_host or 'https://www.mflux.ai'}")
    elif tracking and tracking.uri:
        is_address = tracking.uri.startswith(("http://", "https://"))
        look = tracking.uri if is_address else f"mlflow ui --backend-store-uri {tracking.uri}"
        lines.append(f"Tracked in MLflow; to look: {look}")
    return "\n".join(lines)


def _members(members: list[dict]) -> list[str]:
    """Return the lines about the members of an ensemble, as ``metrics.json`` has them; none without any."""
    whole = [member for member in members if "failure" not in member]
    if not members:
        return []
    left_out = f"; {len(members) - len(whole)} failed, see final/metrics.json" if len(whole) < len(members) else ""
    lines = [f"The final model is the average of {len(whole)} model{'s' * (len(whole) > 1)}{left_out}"]
    for figure, form in (("test_accuracy", ".4f"), ("test_loss", ".6g")):
        if values := [member[figure] for member in whole if member.get(figure) is not None]:
            mean, low, high = (f"{value:{form}}" for value in (statistics.fmean(values), min(values), max(values)))
            words = figure.capitalize().replace("_", " ")
            return [*lines, f"{words} of a single member: {mean} on average, from {low} to {high}"]
    return lines


def _loss(best: dict, folder: Path) -> str:
    """Return the loss of the best trial, and in brackets the metric that the pruner goes by."""
    try:
        record = trial_records.read(folder / "trials" / f"{trial_records.name(best['trial'])}.json")
    except UserError:
        return f"{best['loss']:.6g}"
    return " ".join([f"{best['loss']:.6g}", *(f"({metric})" for metric in progress.monitored(record))])
