"""Run one search in this process, as a user's script would: python -m compared.search JOB (a Job as JSON)."""

import json
import sys

from compared.job import Job
from compared.rows import ROWS

if __name__ == "__main__":
    job = Job(**json.loads(sys.argv[1]))
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    tf.config.threading.set_inter_op_parallelism_threads(job.threads)
    keras.utils.set_random_seed(job.seed)
    ROWS[job.library].search(job)
