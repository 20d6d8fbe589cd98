# The final model: the best hyperparameters, all training data, one test.


rule retrain:
    input:
        code=code.files("retrain.py"),
        model=files.model,
        data=files.manifest,
        script_data=files.mnist_for_model,
        best="results/{name}/best.json",
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
        network="results/{name}/final/network.json",
        run_record="results/{name}/final/run.json",
    params:
        search=rule_params.search,
        final=rule_params.final,
        job=rule_params.job,
    log:
        "results/{name}/logs/retrain.log",
    benchmark:
        "results/{name}/benchmarks/retrain.tsv"
    threads: training.threads
    resources:
        mem_mb=training.mem_mb,
        runtime=training.runtime,
        gpu=training.gpu,
    retries: training.retries
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/retrain.py"
