"""What the rules that train share: their computing process, and the record of what happened in it."""

from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from snakeras import happened, worker
from snakeras.job import mnist_folder


def compute(snakemake: object, terminal: TextIO, function: Callable[..., dict], **arguments: object) -> dict:
    """Call ``function`` in a computing process and write the job's ``happened`` file.

    Parameters
    ----------
    terminal
        Where the function's notes for people go.
    function
        Takes ``search``, ``manifest`` and ``mnist_folder`` beside ``arguments``; returns at least ``device`` and
        ``notes``.

    Returns
    -------
    dict
        What the function returned.

    Raises
    ------
    UserError
        As ``worker.call``.
    """
    search = snakemake.params.search
    arguments |= {
        "search": search,
        "manifest": next(iter(snakemake.input.data), None),
        "mnist_folder": mnist_folder(snakemake),
    }
    started = happened.now()
    answer = worker.call(function, arguments, log=Path(snakemake.log[0]), threads=search["threads"])
    terminal.write(answer["notes"])
    happened.write(Path(snakemake.output.happened), started, answer["device"], search["threads"])
    return answer
