# The final model: the best hyperparameters, all training data, one test.


rule retrain:
    input:
        code=plan.code("retrain.py"),
        model=plan.model,
        data=plan.manifest,
        script_data=plan.script_data,
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
        network="results/{name}/final/network.txt",
        happened="results/{name}/final/run.json",
    params:
        search=plan.search,
        final=plan.final,
        job=plan.job,
    log:
        "results/{name}/logs/retrain.log",
    benchmark:
        "results/{name}/benchmarks/retrain.tsv"
    threads: plan.threads
    resources:
        mem_mb=plan.mem_mb,
        runtime=plan.runtime,
        gpu=plan.gpu,
    retries: plan.retries
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/retrain.py"
