"""``search.points``, read and checked against the search space before any job starts."""

from pathlib import Path

from snakeras.core import files
from snakeras.core.errors import UserError
from snakeras.core.settings import Settings
from snakeras.model_file import parser, search_space
from snakeras.search.samplers.named import NamedSpace, Outside


def read(settings: Settings) -> list[dict]:
    """Return the points with their values as trials show them, those of a best.json too.

    Raises:
        UserError: With one line for each point that the space of the model file does not have.
    """
    search = settings.search
    if not search.points:
        return []
    if len(search.points) > search.max_evals:
        raise UserError(
            f"search.points: found {len(search.points)} points, expected at most search.max_evals ({search.max_evals})"
        )
    named = search.model_function, search.data_function
    script = parser.read(Path(search.model), settings.data.dataset == "model", *named)
    space = NamedSpace(script, search_space.space(script))
    points, mistakes = [], []
    for number, point in enumerate(search.points):
        try:
            given = _of_best(Path(point), settings.name, space) if isinstance(point, str) else point
            points.append(space.read(given)[1])
        except Outside as error:
            mistakes.append(f"search.points[{number}].{error}{f' (in {point})' if isinstance(point, str) else ''}")
        except UserError as error:
            mistakes.append(f"search.points[{number}]: {error}")
    if mistakes:
        raise UserError("\n".join(mistakes))
    return points


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
