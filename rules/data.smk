# From the sources of a dataset to arrays that trials map into memory.


rule fetch:
    input:
        code=plan.code("fetch.py"),
    output:
        plan.mnist,
    log:
        "resources/logs/fetch.log",
    benchmark:
        "resources/benchmarks/fetch.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        folder=config["data"]["mnist_folder"],
    script:
        "../scripts/fetch.py"


# The arrays lie beside the manifest, unknown to Snakemake: whoever reads one verifies it, and makes it again in place
# if need be, which must not run finished trials again.
rule prepare:
    input:
        code=plan.code("prepare.py"),
        raw=ancient(plan.raw),
    output:
        manifest="resources/prepared/{dataset}_{fraction}_{seed}/manifest.json",
    log:
        "resources/logs/prepare/{dataset}_{fraction}_{seed}.log",
    benchmark:
        "resources/benchmarks/prepare/{dataset}_{fraction}_{seed}.tsv"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        dataset="{dataset}",
        fraction="{fraction}",
        seed="{seed}",
    script:
        "../scripts/prepare.py"
