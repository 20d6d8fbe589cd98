"""How far the searches in a folder are, for another terminal: reads their files, and never writes."""

import argparse
import datetime
import json
import platform
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from snakeras.core import times
from snakeras.core.errors import UserError
from snakeras.search import trial_records
from snakeras.workflow import progress, stale_lock

EVERY = 5.0  # seconds
ABOUT = "about"  # begins the line that changes all the time
STATUSES = ("completed", "pruned", "failed")


class Watch:
    """What there is to tell of a folder's searches. Reads a trial's files once, and again when they have changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, tuple[tuple, tuple[dict, dict] | None]] = {}

    def lines(self, now: datetime.datetime) -> list[str]:
        """The lines for all searches that were ever run here, the newest last.

        Raises
        ------
        UserError
            When there is none.
        """
        found = stale_lock.notes(self._folder)
        if not found:
            raise UserError(f"{self._folder}: no search was run here yet; expected a folder in which snakemake runs")
        unfinished = stale_lock.unfinished(self._folder)
        return [line for note in found for line in self._search(note, unfinished, now)]

    def _search(self, note: dict, unfinished: dict[str, Path], now: datetime.datetime) -> list[str]:
        results = self._folder / "results" / note["name"]
        ended = {
            trial: files
            for trial in range(note["trials"])
            if (files := self._read(results / "trials" / f"{trial_records.name(trial)}.json", note["made_with"]))
        }
        documents = [document for document, _ in ended.values()]
        counts = Counter(document["status"] for document in documents)
        lines = [
            f"{note['name']}: {len(ended)} of {note['trials']} trials done ("
            + ", ".join(f"{counts[status]} {status}" for status in STATUSES)
            + ")"
        ]
        alive = self._alive(note)
        running, waiting = self._in_flight(note, unfinished, set(ended))
        if running or waiting:
            said = f"running: {', '.join(map(trial_records.name, running)) or 'none'}"
            said += f"; in the queue: {len(waiting)}" if waiting else ""
            lines.append(
                said if alive else f"it was killed while trials ran: {', '.join(map(trial_records.name, running))}"
            )
        best = progress.best_of(documents)
        if best:
            lines.append(f"best so far: {progress.outcome(best)} (trial {trial_records.name(best['trial'])})")
        if ended:
            last = max(ended.values(), key=lambda files: times.moment(files[1]["finished"]))[0]
            lines.append(f"last: trial {trial_records.name(last['trial'])}: {progress.outcome(last)}")
        left = note["trials"] - len(ended)
        if left and ended and alive:
            seconds = left * progress.busy_seconds([run for _, run in ended.values()]) / len(ended)
            end = (now + datetime.timedelta(seconds=seconds)).strftime("%H:%M" if seconds < 43200 else "%d %B, %H:%M")
            lines.append(f"{ABOUT} {progress.duration(seconds)} left, until {end}")
        elif not left:
            lines.append(
                "all trials done" + ("" if (results / "final" / "metrics.json").exists() else "; no final model")
            )
        if not alive:
            lines.append("nothing runs here now")
        return [lines[0], *(f"  {line}" for line in lines[1:])]

    def _read(self, path: Path, made_with: dict) -> tuple[dict, dict] | None:
        """A trial's document and what happened in it, if they are whole and of the search as it is now."""
        run = path.with_suffix(".run.json")
        try:
            key = (path.stat().st_mtime_ns, run.stat().st_mtime_ns, json.dumps(made_with, sort_keys=True))
        except OSError:
            return None
        if path not in self._known or self._known[path][0] != key:
            found = progress.read(path.parent, int(path.stem)) if trial_records.made_with(path) == made_with else None
            self._known[path] = key, found
        return self._known[path][1]

    def _in_flight(self, note: dict, unfinished: dict[str, Path], ended: set[int]) -> tuple[list[int], list[int]]:
        """Trials whose jobs have started, and those that a scheduler has not started yet.

        Snakemake marks the outputs of a job when it hands it over; the job begins its log when it starts.
        """
        results = Path("results", note["name"])
        running, waiting = [], []
        for trial in sorted(set(range(note["trials"])) - ended):
            mark = unfinished.get(str(results / "trials" / f"{trial_records.name(trial)}.json"))
            if mark is None:
                continue
            try:
                log = (self._folder / results / "logs" / "trials" / f"{trial_records.name(trial)}.log").stat().st_mtime
                started = log >= mark.stat().st_mtime
            except OSError:
                started = False
            (running if started else waiting).append(trial)
        return running, waiting

    def _alive(self, note: dict) -> bool:
        """Whether its Snakemake is at work, as far as can be seen from here: on another machine, by its lock."""
        import psutil

        if not stale_lock.is_locked(self._folder):
            return False
        return note["host"] != platform.node() or psutil.pid_exists(note["process"])


def main() -> None:
    """Show it every few seconds until Ctrl-C, in place on a terminal, else only when something has changed."""
    parser = argparse.ArgumentParser(prog="make watch", description="How far the searches in this folder are.")
    parser.add_argument("--once", action="store_true", help="show it once")
    parser.add_argument("--directory", type=Path, default=Path(), help="where Snakemake runs")
    arguments = parser.parse_args()
    watch, shown = Watch(arguments.directory.resolve()), None
    while True:
        now = datetime.datetime.now().astimezone()
        lines = watch.lines(now)
        if sys.stdout.isatty() and not arguments.once:
            width = shutil.get_terminal_size().columns
            print("\033[H\033[2J" + "\n".join(line[:width] for line in [*lines, now.strftime("%H:%M:%S")]), flush=True)
        elif (steady := [line for line in lines if not line.startswith(f"  {ABOUT}")]) != shown:
            print("\n".join(lines), flush=True)
            shown = steady
        if arguments.once:
            return
        time.sleep(EVERY)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
