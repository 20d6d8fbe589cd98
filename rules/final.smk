# The final model: the best hyperparameters, all training data, one test.


rule retrain:
    input:
        code=code_files.of("retrain.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        script_data=search_files.script_data,
        winner=lambda wildcards: checkpoints.best.get(name=wildcards.name).output.winner,
        outdated=outdated_trials.force_final,
    output:
        model="results/{name}/final/model.keras",
        metrics=report(
            "results/{name}/final/metrics.json",
            caption="../report/metrics.rst",
            category="Final model",
            labels={"result": "Metrics (JSON)"},
        ),
        example="results/{name}/final/example.json",
        mistakes="results/{name}/final/mistakes.npz",
        layers="results/{name}/final/layers.txt",
        run_record="results/{name}/final/run.json",
    params:
        model=search_files.fingerprint,
        search=rule_params.search,
        final=rule_params.final,
        job=rule_params.job,
    log:
        "results/{name}/logs/retrain.log",
    benchmark:
        "results/{name}/benchmarks/retrain.tsv"
    threads: rule_params.threads
    resources:
        mem_mb=rule_params.mem_mb,
        runtime=rule_params.runtime,
        gpu=rule_params.gpu,
    retries: rule_params.retries
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/retrain.py"
