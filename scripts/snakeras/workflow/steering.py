"""Start points and warm start, read and checked against the search space before any job starts."""

from collections.abc import Iterator
from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import SearchSettings, Settings
from snakeras.model_file import parser, search_space
from snakeras.search import warm_start
from snakeras.search.samplers.named import NamedSpace, Outside


def read(settings: Settings, in_job: bool = False) -> dict[str, object]:
    """Return the keys of ``search`` that have to do with it, with their values as trials show them.

    Args:
        in_job: Whether a Snakemake that starts jobs has looked for the trials of other searches before.

    Raises:
        UserError: With one line for each mistake.
    """
    search = settings.search
    if not search.points and not search.warm_start and not search.warm_start_defaults:
        return {}
    if len(search.points) > search.max_evals:
        raise UserError(
            f"search.points: found {len(search.points)} points, expected at most search.max_evals ({search.max_evals})"
        )
    space = _space(settings)
    points, defaults, mistakes = [], {}, [] if in_job else list(_missing(search, settings.name))
    for number, point in enumerate(search.points):
        try:
            given = _of_best(Path(point), settings.name, space) if isinstance(point, str) else point
            points.append(space.read(given)[1])
        except Outside as error:
            mistakes.append(f"search.points[{number}].{error}{f' (in {point})' if isinstance(point, str) else ''}")
        except UserError as error:
            mistakes.append(f"search.points[{number}]: {error}")
    for name, value in search.warm_start_defaults.items():
        try:
            defaults |= space.read({name: value})[1]
        except Outside as error:
            mistakes.append(f"search.warm_start_defaults.{error}")
    if mistakes:
        raise UserError("\n".join(mistakes))
    # A folder counts once, however often and in whatever spelling it is named.
    folders: dict[Path, str] = {}
    for folder in search.warm_start:
        folders.setdefault((Path(folder) / "trials").resolve(), folder)
    return {"points": points, "warm_start_defaults": defaults, "warm_start": [*folders.values()]}


def _space(settings: Settings) -> NamedSpace:
    """Return the search space as far as it is known before a trial runs."""
    search = settings.search
    script = parser.read(
        Path(search.model), settings.data.dataset == "model", search.model_function, search.data_function
    )
    try:
        return NamedSpace(script, search_space.space(script))
    except UserError as error:
        raise UserError(f"search.points and search.warm_start: {error}") from None


def _of_best(path: Path, name: str, space: NamedSpace) -> dict:
    """Return the point in a best.json. Raise UserError for another file, and for this search's own."""
    if path.resolve() == Path("results", name, "best.json").resolve():
        raise UserError(f"found {path}, which this search writes itself; expected that of another, or its values")
    if not path.exists():
        raise UserError(f"found {str(path)!r}, expected values such as {{k1: 3}}, or the path of a best.json")
    document = files.read_json(path)
    if not isinstance(document.get("hyperparameters"), dict):
        raise UserError(f"{path}: found no hyperparameters, expected the best.json of a search")
    return space.with_inner(document["hyperparameters"], document.get("point", {}))


def _missing(search: SearchSettings, name: str) -> Iterator[str]:
    """Yield a line for each folder of ``search.warm_start`` that has no trials to start from."""
    for folder in map(Path, search.warm_start):
        line = f"search.warm_start: found {str(folder)!r}, "
        if folder.resolve() == Path("results", name).resolve():
            yield f"{line}which is this search's own folder, expected that of another search"
        elif not folder.is_dir():
            yield f"{line}which is no folder here, expected that of a search, such as results/other"
        elif not (trials := warm_start.trial_files(folder)):
            yield f"{line}which has no trials, expected the folder of a search, such as results/other"
        elif not warm_start.read(trials):
            yield f"{line}of whose {len(trials)} trials none was completed or pruned, expected one at least"


def told(settings: Settings) -> str | None:
    """Return in a line how many trials of other searches are used, and why others are not; None without any."""
    found = [path for folder in settings.search.warm_start for path in warm_start.trial_files(Path(folder))]
    if not found:
        return None
    trials = warm_start.read(found).values()
    used, unused = warm_start.usable(list(trials), settings.search.warm_start_defaults, _space(settings))
    ended_badly = len(found) - len(trials)
    return warm_start.told(len(used), unused | ({"that failed or were altered": ended_badly} if ended_badly else {}))
