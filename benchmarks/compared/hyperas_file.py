"""A task as a Hyperas file: what the tutorial's way and Snakeras search."""

import math
import shutil
from pathlib import Path

from compared.tasks import TASKS, Choice, Number

TEXT = '''"""Made by benchmarks/peers.py: {title}."""

from hyperas import optim
from hyperas.distributions import choice, loguniform, quniform, uniform
from hyperopt import Trials, tpe
from keras import Model


def get_data():
    from compared import tasks

    x_train, y_train, x_validation, y_validation = tasks.arrays({data!r}, "train", "validation")
    return x_train, y_train, x_validation, y_validation


def train_model(x_train, y_train, x_validation, y_validation):
    from compared import tasks

{templates}
    hp = {{{names}}}
    return tasks.trained(tasks.TASKS[{task!r}], hp, [x_train, y_train, x_validation, y_validation], {epochs})


best_run, _ = optim.minimize(
    model=train_model, data=get_data, algo=tpe.suggest, max_evals={trials}, trials=Trials(), rseed={seed}
)
'''


def template(one: Number | Choice) -> str:
    """Return a hyperparameter as Hyperas writes it."""
    if isinstance(one, Choice):
        return f"choice({one.values!r})"
    if one.log:
        return f"loguniform({math.log(one.low)!r}, {math.log(one.high)!r})"
    return f"quniform({one.low}, {one.high}, {one.step})" if one.step else f"uniform({one.low}, {one.high})"


def write(path: Path, task: str, data: Path, epochs: int, trials: int, seed: int) -> None:
    """Write the file, and beside it the modules that it imports: as a user's own file has them."""
    modules = path.parent / "compared"
    modules.mkdir(exist_ok=True)
    for name in ("__init__.py", "tasks.py", "trace.py"):
        shutil.copy(Path(__file__).parent / name, modules)
    space = TASKS[task].space
    templates = "\n".join(f"    {name} = {{{{{template(one)}}}}}" for name, one in space.items())
    names = ", ".join(f'"{name}": {name}' for name in space)
    given = {"task": task, "title": TASKS[task].title, "data": str(data), "templates": templates, "names": names}
    path.write_text(TEXT.format(**given, epochs=epochs, trials=trials, seed=seed))
