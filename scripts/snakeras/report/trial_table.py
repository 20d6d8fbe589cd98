"""All trials in one table that sorts and searches in the browser: a page that needs no network."""

import html as markup
import urllib.parse
from pathlib import Path

from snakeras.core import files
from snakeras.core.text import number, shortened
from snakeras.report import captions, search_data

ROWS = 25  # a page
REASON = 300  # characters: Keras explains at length, and all of it is in the trial's file

# Numbers with few digits, sorted as numbers; where there is none, nothing.
NUMBER = """function (data, type) {
  if (type !== "display") return data;
  return data === null || Number.isNaN(data) ? "" : String(Number(Number(data).toPrecision(6)));
}"""


def links(search_tracking: Path, trial_tracking: list[Path]) -> dict[int, str]:
    """Return the address of each trial's run in MLflow's pages; none where the runs are in no server.

    Each file is what publishing wrote: of the search, ``tracking_uri`` and ``experiment_id``; of a trial, by which the
    file is named, ``run_id``, None for a skipped one. Raise UserError when one is missing or no JSON object.
    """
    search = files.read_json(search_tracking)
    uri = urllib.parse.urlsplit(str(search.get("tracking_uri") or ""))
    if uri.scheme not in ("http", "https"):
        return {}
    # A report goes to others: no user and no password.
    server = f"{uri.scheme}://{uri.netloc.rpartition('@')[2]}{uri.path.rstrip('/')}"
    runs = f"{server}/#/experiments/{urllib.parse.quote(str(search['experiment_id']), safe='')}/runs"
    return {
        int(path.stem): f"{runs}/{urllib.parse.quote(str(run_id), safe='')}"
        for path in trial_tracking
        if (run_id := files.read_json(path)["run_id"]) is not None
    }


def columns(search: dict, links: dict[int, str]) -> dict[str, list]:
    """Return the table by columns: numbers (None where there is none), and texts, as HTML."""
    trials, objective, best = search["trials"], search["objective"], "<mark>best</mark>"
    table = {
        "Trial": [_linked(trial["trial"], links) for trial in trials],
        "Status": [f"{trial['status']}{best if trial['trial'] == search['best'] else ''}" for trial in trials],
        objective["label"]: [trial["value"] for trial in trials],
        "Loss": [trial["loss"] for trial in trials],
        "Epochs": [trial["epochs"] for trial in trials],
        "Duration in s": [trial["seconds"] for trial in trials],
    }
    # The script's order; a hyperparameter may be called like a column.
    for name in dict.fromkeys([*search["space"], *(name for trial in trials for name in trial["hyperparameters"])]):
        table[f"{name} (hyperparameter)" if name in table else name] = _hyperparameter(name, trials)
    return table | {"Why it ended early": [markup.escape(reason(trial)) for trial in trials]}


def reason(trial: dict) -> str:
    """Return why a trial failed, was pruned or skipped, on one line; empty for one that completed."""
    if trial["status"] == "failed":
        place = f" ({trial['failed_at']})" if trial["failed_at"] else ""
        return shortened(trial["failure"], REASON) + place
    if trial["status"] == "skipped":
        return trial["skipped"]
    if trial["status"] == "pruned":
        pruned = trial["pruned"]
        return f"pruned after epoch {pruned['epoch']}: {pruned['monitor']} {number(pruned['value'])}"
    return ""


def write(search: dict, html: Path, links: dict[int, str]) -> dict:
    """Write the page with these links, and return the figures of the caption.

    They are ``trials``; ``completed``, ``pruned``, ``failed`` and ``skipped``, how many; ``best``, the best trial's
    number or None; ``linked``, how many have a link.
    """
    trials, label = search["trials"], search["objective"]["label"].lower()
    said = "Click on a column's name to sort by it."
    if search["best"] is not None:
        value = next(number(trial["value"]) for trial in trials if trial["trial"] == search["best"])
        said = f"The best is trial {search['best']}: {label} {value}. {said}"
    body = f"<p>{markup.escape(said)}</p>\n{_table(columns(search, links))}"
    files.write_text(html, captions.page(f"{search['name']}: all trials", body))
    linked = sum(trial["trial"] in links for trial in trials)
    return search_data.counts(search) | {"best": search["best"], "linked": linked}


def _linked(trial: int, links: dict[int, str]) -> str:
    if trial not in links:
        return str(trial)
    return f'<a href="{markup.escape(links[trial])}" target="_blank" rel="noopener">{trial}</a>'


def _hyperparameter(name: str, trials: list[dict]) -> list:
    """Return its values if all are numbers, None where a trial has none; else all of them as text, as HTML."""
    values = {trial["trial"]: trial["hyperparameters"][name] for trial in trials if name in trial["hyperparameters"]}
    if not any(isinstance(value, bool | str | None) for value in values.values()):
        return [values.get(trial["trial"]) for trial in trials]
    return [markup.escape(number(values.get(trial["trial"], ""))) for trial in trials]


def _table(columns: dict[str, list]) -> str:
    import itables
    import pandas as pd
    from itables.javascript import generate_init_offline_itables_html
    from itables.typing import JavascriptFunction

    numeric = [place for place, values in enumerate(columns.values()) if not any(isinstance(v, str) for v in values)]
    kinds = ["float64" if place in numeric else "object" for place in range(len(columns))]
    frame = pd.DataFrame(
        {
            # A long name may break where its words do.
            markup.escape(name).replace("_", "_<wbr>"): pd.Series(values, dtype=kind)
            for kind, (name, values) in zip(kinds, columns.items(), strict=True)
        }
    )
    table = itables.to_html_datatable(
        frame,
        connected=False,
        allow_html=True,  # what is HTML here was escaped above
        maxBytes=0,
        maxRows=0,
        maxColumns=0,
        showIndex=False,
        classes="display compact",
        style="width:100%",
        layout={"topStart": "search", "topEnd": "pageLength", "bottomStart": "info", "bottomEnd": "paging"},
        pageLength=ROWS,
        lengthMenu=[ROWS, 100, {"label": "all", "value": -1}],
        order=[[0, "asc"]],
        text_in_header_can_be_selected=False,  # else only the arrows beside it sort
        columnDefs=[
            {"targets": 0, "type": "html-num"},
            {"targets": numeric, "render": JavascriptFunction(NUMBER), "type": "num", "className": "number"},
            {"targets": len(columns) - 1, "className": "reason"},
        ],
    )
    return f"{generate_init_offline_itables_html(itables.options.dt_bundle)}\n{table}"
