# The final model: the best hyperparameters, all training data, one test.


rule retrain:
    input:
        code=plan.code("retrain.py"),
        model=plan.model,
        data=plan.manifest,
        best="results/{name}/best.json",
    output:
        model="results/{name}/final/model.keras",
        metrics=report("results/{name}/final/metrics.json", caption="../report/metrics.rst", category="Final model"),
        happened="results/{name}/final/run.json",
    params:
        search=plan.search,
        final=plan.final,
    log:
        "results/{name}/logs/retrain.log",
    benchmark:
        "results/{name}/benchmarks/retrain.tsv"
    threads: plan.threads
    resources:
        mem_mb=4000,
        gpu=plan.gpu,
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/retrain.py"
