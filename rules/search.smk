# The search: a job for each trial, then the best of them.


rule trial:
    input:
        script=code_files.script("trial.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        script_data=search_files.script_data,
        earlier_trials=search_files.earlier_trials,
        warm_start=ancient(search_files.warm_start),
        outdated=outdated_trials.force,
    output:
        result="results/{name}/trials/{trial}.json",
        run_record="results/{name}/trials/{trial}.run.json",
        model=directory("results/{name}/trials/{trial}"),
    params:
        # Modules as inputs would double the time that Snakemake takes to plan many trials.
        code=code_files.digest("trial.py"),
        model=search_files.fingerprint,
        search=rule_params.search,
        data=rule_params.data,
        job=rule_params.job,
        point=rule_params.point,
        warm_start=search_files.warm_start_digest,
    log:
        "results/{name}/logs/trials/{trial}.log",
    benchmark:
        "results/{name}/benchmarks/trials/{trial}.tsv"
    threads: rule_params.threads
    resources:
        mem_mb=rule_params.mem_mb,
        runtime=rule_params.runtime,
        gpu=rule_params.gpu,
        attempt=rule_params.attempt,
    retries: rule_params.retries
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/trial.py"


# A checkpoint: Snakemake looks again at what comes after it, and retrains only if the winner is another one.
checkpoint best:
    input:
        code=code_files.of("best.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        trials=search_files.trials,
        finalists=lambda wildcards: (
            search_files.finalists(checkpoints.candidates.get(name=wildcards.name).output.candidates)
            if rule_params.finalists
            else []
        ),
    output:
        **report_files.finalists(bool(search_files.finalists_table)),
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
        winner="results/{name}/winner.json",
    params:
        name=rule_params.name,
        model=search_files.fingerprint,
        search=rule_params.search,
        data=rule_params.data,
        finalists=rule_params.finalists,
        job=rule_params.job,
        points=rule_params.points,
        warm_start=search_files.warm_start_digest,
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
