"""Draw the best validation score against wall time: python -m compared.picture OUTPUT RUNS..."""

import sys
from pathlib import Path

import numpy as np

from compared import results
from compared.rows import ROWS


def draw(compared: list[results.Compared], path: Path) -> None:
    """Draw a panel for each task: a line for each row's median over seeds, in its range."""
    import matplotlib.pyplot as plt

    plt.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "peers"}
    figure, axes = plt.subplots(1, len(compared), figsize=(5 * len(compared), 6), squeeze=False)
    colours = plt.colormaps["tab20"].colors
    for axis, one in zip(axes[0], compared, strict=True):
        for row, runs in one.rows.items():
            moments = {time for run in runs.values() for time, _ in run.curve}
            times = np.array(sorted(moments | {max(run.seconds for run in runs.values())}))
            scores = np.array([[run.best_at(one.task, time) for time in times] for run in runs.values()])
            # Differences between good networks are to be seen.
            wrong = 1 - scores if one.task.mode == "max" else scores
            # Only where each seed has a trial.
            known = ~np.isnan(scores).any(axis=0)
            look = {"color": colours[list(ROWS).index(row)]}
            width = 2.5 if ROWS[row].search is None else 1.2
            middle, *span = (of(wrong[:, known], axis=0) for of in (np.median, np.min, np.max))
            axis.step(times[known], middle, where="post", label=ROWS[row].title, lw=width, **look)
            axis.fill_between(times[known], *span, step="post", alpha=0.08, **look)
        what = "1 - accuracy" if one.task.mode == "max" else "loss"
        axis.set(title=one.task.title, xlabel="wall time in seconds", ylabel=f"least validation {what}", yscale="log")
        axis.grid(alpha=0.3, which="both")
    known = {label: line for axis in axes[0] for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known, loc="lower center", ncols=4, fontsize="small")
    figure.tight_layout(rect=(0, 0.2, 1, 1))
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    output, *runs = map(Path, sys.argv[1:])
    draw(results.read(runs), output)
