"""Mistakes that stop every trial: said once in a run of Snakemake, though each job and each attempt would meet them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import Mistake, SaidBefore

FOLDER = files.RUN_NOTES / "mistakes"  # for each search a folder with the log of a job that met each


def forget(name: str) -> None:
    """Forget the mistakes of earlier runs of a search, for the user has perhaps mended them."""
    shutil.rmtree(FOLDER / name, ignore_errors=True)


@contextmanager
def said_once(results: Path, snakemake: object) -> Iterator[None]:
    """Raise ``SaidBefore`` for a mistake inside the block that another job of the search in ``results`` has met.

    Once one was met in this run of Snakemake, the block is not entered; the log then has that of the job that met it.
    Jobs that share no file system each find the mistake anew.
    """
    folder = FOLDER / results.name
    for log in folder.glob("*"):
        print(log.read_text(encoding="utf-8", errors="replace"))
        raise SaidBefore("not started again: a job met the mistake above, which stops this one too")
    try:
        yield
    except Mistake as error:
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / files.sha256_of(str(error))
        try:
            log.touch(exist_ok=False)
        except FileExistsError:
            raise SaidBefore(str(error)) from None
        log.write_bytes(Path(snakemake.log[0]).read_bytes() + f"{error}\n".encode(errors="backslashreplace"))
        raise
