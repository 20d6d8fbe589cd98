"""One job of peers.smk: python -m compared.one WHAT JOB OUTPUT, with WHAT run or a question, JOB a Job as JSON.

A library that is missing, or fails, is a result too.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from snakeras.core import files
from snakeras.process import lifetime

from compared import behaviour, data, measure
from compared.job import Job
from compared.rows import ROWS


def result(what: str, job: Job) -> dict:
    """Return what the job has shown, or in a line why it shows nothing."""
    package = ROWS[job.library].package
    if ROWS[job.library].version is None:
        return {"error": f"{package} is not installed: make setup EXTRA=benchmarks"}
    try:
        return (behaviour.QUESTIONS | {"run": measure.run})[what](job)
    except measure.SearchFailed as error:
        return {"error": str(error)}


if __name__ == "__main__":
    lifetime.die_with_snakemake()
    what, job, output = sys.argv[1], Job(**json.loads(sys.argv[2])), Path(sys.argv[3])
    data.write(job.task, job.seed, job.samples, Path("mnist"), Path(job.data))
    with tempfile.TemporaryDirectory() as folder:
        found = result(what, replace(job, folder=folder, data=str(Path(job.data).resolve())))
    about = {"versions": measure.versions(job.library), "machine": measure.machine()}
    about |= {"trials_given": job.trials, "epochs_given": job.epochs}
    with files.whole(output) as temporary:
        temporary.write_text(json.dumps(found | about, indent=1))
