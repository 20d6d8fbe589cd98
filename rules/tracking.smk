# Publish to MLflow, by light jobs beside the search. They only read what other rules made: a tracker that is away, slow
# or broken makes them fail, and nothing else. The next call publishes what is missing.

# They use no threads of --cores, so they neither wait for trials nor delay them. Snakemake runs a limited number of such
# jobs at a time: at most three of these, so that a slow tracker does not block all others.
if "publishing" not in workflow.global_resources:
    workflow.register_resource("publishing", 3)


rule publish_search:
    input:
        code=code_files.of("publish_search.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
    output:
        search="results/{name}/tracking/search.json",
    params:
        name=rule_params.name,
        model=search_files.fingerprint,
        search=rule_params.search,
        data=rule_params.data,
        tracking=rule_params.tracking,
        trials=search_files.trials_folder,
        job=rule_params.job,
        config=rule_params.configuration,
    log:
        "results/{name}/logs/tracking/search.log",
    benchmark:
        "results/{name}/benchmarks/tracking/search.tsv"
    threads: 0
    resources:
        mem_mb=1000,
        publishing=1,
    conda:
        "../envs/tracking.yaml"
    localrule: True
    script:
        "../scripts/publish_search.py"


rule publish_trial:
    input:
        search="results/{name}/tracking/search.json",
        data=search_files.manifest,
        trial="results/{name}/trials/{trial}.json",
        run_record="results/{name}/trials/{trial}.run.json",
        # Snakemake compares folders by time; the trial's JSON file changes with this one.
        model=ancient("results/{name}/trials/{trial}"),
    output:
        run="results/{name}/tracking/{trial}.json",
    params:
        # Not as inputs, as in rule trial.
        code=code_files.digest("publish_trial.py"),
        name=rule_params.name,
        tracking=rule_params.tracking,
        job=rule_params.job,
    log:
        "results/{name}/logs/tracking/{trial}.log",
    benchmark:
        "results/{name}/benchmarks/tracking/{trial}.tsv"
    threads: 0
    resources:
        mem_mb=1000,
        publishing=1,
    conda:
        "../envs/tracking.yaml"
    localrule: True
    script:
        "../scripts/publish_trial.py"


rule publish_final:
    input:
        code=code_files.of("publish_final.py"),
        search="results/{name}/tracking/search.json",
        data=search_files.manifest,
        best="results/{name}/best.json",
        winner="results/{name}/winner.json",
        table="results/{name}/trials.csv",
        finalists=search_files.finalists_table,
        metrics="results/{name}/final/metrics.json",
        example="results/{name}/final/example.json",
        run_record="results/{name}/final/run.json",
        model=ancient("results/{name}/final"),
    output:
        run="results/{name}/tracking/final.json",
    params:
        name=rule_params.name,
        tracking=rule_params.tracking,
        trials=search_files.trials_folder,
        job=rule_params.job,
        config=rule_params.configuration,
    log:
        "results/{name}/logs/tracking/final.log",
    benchmark:
        "results/{name}/benchmarks/tracking/final.tsv"
    threads: 0
    resources:
        mem_mb=1000,
        publishing=1,
    conda:
        "../envs/tracking.yaml"
    localrule: True
    script:
        "../scripts/publish_final.py"


rule publish_data:
    input:
        code=code_files.of("publish_data.py"),
        data=search_files.manifest,
    output:
        dataset="results/{name}/tracking/data.json",
    params:
        tracking=rule_params.tracking,
        job=rule_params.job,
    log:
        "results/{name}/logs/tracking/data.log",
    benchmark:
        "results/{name}/benchmarks/tracking/data.tsv"
    threads: 0
    resources:
        mem_mb=2000,
        publishing=1,
    conda:
        "../envs/tracking.yaml"
    localrule: True
    script:
        "../scripts/publish_data.py"
