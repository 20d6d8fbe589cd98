# Publishing to MLflow, by light jobs beside the search. They only read what the other rules made: a tracker that is away,
# slow or broken makes them fail, and nothing else. What failed is done by the next call.

# Not a thread of --cores: publishing never waits for a trial's, and never takes them from one. But Snakemake has only so
# many hands for jobs without threads, which a slow tracker must not keep all.
if "publishing" not in workflow.global_resources:
    workflow.register_resource("publishing", 3)


rule publish_search:
    input:
        code=code.files("publish_search.py"),
        model=files.model,
        data=files.manifest,
    output:
        search="results/{name}/tracking/search.json",
    params:
        name=settings.name,
        search=rule_params.search,
        data=rule_params.data,
        tracking=rule_params.tracking,
        trials=files.trials_folder,
        job=rule_params.job,
        config=rule_params.config,
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
        data=files.manifest,
        trial="results/{name}/trials/{trial}.json",
        run_record="results/{name}/trials/{trial}.run.json",
        # Compared by the trial's JSON file, which changes with it: Snakemake compares folders by time.
        model=ancient("results/{name}/trials/{trial}"),
    output:
        run="results/{name}/tracking/{trial}.json",
    params:
        # Not as inputs, as in rule trial.
        code=code.digest("publish_trial.py"),
        name=settings.name,
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
        code=code.files("publish_final.py"),
        search="results/{name}/tracking/search.json",
        data=files.manifest,
        best="results/{name}/best.json",
        table="results/{name}/trials.csv",
        metrics="results/{name}/final/metrics.json",
        example="results/{name}/final/example.json",
        run_record="results/{name}/final/run.json",
        model=ancient("results/{name}/final/model.keras"),
    output:
        run="results/{name}/tracking/final.json",
    params:
        name=settings.name,
        tracking=rule_params.tracking,
        trials=files.trials_folder,
        job=rule_params.job,
        config=rule_params.config,
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
        code=code.files("publish_data.py"),
        data=files.manifest,
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
