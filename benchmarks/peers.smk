# The comparison with other libraries: a job for each library, task and seed, one after the other. benchmarks/peers.py calls it.

import json
import sys

from compared.job import Job
from compared.rows import ROWS
from compared.tasks import TASKS


def job(wildcards, task, data, trials):
    """Return what a job is told, as JSON."""
    chosen = config["tasks"][task]
    given = {"library": wildcards.row, "task": task, "seed": int(getattr(wildcards, "seed", 1)), "data": data}
    return Job(**given, trials=trials, epochs=chosen["epochs"], threads=config["threads"], folder="").text()


RUNS = [
    f"runs/{task}/{row}/{seed}.json"
    for task, chosen in config["tasks"].items()
    # All rows from one seed, then from the next: what is there can be compared at any time.
    for seed in range(1, chosen["seeds"] + 1)
    for row in chosen["rows"]
]
ASKED = expand("asked/{question}/{row}.json", question=("killed", "parallel", "raised"), row=config["asked"])


wildcard_constraints:
    task="[a-z]+",
    row="[a-z-]+",
    seed=r"\d+",


rule all:
    input:
        "comparison.md",
        "comparison.svg",


rule data:
    output:
        directory("data/{task}/{seed}"),
    params:
        samples=config["samples"],
    run:
        from pathlib import Path

        from compared import tasks

        tasks.write(wildcards.task, int(wildcards.seed), params.samples, Path("mnist"), Path(output[0]))


# The version, so that a library that is installed later runs.
rule run:
    input:
        data=ancient("data/{task}/{seed}"),
    output:
        "runs/{task}/{row}/{seed}.json",
    params:
        job=lambda wildcards, input: job(wildcards, wildcards.task, input.data, config["trials"]),
        version=lambda wildcards: ROWS[wildcards.row].version,
    log:
        "logs/{task}/{row}/{seed}.log",
    shell:
        "{sys.executable} -m compared.one run {params.job:q} {output} > {log} 2>&1"


rule ask:
    input:
        data=ancient("data/table/1"),
    output:
        "asked/{question}/{row}.json",
    params:
        job=lambda wildcards, input: job(wildcards, "table", input.data, config["asked_trials"]),
        version=lambda wildcards: ROWS[wildcards.row].version,
    log:
        "logs/{question}/{row}.log",
    shell:
        "{sys.executable} -m compared.one {wildcards.question} {params.job:q} {output} > {log} 2>&1"


rule table:
    input:
        RUNS + ASKED,
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
