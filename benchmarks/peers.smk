# The comparison with other libraries: a job for each library, task and seed, one after the other. benchmarks/peers.py
# calls it.

import sys
from pathlib import Path

from compared.job import Job
from compared.rows import ROWS

ASKED = config["asked"]  # on the task whose models train fastest, from its first seed
RUNS = [
    f"runs/{task}/{row}/{seed}.json"
    for task, chosen in config["tasks"].items()
    for seed in range(1, chosen["seeds"] + 1)
    for row in chosen["rows"]
]
ANSWERS = expand("asked/{question}/{row}.json", question=("killed", "parallel", "raised"), row=ASKED["rows"])
if config["so_far"]:
    RUNS, ANSWERS = ([path for path in paths if Path(path).exists()] for paths in (RUNS, ANSWERS))
    if not RUNS:
        raise WorkflowError(f"--so-far: found none of these searches in {Path.cwd() / 'runs'}, expected one or more")


def job(row, task, seed, trials, epochs):
    """Return what a job is told, as JSON."""
    data = f"data/{task}/{config['samples'] or 'all'}/{seed}"
    told = {name: config[name] for name in ("threads", "samples", "ours")}
    return Job(row, task, int(seed), trials, epochs, **told, data=data, folder="").text()


def version(wildcards):
    """Return the version of a row's library: one that is installed later runs."""
    return ROWS[wildcards.row].version


wildcard_constraints:
    task="[a-z]+",
    row="[a-z-]+",
    seed=r"\d+",


rule all:
    input:
        "comparison.md",
        "comparison.svg",


rule run:
    output:
        "runs/{task}/{row}/{seed}.json",
    params:
        job=lambda w: job(w.row, w.task, w.seed, config["trials"], config["tasks"][w.task]["epochs"]),
        version=version,
    log:
        "logs/{task}/{row}/{seed}.log",
    shell:
        "{sys.executable} -m compared.one run {params.job:q} {output} > {log} 2>&1"


rule ask:
    output:
        "asked/{question}/{row}.json",
    params:
        job=lambda w: job(w.row, "table", 1, ASKED["trials"], ASKED["epochs"]),
        version=version,
    log:
        "logs/{question}/{row}.log",
    shell:
        "{sys.executable} -m compared.one {wildcards.question} {params.job:q} {output} > {log} 2>&1"


rule table:
    input:
        RUNS + ANSWERS,
    output:
        "comparison.md",
    params:
        command=config["command"],
    shell:
        "{sys.executable} -m compared.table {output} {params.command:q} {input}"


rule picture:
    input:
        RUNS,
    output:
        "comparison.svg",
    shell:
        "{sys.executable} -m compared.picture {output} {input}"
