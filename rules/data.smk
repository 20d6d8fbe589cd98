# From the sources of a dataset to arrays that trials map into memory.
#
# Snakemake knows the small files that vouch for the large ones: SHA256SUMS and manifest.json. MNIST's files and the
# arrays lie beside them. Whoever reads one verifies it, and makes it again in place if need be; were they outputs, a
# lost one would run every finished trial again, and a copied folder would, since Snakemake compares large files by time.


rule fetch:
    input:
        code=plan.code("fetch.py"),
    output:
        sums="resources/mnist/SHA256SUMS",
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


rule prepare:
    input:
        code=plan.code("prepare.py"),
        raw=plan.raw,
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
