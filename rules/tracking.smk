# Publishing to MLflow. It only reads what the other rules made: a tracker can never hurt the search.


rule log:
    input:
        code=plan.code("log.py"),
        # Compared by metrics.json, which changes with it: Snakemake compares large files by time.
        model=ancient("results/{name}/final/model.keras"),
        metrics="results/{name}/final/metrics.json",
        best="results/{name}/best.json",
        table="results/{name}/trials.csv",
    output:
        run="results/{name}/final/tracking.json",
    params:
        name=plan.name,
        tracking=plan.tracking,
    log:
        "results/{name}/logs/log.log",
    benchmark:
        "results/{name}/benchmarks/log.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../envs/tracking.yaml"
    script:
        "../scripts/log.py"
