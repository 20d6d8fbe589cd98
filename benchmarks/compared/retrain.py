"""Print the test score of a model that is trained again: python -m compared.retrain JOB HYPERPARAMETERS (both JSON)."""

import json
import sys

from compared import tasks
from compared.job import Job

if __name__ == "__main__":
    job, hp = Job(**json.loads(sys.argv[1])), json.loads(sys.argv[2])
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    keras.utils.set_random_seed(job.seed)
    print(tasks.tested(job.about, hp, job.data, job.epochs))
