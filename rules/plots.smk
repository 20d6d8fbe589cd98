# Pictures, table and summary: for the report (snakemake --report report.html), and as files in results/{name}/plots/.
# All are made from the files of trials and final model, without TensorFlow.


rule gather:
    input:
        code=code_files.of("gather.py"),
        model=ancient(search_files.model),
        data=search_files.manifest,
        trials=search_files.trials,
        runs=search_files.run_records,
    output:
        search="results/{name}/plots/search.json",
    params:
        model=search_files.fingerprint,
        search=rule_params.search,
        data=rule_params.data,
        points=rule_params.points,
        warm_start=search_files.warm_start_digest,
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
        code=code_files.of("plot_search.py"),
        text=report_files.template("search.rst"),
        page_texts=[report_files.template("search.html"), report_files.template("pages.css")],
        search="results/{name}/plots/search.json",
    output:
        # A report.zip takes the interactive page; a report.html can hold no folder, and gets the pictures.
        folder=report(
            directory("results/{name}/plots/search"),
            caption=report_files.caption("search"),
            category="Search",
            **(
                {"htmlindex": "index.html", "labels": {"result": "Pictures of the search"}}
                if any(word.endswith(".zip") for word in sys.argv)
                else {"patterns": ["{plot}.svg"], "labels": {"result": "{plot}"}}
            ),
        ),
        caption="results/{name}/plots/captions/search.rst",
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


rule list_trials:
    input:
        code=code_files.of("list_trials.py"),
        text=report_files.template("table.rst"),
        page_texts=report_files.template("pages.css"),
        search="results/{name}/plots/search.json",
        tracking=search_files.linked_search,
        runs=search_files.linked_runs,
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
        **report_files.templates("confusion", "mistakes", "training"),
        code=code_files.of("plot_final.py"),
        metrics="results/{name}/final/metrics.json",
        mistakes="results/{name}/final/mistakes.npz",
        layers="results/{name}/final/layers.txt",
        page_texts=report_files.template("pages.css"),
    output:
        **report_files.picture("confusion", "Final model"),
        **report_files.picture("mistakes", "Final model"),
        **report_files.picture("training", "Final model"),
        layers=report(
            "results/{name}/plots/layers.html",
            caption="../report/layers.rst",
            category="Final model",
            labels={"result": "Layers of the final model"},
        ),
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
        code=code_files.of("summarize.py"),
        text=report_files.template("summary.rst"),
        page_texts=[report_files.template("summary.html"), report_files.template("pages.css")],
        data=search_files.manifest,
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
        config=rule_params.configuration,
        job=rule_params.job,
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
