# The search: a job for each trial, then the best of them.


rule trial:
    input:
        script=plan.script("trial.py"),
        model=plan.model,
        data=plan.manifest,
        script_data=plan.script_data,
        looks_back_on=plan.looks_back_on,
    output:
        result="results/{name}/trials/{trial}.json",
        happened="results/{name}/trials/{trial}.run.json",
        model=directory("results/{name}/trials/{trial}"),
    params:
        # All modules as inputs would take Snakemake as long to look through, for each trial, as all the rest.
        code=plan.code_digest("trial.py"),
        search=plan.search,
        data=plan.data,
        job=plan.job,
    log:
        "results/{name}/logs/trials/{trial}.log",
    benchmark:
        "results/{name}/benchmarks/trials/{trial}.tsv"
    threads: plan.threads
    resources:
        mem_mb=plan.mem_mb,
        runtime=plan.runtime,
        gpu=plan.gpu,
        attempt=plan.attempt,
    retries: plan.retries
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/trial.py"


rule best:
    input:
        code=plan.code("best.py"),
        model=plan.model,
        data=plan.manifest,
        trials=plan.trials,
    output:
        table=report(
            "results/{name}/trials.csv",
            caption="../report/trials.rst",
            category="Search",
            labels={"result": "All trials (CSV)"},
        ),
        best=report(
            "results/{name}/best.json",
            caption="../report/best.rst",
            category="Search",
            labels={"result": "Best hyperparameters (JSON)"},
        ),
    params:
        name=plan.name,
        search=plan.search,
        data=plan.data,
    log:
        "results/{name}/logs/best.log",
    benchmark:
        "results/{name}/benchmarks/best.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/data.yaml"
    localrule: True
    script:
        "../scripts/best.py"
