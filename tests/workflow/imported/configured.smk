module snakeras:
    snakefile:
        "@snakefile@"
    config:
        {"name": "theirs", "data": {"dataset": "mnist-5k"}, "search": {"max_evals": 1, "epochs": 1, "train_samples": 100}}


use rule * from snakeras
