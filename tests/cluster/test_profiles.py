"""What each profile makes of the jobs, by dry runs."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cluster_folder import light
from workflow_folder import ROOT, Folder, environment

pytestmark = pytest.mark.slow

PROFILES = sorted(path.parent.name for path in ROOT.glob("profiles/*/config.yaml"))
ARGUMENTS = ("--config", "search={max_evals: 2}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return light(tmp_path_factory.mktemp("profiles") / "work")


@pytest.fixture(scope="module")
def bucket(folder: Folder) -> Iterator[dict[str, str]]:
    """The environment for an S3 store in which my-bucket has a copy of the workflow."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    names = {"ENDPOINT_URL": url, "ACCESS_KEY": "key", "SECRET_KEY": "secret"}
    client = boto3.client("s3", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key="secret")
    client.create_bucket(Bucket="my-bucket")
    for path in sorted([*folder.path.rglob("*.py"), *folder.path.glob("report/*")]):
        client.upload_file(str(path), "my-bucket", f"snakeras/{path.relative_to(folder.path)}")
    yield {f"SNAKEMAKE_STORAGE_S3_{name}": value for name, value in names.items()}
    server.stop()


def dry_run(folder: Folder, profile: str, more: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-m", "snakemake", "--profile", f"profiles/{profile}", "--quiet", "host"]
    run = subprocess.run(
        [*command, *folder.arguments, *ARGUMENTS, "--dry-run"],
        cwd=folder.path,
        env=environment() | (more or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


def resources(said: str) -> dict[str, dict[str, str]]:
    """The resources of a job of each rule, by what a dry run says."""
    found, job = {}, r"^(?:local)?(?:rule|checkpoint) (\w+):\n(?: .*\n)*?    resources: (.*)$"
    for rule, line in re.findall(job, said, re.MULTILINE):
        found[rule] = dict(entry.split("=", 1) for entry in line.split(", "))
    return found


def training_rules(text: str) -> list[str]:
    """The rules of a file whose jobs take a GPU, by all names that they may have."""
    blocks = re.findall(r"^rule ?(\w*):\n((?:(?:    .*)?\n)*?)        gpu=rule_params.gpu", text, re.MULTILINE)
    names = [
        name for own, block in blocks for name in ([own] if own else re.findall(r'"(\w+)"', block.split("input:")[0]))
    ]
    return names + [
        name for base, name in re.findall(r"^use rule (\w+) as (\w+) with", text, re.MULTILINE) if base in names
    ]


CLOUD = "uv pip install --no-deps --requirement envs/requirements-cloud.txt"


def needs(*modules: str, install: str = "make setup-cluster") -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: {install}")


def test_slurm(folder: Folder) -> None:
    needs("snakemake_executor_plugin_slurm")
    found = resources(dry_run(folder, "slurm"))
    for rule in "trial", "retrain":
        asked = {key: found[rule][key] for key in ("slurm_partition", "gpu", "mem_mb", "runtime")}
        assert asked == {"slurm_partition": "gpu", "gpu": "1", "mem_mb": "1000", "runtime": "5"}
    assert "slurm_partition" not in found["best"]


def test_cluster_generic(folder: Folder) -> None:
    needs("snakemake_executor_plugin_cluster_generic")
    found = resources(dry_run(folder, "cluster-generic"))
    assert all(found[rule]["partition"] == "gpu" and found[rule]["gpu"] == "1" for rule in ("trial", "retrain"))


def test_kubernetes(folder: Folder, bucket: dict[str, str]) -> None:
    needs("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_s3", install=CLOUD)
    said = dry_run(folder, "kubernetes", bucket)
    asked = resources(said)["trial"]
    assert (asked["gpu"], asked["gpu_manufacturer"]) == ("1", "nvidia")
    assert "s3://my-bucket/snakeras/results/light/trials/0000.json" in said


def test_aws_batch(folder: Folder, bucket: dict[str, str]) -> None:
    needs("snakemake_executor_plugin_aws_batch", "snakemake_storage_plugin_s3", install=CLOUD)
    where = {"SNAKEMAKE_AWS_BATCH_JOB_QUEUE": "queue", "SNAKEMAKE_AWS_BATCH_JOB_ROLE": "role"}
    said = dry_run(folder, "aws-batch", bucket | where)
    assert resources(said)["trial"]["_gpus"] == "1"
    assert "s3://my-bucket/snakeras/results/light/trials/0000.json" in said


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_leaves_to_the_default_one_what_suits_every_site(profile: str) -> None:
    default = yaml.safe_load(Path(ROOT / "profiles/default/config.yaml").read_text())
    if profile == "default":
        assert default.keys() == {"keep-going", "rerun-incomplete", "rerun-triggers", "quiet"}
    else:
        own = yaml.safe_load(Path(ROOT / "profiles" / profile / "config.yaml").read_text())
        assert not default.keys() & own.keys()
        # The jobs that train: most are known to no dry run.
        trains = {rule for path in (ROOT / "rules").glob("*.smk") for rule in training_rules(path.read_text())}
        assert trains == {"trial", "finalist", "member", "retrain", "ensemble"}
        assert trains == set(own["preemptible-rules"]) == own["set-resources"].keys()
        assert all(asked == own["set-resources"]["trial"] for asked in own["set-resources"].values())
        # More than a trial that crashes by itself needs, so that it is recorded.
        assert own["preemptible-retries"] > yaml.safe_load((ROOT / "config.yaml").read_text())["search"]["retries"]
