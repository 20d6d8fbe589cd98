# From the sources of a dataset to arrays that trials map into memory.
#
# Snakemake knows the small files that vouch for the large ones: SHA256SUMS and data.json. MNIST's files and the arrays
# lie in resources/, a cache. Whoever reads one verifies it, and makes it again in place if need be; were they outputs, a
# lost one would run every finished trial again, and a copied folder would, since Snakemake compares large files by time.


rule fetch:
    input:
        code=code.files("fetch.py"),
    output:
        sums="resources/mnist/SHA256SUMS",
    params:
        sha256=rule_params.mnist_sha256,
        job=rule_params.job,
    log:
        "resources/logs/fetch.log",
    benchmark:
        "resources/benchmarks/fetch.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/data.yaml"
    localrule: True
    script:
        "../scripts/fetch.py"


rule prepare:
    input:
        code=code.files("prepare.py"),
        raw=files.mnist,
    output:
        manifest="results/{name}/data.json",
    params:
        data=rule_params.prepared,
        arrays=files.arrays,
        job=rule_params.job,
    log:
        "results/{name}/logs/prepare.log",
    benchmark:
        "results/{name}/benchmarks/prepare.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../envs/data.yaml"
    localrule: True
    script:
        "../scripts/prepare.py"
