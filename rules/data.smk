# From the sources of a dataset to arrays that trials map into memory.
#
# Snakemake knows only the small files with checksums: SHA256SUMS and data.json. MNIST's files and the arrays lie in
# resources/, a cache: each job that reads one verifies it, and makes it again in place if it is broken. As outputs, a lost
# one would run every finished trial again, and so would a copied folder: Snakemake compares large files by time.


rule fetch:
    input:
        code=code_files.of("fetch.py"),
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
        code=code_files.of("prepare.py"),
        raw=search_files.raw_data,
    output:
        manifest="results/{name}/data.json",
    params:
        data=rule_params.prepared,
        arrays=rule_params.arrays,
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
