"""Show from another terminal how far the searches in a folder are. It reads their files and never writes."""

import argparse
import datetime
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
TIME_LEFT = "  about"  # begins the line that changes all the time


class Watch:
    """The searches in a folder. It reads a trial's files once, and again when they have changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Path, tuple[tuple, tuple[dict, dict] | None]] = {}

    def lines(self, now: datetime.datetime) -> list[str]:
        """Return the lines for all searches that were ever run here, the newest last. Raise UserError without any."""
        notes = stale_lock.notes(self._folder)
        if not notes:
            raise UserError(f"{self._folder}: no search was run here yet; expected a folder in which snakemake runs")
        unfinished = stale_lock.unfinished(self._folder)
        return [line for note in notes for line in self._search(note, unfinished, now)]

    def _search(self, note: dict, unfinished: dict[str, Path], now: datetime.datetime) -> list[str]:
        results, total = self._folder / "results" / note["name"], note["trials"]
        paths = {trial: results / "trials" / f"{trial_records.name(trial)}.json" for trial in range(total)}
        ended = {trial: pair for trial, path in paths.items() if (pair := self._read(path, note))}
        records = [record for record, _ in ended.values()]
        counts = Counter({"completed": 0, "pruned": 0, "failed": 0})
        counts.update(record["status"] for record in records)
        outcomes = ", ".join(f"{count} {status}" for status, count in counts.items())
        lines = [f"{note['name']}: {len(ended)} of {total} trials done ({outcomes})"]
        alive = self._is_alive(note)
        running, queued = self._in_flight(note, unfinished, set(ended))
        names = ", ".join(map(trial_records.name, running))
        if alive and (running or queued):
            lines.append(f"  running: {names or 'none'}" + (f"; in the queue: {len(queued)}" if queued else ""))
        elif running or queued:
            lines.append(f"  it was killed while trials ran: {names}")
        if best := progress.best_completed(records):
            lines.append(f"  best so far: {progress.outcome(best)} (trial {trial_records.name(best['trial'])})")
        if ended:
            last, _ = max(ended.values(), key=lambda pair: times.moment(pair[1]["finished"]))
            lines.append(f"  last: trial {trial_records.name(last['trial'])}: {progress.outcome(last)}")
        if len(ended) == total:
            final = (results / "final" / "metrics.json").exists()
            lines.append("  all trials done" + ("" if final else "; no final model"))
        elif alive and (seconds := progress.seconds_left(total, records, list(ended.values()))):
            end = (now + datetime.timedelta(seconds=seconds)).strftime("%H:%M" if seconds < 43200 else "%d %B, %H:%M")
            lines.append(f"{TIME_LEFT} {times.duration(seconds)} left, until {end}")
        return lines if alive else [*lines, "  nothing runs here now"]

    def _read(self, path: Path, note: dict) -> tuple[dict, dict] | None:
        """Return a trial's record and run record, if they are whole and made as they are to be now."""
        try:
            modified = [file.stat().st_mtime_ns for file in (path, path.with_suffix(".run.json"))]
        except OSError:
            return None
        # Such as trials that a stop rule skipped, which has been loosened since.
        if path.stem in note.get("again", []) and modified[0] < note["written"]:
            return None
        made_with = note["made_with"]
        key = (*modified, made_with)
        if path not in self._known or self._known[path][0] != key:
            pair = progress.read(path.parent, int(path.stem)) if trial_records.made_with(path) == made_with else None
            self._known[path] = key, pair
        return self._known[path][1]

    def _in_flight(self, note: dict, unfinished: dict[str, Path], ended: set[int]) -> tuple[list[int], list[int]]:
        """Return the trials whose jobs have started, and those that a scheduler has not started yet.

        Snakemake marks the outputs of a job when it submits it; the job creates its log when it starts.
        """
        running, queued = [], []
        for trial in sorted(set(range(note["trials"])) - ended):
            results, name = f"results/{note['name']}", trial_records.name(trial)
            if not (mark := unfinished.get(f"{results}/trials/{name}.json")):
                continue
            log = self._folder / results / "logs" / "trials" / f"{name}.log"
            try:
                started = log.stat().st_mtime >= mark.stat().st_mtime
            except OSError:
                started = False
            (running if started else queued).append(trial)
        return running, queued

    def _is_alive(self, note: dict) -> bool:
        """Return whether its Snakemake is at work; of one on another machine, only the lock can be seen."""
        import psutil

        if not stale_lock.is_locked(self._folder):
            return False
        return note["host"] != platform.node() or psutil.pid_exists(note["process"])


def main() -> None:
    """Print the lines every few seconds until Ctrl-C: in place on a terminal, elsewhere only when they have changed."""
    parser = argparse.ArgumentParser(prog="make watch", description="How far the searches in this folder are.")
    parser.add_argument("--once", action="store_true", help="print once and end")
    parser.add_argument("--directory", type=Path, default=Path(), help="where Snakemake runs")
    arguments = parser.parse_args()
    watch, shown = Watch(arguments.directory.resolve()), None
    while True:
        now = datetime.datetime.now().astimezone()
        lines = watch.lines(now)
        if sys.stdout.isatty() and not arguments.once:
            width = shutil.get_terminal_size().columns
            print("\033[H\033[2J" + "\n".join(line[:width] for line in [*lines, now.strftime("%H:%M:%S")]), flush=True)
        elif (steady := [line for line in lines if not line.startswith(TIME_LEFT)]) != shown:
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
