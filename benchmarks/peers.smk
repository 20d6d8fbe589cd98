# The comparison with other libraries: a job for each library, task and seed, one after the other. benchmarks/peers.py
# calls it.

import sys

from compared.job import Job
from compared.rows import ROWS


def job(row, task, seed, trials, epochs):
    """Return what a job is told, as JSON."""
    data = f"data/{task}/{config['samples'] or 'all'}/{seed}"
    told = {name: config[name] for name in ("threads", "samples", "ours")}
    return Job(row, task, int(seed), trials, epochs, **told, data=data, folder="").text()


def version(wildcards):
    """Return the version of a row's library, so that the row runs again once it is installed, or is another."""
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
        job=lambda w: job(w.row, w.task, w.seed, config["trials"], config["epochs"][w.task]),
        version=version,
    log:
        "logs/{task}/{row}/{seed}.log",
    shell:
        "{sys.executable} -m compared.one run {params.job:q} {output} > {log} 2>&1"


rule ask:
    output:
        "asked/{question}/{row}.json",
    params:
        # The task whose models train fastest.
        job=lambda w: job(w.row, "table", 1, trials=min(config["trials"], 6), epochs=2),
        version=version,
    log:
        "logs/{question}/{row}.log",
    shell:
        "{sys.executable} -m compared.one {wildcards.question} {params.job:q} {output} > {log} 2>&1"


rule table:
    input:
        config["runs"] + config["answers"],
    output:
        "comparison.md",
    params:
        command=config["command"],
    shell:
        "{sys.executable} -m compared.table {output} {params.command:q} {input}"


rule picture:
    input:
        config["runs"],
    output:
        "comparison.svg",
    shell:
        "{sys.executable} -m compared.picture {output} {input}"
