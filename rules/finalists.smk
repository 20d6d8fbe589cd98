# Finalists and members of an ensemble: the best trials, each trained again from several seeds. Without them nothing asks
# for these files.


# A checkpoint: which trials these are is known when all have ended.
checkpoint candidates:
    input:
        code=code_files.of("candidates.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        trials=search_files.trials,
    output:
        candidates="results/{name}/candidates.json",
    params:
        model=search_files.fingerprint,
        search=rule_params.search,
        data=rule_params.data,
        points=rule_params.points,
        warm_start=search_files.warm_start_digest,
        candidates=rule_params.candidates,
        monitor=rule_params.compared_by,
    log:
        "results/{name}/logs/candidates.log",
    benchmark:
        "results/{name}/benchmarks/candidates.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/data.yaml"
    localrule: True
    script:
        "../scripts/candidates.py"


# It depends on its own trial alone: whichever trials are the best later, it is not trained twice.
rule finalist:
    input:
        code=code_files.of("finalist.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        script_data=search_files.script_data,
        trial="results/{name}/trials/{trial}.json",
        outdated=outdated_trials.force_finalist,
    output:
        result="results/{name}/finalists/{trial}_{number}.json",
        run_record="results/{name}/finalists/{trial}_{number}.run.json",
        model=directory("results/{name}/finalists/{trial}_{number}"),
    params:
        search=rule_params.search,
        epochs=rule_params.final["epochs"],
        train_on="train",
        job=rule_params.job,
    log:
        "results/{name}/logs/finalists/{trial}_{number}.log",
    benchmark:
        "results/{name}/benchmarks/finalists/{trial}_{number}.tsv"
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
        "../scripts/finalist.py"


# A finalist that is trained on the validation images too.
use rule finalist as member with:
    output:
        result="results/{name}/members/{trial}_{number}.json",
        run_record="results/{name}/members/{trial}_{number}.run.json",
        model=directory("results/{name}/members/{trial}_{number}"),
    params:
        search=rule_params.search,
        epochs=rule_params.final["epochs"],
        train_on="all",
        job=rule_params.job,
    log:
        "results/{name}/logs/members/{trial}_{number}.log",
    benchmark:
        "results/{name}/benchmarks/members/{trial}_{number}.tsv"
