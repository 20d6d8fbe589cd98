# The search: a job for each trial, then the best of them.


rule trial:
    input:
        script=code.script("trial.py"),
        model=files.model,
        data=files.manifest,
        script_data=files.mnist_for_model,
        looks_back_on=earlier_trials,
    output:
        result="results/{name}/trials/{trial}.json",
        run_record="results/{name}/trials/{trial}.run.json",
        model=directory("results/{name}/trials/{trial}"),
    params:
        # All modules as inputs would take Snakemake as long to look through, for each trial, as all the rest.
        code=code.digest("trial.py"),
        search=rule_params.search,
        data=rule_params.data,
        job=rule_params.job,
    log:
        "results/{name}/logs/trials/{trial}.log",
    benchmark:
        "results/{name}/benchmarks/trials/{trial}.tsv"
    threads: training.threads
    resources:
        mem_mb=training.mem_mb,
        runtime=training.runtime,
        gpu=training.gpu,
        attempt=training.attempt,
    retries: training.retries
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/trial.py"


rule best:
    input:
        code=code.files("best.py"),
        model=files.model,
        data=files.manifest,
        trials=files.trials,
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
        name=settings.name,
        search=rule_params.search,
        data=rule_params.data,
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
