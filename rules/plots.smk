# Pictures, table and summary: for the report (snakemake --report report.html), and as files in results/{name}/plots/.
# All are made from the files of trials and final model, without TensorFlow.


rule gather:
    input:
        code=plan.code("gather.py"),
        model=plan.model,
        data=plan.manifest,
        trials=plan.trials,
        runs=plan.happened,
    output:
        search="results/{name}/plots/search.json",
    params:
        search=plan.search,
        data=plan.data,
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
        code=plan.code("plot_search.py"),
        text=plan.caption_text("search"),
        page_texts=[plan.report_file("search.html"), plan.report_file("pages.css")],
        search="results/{name}/plots/search.json",
    output:
        # A report.zip takes the interactive page; a report.html can hold no folder, and gets the pictures.
        folder=report(
            directory("results/{name}/plots/search"),
            caption=plan.caption("search"),
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
        code=plan.code("list_trials.py"),
        text=plan.caption_text("table"),
        page_texts=plan.report_file("pages.css"),
        search="results/{name}/plots/search.json",
        tracking=plan.linked_search,
        runs=plan.linked_runs,
    output:
        page=report(
            "results/{name}/plots/table.html",
            caption=plan.caption("table"),
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
        **plan.caption_texts("confusion", "mistakes", "training"),
        code=plan.code("plot_final.py"),
        metrics="results/{name}/final/metrics.json",
        mistakes="results/{name}/final/mistakes.npz",
        network="results/{name}/final/network.txt",
        page_texts=plan.report_file("pages.css"),
    output:
        **plan.picture("confusion", "Final model"),
        **plan.picture("mistakes", "Final model"),
        **plan.picture("training", "Final model"),
        network=report(
            "results/{name}/plots/network.html",
            caption="../report/network.rst",
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
        code=plan.code("summarize.py"),
        text=plan.caption_text("summary"),
        page_texts=[plan.report_file("summary.html"), plan.report_file("pages.css")],
        data=plan.manifest,
        search="results/{name}/plots/search.json",
        best="results/{name}/best.json",
        metrics="results/{name}/final/metrics.json",
        happened="results/{name}/final/run.json",
    output:
        page=report(
            "results/{name}/plots/summary.html",
            caption=plan.caption("summary"),
            category="Summary",
            labels={"result": "Summary"},
        ),
        configuration="results/{name}/config.yaml",
        caption="results/{name}/plots/captions/summary.rst",
    params:
        final=plan.final,
        config=plan.configuration,
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
