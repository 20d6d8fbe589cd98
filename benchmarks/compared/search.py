"""Run one search in this process, as a user's script would: python -m compared.search JOB (a Job as JSON)."""

import json
import os
import socket
import subprocess
import sys
from functools import partial

from snakeras.process import lifetime

from compared.job import Job
from compared.rows import ROWS


def distributed(at_once: int) -> int:
    """Run KerasTuner's way to several trials at a time, a chief and a process for each; return the worst exit code."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        told = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(free.getsockname()[1])}
    names = ["chief", *(f"tuner{number}" for number in range(at_once))]
    variables = [{**os.environ, **told, "KERASTUNER_TUNER_ID": name} for name in names]
    end = partial(lifetime.die_with_parent, os.getpid())
    started = [subprocess.Popen(sys.orig_argv, env=one, preexec_fn=end) for one in variables]
    return max(abs(process.wait()) for process in started)


if __name__ == "__main__":
    job = Job(**json.loads(sys.argv[1]))
    if ROWS[job.library].package == "keras-tuner" and job.at_once > 1 and "KERASTUNER_TUNER_ID" not in os.environ:
        sys.exit(distributed(job.at_once))
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(job.threads_each)
    tf.config.threading.set_inter_op_parallelism_threads(job.threads_each)
    keras.utils.set_random_seed(job.seed)
    ROWS[job.library].search(job)
