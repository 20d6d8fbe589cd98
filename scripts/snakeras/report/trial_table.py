"""All trials in one table that sorts and searches in the browser: a page that needs no network."""

import html as markup
import urllib.parse
from pathlib import Path

from snakeras.core import files
from snakeras.core.text import number, shortened
from snakeras.report import pages, search_data

ROWS = 25  # a page
REASON = 300  # characters: Keras explains at length, and all of it is in the trial's file

# Numbers with few digits, sorted as numbers; where there is none, nothing.
NUMBER = """function (data, type) {
  if (type !== "display") return data;
  return data === null || Number.isNaN(data) ? "" : String(Number(Number(data).toPrecision(6)));
}"""


def links(search_tracking: Path, trial_tracking: list[Path]) -> dict[int, str]:
    """Return the address of each trial's run in MLflow's pages; none where the runs are in no server.

    Parameters
    ----------
    search_tracking
        What publishing wrote of the search: ``tracking_uri`` and ``experiment_id``.
    trial_tracking
        Likewise of each trial, ``run_id``; a file is named by its trial.

    Raises
    ------
    UserError
        When a file is missing or no JSON object.
    """
    search = files.read_json(search_tracking)
    uri = urllib.parse.urlsplit(str(search.get("tracking_uri") or ""))
    if uri.scheme not in ("http", "https"):
        return {}
    # A report goes to others: no user and no password.
    server = f"{uri.scheme}://{uri.netloc.rpartition('@')[2]}{uri.path.rstrip('/')}"
    experiment = urllib.parse.quote(str(search["experiment_id"]), safe="")
    runs = {int(path.stem): files.read_json(path)["run_id"] for path in map(Path, trial_tracking)}
    return {
        trial: f"{server}/#/experiments/{experiment}/runs/{urllib.parse.quote(str(run), safe='')}"
        for trial, run in runs.items()
    }


def columns(search: dict, links: dict[int, str]) -> dict[str, list]:
    """Return the table by columns: numbers (None where there is none), and texts, as HTML."""
    trials = search["trials"]
    # The script's order; a hyperparameter may be called like a column.
    names = dict.fromkeys([*search["space"], *(name for trial in trials for name in trial["hyperparameters"])])
    found = {
        "Trial": [_number(trial["trial"], links) for trial in trials],
        "Status": [_status(trial, search["best"]) for trial in trials],
        search["objective"]["label"]: [trial["value"] for trial in trials],
    }
    if search["objective"]["key"] != "loss":
        found["Loss"] = [trial["loss"] for trial in trials]
    found |= {"Epochs": [trial["epochs"] for trial in trials], "Duration in s": [trial["seconds"] for trial in trials]}
    for name in names:
        values = [trial["hyperparameters"].get(name) for trial in trials]
        title = f"{name} (hyperparameter)" if name in found else name
        has = [name in trial["hyperparameters"] for trial in trials]
        found[title] = values if _numeric(values, has) else [_text(*pair) for pair in zip(values, has, strict=True)]
    return found | {"Why it ended early": [markup.escape(reason(trial)) for trial in trials]}


def reason(trial: dict) -> str:
    """Return why a trial failed or was pruned, on one line; empty for one that completed."""
    if trial["status"] == "failed":
        place = f" ({trial['failed_at']})" if trial["failed_at"] else ""
        return shortened(trial["failure"], REASON) + place
    if trial["status"] == "pruned":
        pruned = trial["pruned"]
        return f"pruned after epoch {pruned['epoch']}: {pruned['monitor']} {number(pruned['value'])}"
    return ""


def write(search: dict, html: Path, links: dict[int, str]) -> dict:
    """Write the page, and return the figures of the caption.

    Parameters
    ----------
    links
        Where each trial is to be found, by ``links``.

    Returns
    -------
    dict
        ``trials``; ``completed``, ``pruned`` and ``failed``, how many; ``best``, the best trial's number or None;
        ``linked``, how many have a link.
    """
    trials = search["trials"]
    figures = search_data.counts(search) | {
        "best": search["best"],
        "linked": sum(trial["trial"] in links for trial in trials),
    }
    said = "Click on a column's name to sort by it."
    if search["best"] is not None:
        best = next(trial for trial in trials if trial["trial"] == search["best"])
        said = f"The best is trial {best['trial']}: {_objective(search, best)}. {said}"
    body = f"<p>{markup.escape(said)}</p>\n{_table(columns(search, links))}"
    files.write_text(html, pages.page(f"{search['name']}: all trials", body))
    return figures


def _objective(search: dict, trial: dict) -> str:
    return f"{search['objective']['label'].lower()} {number(trial['value'])}"


def _number(trial: int, links: dict[int, str]) -> str:
    if trial not in links:
        return str(trial)
    return f'<a href="{markup.escape(links[trial])}" target="_blank" rel="noopener">{trial}</a>'


def _status(trial: dict, best: int | None) -> str:
    return trial["status"] + ("<mark>best</mark>" if trial["trial"] == best else "")


def _numeric(values: list, has: list[bool]) -> bool:
    return all(
        isinstance(value, int | float) and not isinstance(value, bool)
        for value, there in zip(values, has, strict=True)
        if there
    )


def _text(value: object, there: bool) -> str:
    return markup.escape(number(value)) if there else ""


def _table(columns: dict[str, list]) -> str:
    import itables
    import pandas as pd
    from itables.javascript import generate_init_offline_itables_html
    from itables.typing import JavascriptFunction

    numeric = [place for place, values in enumerate(columns.values()) if not any(isinstance(v, str) for v in values)]
    frame = pd.DataFrame(
        {
            # A long name may break where its words do.
            markup.escape(name).replace("_", "_<wbr>"): pd.Series(
                values, dtype="float64" if place in numeric else "object"
            )
            for place, (name, values) in enumerate(columns.items())
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
