# Pictures, table and summary: for the report (snakemake --report report.html), and as files in results/{name}/plots/.
# All from the JSON files of trials and final model: no TensorFlow.


rule gather:
    input:
        code=code.files("gather.py"),
        model=files.model,
        data=files.manifest,
        trials=files.trials,
        run_records=files.run_records,
    output:
        search="results/{name}/plots/search.json",
    params:
        search=rule_params.search,
        data=rule_params.data,
    log:
        "results/{name}/logs/plots/gather.log",
    benchmark:
        "results/{name}/benchmarks/plots/gather.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/data.yaml"
    localrule: True
    script:
        "../scripts/gather.py"


rule plot_search:
    input:
        **report_files.caption_texts("validation", "curves", "hyperparameters", "importance", "timeline"),
        code=code.files("plot_search.py"),
        search="results/{name}/plots/search.json",
    output:
        **report_files.picture("validation", "Search"),
        **report_files.picture("curves", "Search"),
        **report_files.picture("hyperparameters", "Search"),
        **report_files.picture("importance", "Search"),
        **report_files.picture("timeline", "Search"),
    log:
        "results/{name}/logs/plots/search.log",
    benchmark:
        "results/{name}/benchmarks/plots/search.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../envs/plots.yaml"
    localrule: True
    script:
        "../scripts/plot_search.py"


rule plot_parallel_coordinates:
    input:
        code=code.files("plot_parallel_coordinates.py"),
        text=report_files.caption_text("parallel_coordinates"),
        search="results/{name}/plots/search.json",
    output:
        page=report(
            "results/{name}/plots/parallel_coordinates.html",
            caption=report_files.caption("parallel_coordinates"),
            category="Search",
            labels={"result": "Parallel coordinates of the hyperparameters"},
        ),
        svg="results/{name}/plots/parallel_coordinates.svg",
        png="results/{name}/plots/parallel_coordinates.png",
        caption="results/{name}/plots/captions/parallel_coordinates.rst",
    log:
        "results/{name}/logs/plots/parallel_coordinates.log",
    benchmark:
        "results/{name}/benchmarks/plots/parallel_coordinates.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../envs/plots.yaml"
    localrule: True
    script:
        "../scripts/plot_parallel_coordinates.py"


rule list_trials:
    input:
        code=code.files("list_trials.py"),
        text=report_files.caption_text("table"),
        search="results/{name}/plots/search.json",
        tracking=files.linked_search,
        runs=files.linked_runs,
    output:
        page=report(
            "results/{name}/plots/table.html",
            caption=report_files.caption("table"),
            category="Trials",
            labels={"result": "Table of all trials"},
        ),
        caption="results/{name}/plots/captions/table.rst",
    log:
        "results/{name}/logs/plots/table.log",
    benchmark:
        "results/{name}/benchmarks/plots/table.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/plots.yaml"
    localrule: True
    script:
        "../scripts/list_trials.py"


rule plot_final:
    input:
        **report_files.caption_texts("confusion", "mistakes", "training", "network"),
        code=code.files("plot_final.py"),
        metrics="results/{name}/final/metrics.json",
        mistakes="results/{name}/final/mistakes.npz",
        network="results/{name}/final/network.json",
    output:
        **report_files.picture("confusion", "Final model"),
        **report_files.picture("mistakes", "Final model"),
        **report_files.picture("training", "Final model"),
        **report_files.picture("network", "Final model"),
    log:
        "results/{name}/logs/plots/final.log",
    benchmark:
        "results/{name}/benchmarks/plots/final.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/plots.yaml"
    localrule: True
    script:
        "../scripts/plot_final.py"


rule summarize:
    input:
        code=code.files("summarize.py"),
        text=report_files.caption_text("summary"),
        page_text=report_files.report_file("summary.html"),
        data=files.manifest,
        search="results/{name}/plots/search.json",
        best="results/{name}/best.json",
        metrics="results/{name}/final/metrics.json",
        run_record="results/{name}/final/run.json",
    output:
        page=report(
            "results/{name}/plots/summary.html",
            caption=report_files.caption("summary"),
            category="Summary",
            labels={"result": "Summary"},
        ),
        configuration="results/{name}/config.yaml",
        caption="results/{name}/plots/captions/summary.rst",
    params:
        final=rule_params.final,
        config=rule_params.config,
    log:
        "results/{name}/logs/plots/summary.log",
    benchmark:
        "results/{name}/benchmarks/plots/summary.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../envs/plots.yaml"
    localrule: True
    script:
        "../scripts/summarize.py"
