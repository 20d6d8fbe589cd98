# The final model: the best hyperparameters trained again, or an ensemble; then one test.


rule:
    name:
        "ensemble" if rule_params.ensemble else "retrain"
    input:
        code=code_files.of("retrain.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        script_data=search_files.script_data,
        winner=lambda wildcards: checkpoints.best.get(name=wildcards.name).output.winner,
        outdated=outdated_trials.force_final,
        members=(
            (
                lambda wildcards: search_files.members(
                    checkpoints.best.get(name=wildcards.name).output.best
                    if rule_params.finalists
                    else checkpoints.candidates.get(name=wildcards.name).output.candidates
                )
            )
            if rule_params.ensemble
            else []
        ),
    output:
        # With the model, whose file is called after its kind.
        folder=directory("results/{name}/final"),
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
        model=search_files.final_fingerprint,
        search=rule_params.search,
        final=rule_params.final,
        test_function=rule_params.test_function,
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
