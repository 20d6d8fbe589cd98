module snakeras:
    snakefile:
        "@snakefile@"
    config:
        {"name": "theirs", "data": {"dataset": "mnist-5k"}, "search": {"max_evals": 1, "model": "theirs.py"}}


use rule * from snakeras
